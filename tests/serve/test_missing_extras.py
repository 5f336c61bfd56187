"""A service without an extra says in one line, for what needs it, what to install; all else goes on."""

import os

import pytest

from tests.serve.conftest import png, serving

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + b"\0\0\0\x08mdat"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="20" height="9"/></svg>'
PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"

MISSING = {
    "image/heic": (HEIC, "pillow_heif", "heif"),
    "image/svg+xml": (SVG, "resvg_py", "vector"),
    "application/pdf": (PDF, "pypdfium2", "vector"),
}


@pytest.fixture(scope="module")
def bare(predictor, tmp_path_factory):
    """A service whose decoders, which are processes of their own, find none of the optional packages."""
    folder = tmp_path_factory.mktemp("without")
    for _, package, _ in MISSING.values():
        text = f"raise ModuleNotFoundError('No module named {package}', name='{package}')\n"
        (folder / f"{package}.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
        with serving(predictor) as client:
            yield client


@pytest.mark.parametrize("media_type", MISSING)
def test_a_file_that_needs_an_extra_gets_one_line_that_names_it(bare, media_type):
    content, package, extra = MISSING[media_type]
    answer = bare.post("/v1/predict", content=content, headers={"Content-Type": media_type})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == (
        f"picture: this needs {package}, which is not installed; run: pip install 'salgan[{extra}]'"
    )


def test_in_a_batch_only_the_file_that_needs_an_extra_fails(bare):
    files = [("picture", ("a.png", png())), ("picture", ("b.heic", HEIC))]
    a, b = bare.post("/v1/batch", files=files).json()["pictures"]
    assert "report" in a
    assert b["problem"]["detail"].endswith("run: pip install 'salgan[heif]'")


def test_what_needs_no_extra_is_answered_as_ever(bare):
    answer = bare.post("/v1/predict", content=png(), headers={"Content-Type": "image/png"})
    assert answer.status_code == 200
