"""Give the light network's ONNX file the input shapes that validation chose; its weights stay as they are.

    python experiments/lite/record.py IN.onnx -o OUT.onnx

The network was trained on pictures squeezed into 320×256. Between 3:5 and 5:3 it does best when that is done
to all pictures; beyond, the shape nearest to the picture's own is better (``experiments/lite/shapes.py``
measures it; docs/models/lite.md has the figures).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import onnx

from salgan._files import replacing
from salgan.errors import SalganError
from salgan.preprocessing import METADATA_KEY, Preprocessing

_LONG = ((224, 352), (192, 416), (160, 480))
SHAPES = ((256, 320), *_LONG, *(shape[::-1] for shape in _LONG))
"""Rows and columns; all of about 80,000 pixels, so that no shape takes longer than another."""
SQUASH = (3 / 5, 5 / 3)
"""Width / height between which pictures are squeezed into 320×256 all the same."""


def main() -> None:
    """Parse, change, write."""
    parser = argparse.ArgumentParser(
        description="Put input shapes into the record of the light network's file."
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    model = onnx.load(arguments.model)
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            record = replace(Preprocessing.from_json(entry.value), shapes=SHAPES, squash=SQUASH)
            entry.value = record.to_json()
    with replacing(arguments.out) as part:
        part.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
