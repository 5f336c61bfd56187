"""Put together the page that predicts in the browser: python web/build.py [FOLDER].

The page is that of `salgan serve`; one module, api.js, is replaced by the one that answers in the browser
instead of asking a service. `npm ci` in this folder brings ONNX Runtime; nothing is loaded from elsewhere.
"""

import hashlib
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from salgan import serve
from salgan.models.predictor import Predictor
from salgan.serve.page import page_look

HERE = Path(__file__).parent
PAGE = Path(serve.__file__).parent / "static"
MODEL = HERE.parent / "release" / "lite-int8.onnx"
RUNTIME = HERE / "node_modules" / "onnxruntime-web" / "dist"
OURS = ("api.js", "crops.js", "predict.js", "resample.js")
THEIRS = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src blob:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'"
)

WORDS = {
    '<a href="/api">API</a>': "",
    "It is sent to this service only, which does not keep it. Your browser does, until you clear it.": (
        "It stays in your browser until you clear it; nothing is uploaded."
    ),
    "What is within that is called “no difference” here.": (
        "This page predicts once; <code>salgan ab</code> says which differences are larger than that."
    ),
    "This page needs JavaScript; the API works without it.": "This page needs JavaScript.",
}
"""What the service's page says of the service, and what this one says instead."""


def build(folder: Path) -> None:
    """Write the page's files into a folder, which may exist."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ort").mkdir(exist_ok=True)
    for file in PAGE.iterdir():
        shutil.copy(file, folder)
    for name in OURS:
        shutil.copy(HERE / "src" / name, folder)
    for name in THEIRS:
        shutil.copy(RUNTIME / name, folder / "ort")
    shutil.copy(MODEL, folder / "model.onnx")
    (folder / "api.css").unlink(missing_ok=True)
    (folder / "index.html").write_text(page(), encoding="utf-8")
    (folder / "model.json").write_text(json.dumps(about()), encoding="utf-8")


def page() -> str:
    """The service's page, with addresses and words for one that stands alone."""
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    for old, new in WORDS.items():
        if old not in text:
            raise SystemExit(f"web/build.py: the service's page no longer says {old!r}; adapt WORDS")
        text = text.replace(old, new)
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    return text.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n  {policy}').replace(
        "/static/", ""
    )


def about() -> dict[str, object]:
    """What the page must know of the model: its name, its preprocessing, how maps are drawn."""
    predictor = Predictor(MODEL)
    record = {key: value for key, value in asdict(predictor.preprocessing).items() if value != ()}
    digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    return {"name": predictor.name, "sha256": digest, "preprocessing": record, "look": page_look()}


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "site" / "try")
