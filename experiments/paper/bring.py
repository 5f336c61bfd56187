"""Files small enough to carry home: a branch's network in parts, and the records of the whole experiment.

    python experiments/paper/bring.py EXPERIMENT BRANCH OUT [--best]

EXPERIMENT is train.py's OUT, BRANCH bootstrap, bce or gan.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tarfile
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

PART = 15_900_000
"""Bytes of a part."""
_RECORDS = {".jsonl", ".yaml", ".json", ".md", ".csv"}


def main() -> None:
    """Bring what the command line names."""
    parser = argparse.ArgumentParser(description="Cut a trained network into small files.")
    parser.add_argument("experiment", type=Path, help="folder that train.py wrote")
    parser.add_argument("branch", choices=["bootstrap", "bce", "gan"])
    parser.add_argument("out", type=Path, help="folder for the files")
    parser.add_argument("--best", action="store_true", help="the best network on validation, not the last")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    run = arguments.experiment / "runs" / arguments.branch
    try:
        records(arguments.experiment, arguments.out / "records.tar.xz")
        cut(run / ("network" if arguments.best else "last"), arguments.branch, arguments.out)
    except (OSError, SafetensorError) as error:
        sys.exit(f"bring: error: {run}: {error}")
    for path in sorted(arguments.out.iterdir()):
        print(f"{path}: {path.stat().st_size / 2**20:.2f} MiB")


def cut(network: Path, name: str, out: Path) -> None:
    """Write ``name.json`` and the parts ``name.0``, ``name.1``... of a network in half precision."""
    with safe_open(network.with_suffix(".safetensors"), framework="pt") as file:
        tensors = {key: _half(file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118
        content = save(tensors, metadata=file.metadata())
    parts = {}
    for number, start in enumerate(range(0, len(content), PART)):
        part = content[start : start + PART]
        (out / f"{name}.{number}").write_bytes(part)
        parts[f"{name}.{number}"] = hashlib.sha256(part).hexdigest()
    manifest = {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "parts": parts}
    (out / f"{name}.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def records(experiment: Path, out: Path) -> None:
    """Pack every small text of an experiment: settings, metrics, scores, tables."""
    with tarfile.open(out, "w:xz") as archive:
        for path in sorted(experiment.rglob("*")):
            if path.is_file() and path.suffix in _RECORDS:
                archive.add(path, str(path.relative_to(experiment)))


def _half(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.half() if tensor.is_floating_point() else tensor


if __name__ == "__main__":
    main()
