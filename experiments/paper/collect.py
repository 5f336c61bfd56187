"""Put together what bring.py cut: verify every part and the whole, write networks that the project reads.

python experiments/paper/collect.py FOLDER... OUT
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tarfile
from pathlib import Path

from safetensors import safe_open

from salgan._files import replacing
from salgan.errors import ModelError, SalganError
from salgan.networks import load_network, save_network


def main() -> None:
    """Collect what the command line names."""
    parser = argparse.ArgumentParser(description="Join networks and records that bring.py cut.")
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="what came home")
    parser.add_argument("out", type=Path, help="folder to write")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        for folder in arguments.folders:
            for path in collect(folder, arguments.out):
                print(path)
    except (SalganError, OSError, tarfile.TarError) as error:
        sys.exit(f"collect: error: {error}")


def collect(folder: Path, out: Path) -> list[Path]:
    """Write every network of a folder, and unpack its records below ``out``.

    Raises:
        ModelError: a part is missing, or a hash is another one.
    """
    written = []
    for manifest in sorted(folder.glob("*.json")):
        record = json.loads(manifest.read_text(encoding="utf-8"))
        content = b"".join(_verified(folder / name, sha256) for name, sha256 in record["parts"].items())
        _verify(content, record["sha256"], str(manifest))
        target = out / f"{Path(record['name']).name}.safetensors"
        with replacing(target) as half:
            half.write_bytes(content)
            network = load_network(half)
            with safe_open(half, framework="pt") as file:
                about = {key: text for key, text in file.metadata().items() if key == "salgan.epoch"}
        save_network(network, target, metadata=about)
        written.append(target)
    if (folder / "records.tar.xz").is_file():
        with tarfile.open(folder / "records.tar.xz") as archive:
            archive.extractall(out / "records", filter="data")
        written.append(out / "records")
    return written


def _verified(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: is missing; bring it again") from None
    _verify(content, sha256, str(path))
    return content


def _verify(content: bytes, sha256: str, origin: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelError(f"{origin}: has sha256 {found}, not {sha256}; bring it again")


if __name__ == "__main__":
    main()
