"""Give the light network the input shapes that validation chose; its weights stay as they are.

    python experiments/lite/record.py IN.safetensors -o OUT.safetensors

The network was trained on pictures squeezed into one shape. Between 3:5 and 5:3 it does best when that is
done to all pictures. Beyond, the shape nearest to the picture's own is better (``experiments/lite/shapes.py``
measures it; docs/models/lite.md has the figures).
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

from salgan.errors import SalganError
from salgan.networks import load_network, save_network
from salgan.networks.weights import preprocessing_of

_USUAL = (256, 320)
_LONG = ((224, 352), (192, 416), (160, 480))
"""Rows and columns; all of about as many pixels, so that no shape takes longer than another."""
SQUASH = (3 / 5, 5 / 3)
"""Width / height between which pictures are squeezed into 320×256 all the same."""


def shapes_for(usual: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """An input's rows and columns, and those for longer pictures, of about as many pixels."""
    factor = math.sqrt(math.prod(usual) / math.prod(_USUAL))
    long = [(_rounded(rows * factor), _rounded(columns * factor)) for rows, columns in _LONG]
    return (usual, *long, *((columns, rows) for rows, columns in long))


def _rounded(side: float) -> int:
    return 32 * round(side / 32)


def main() -> None:
    """Parse, change, write."""
    parser = argparse.ArgumentParser(description="Put input shapes into the record of the light network.")
    parser.add_argument("network", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    network = load_network(arguments.network)
    record = preprocessing_of(network)
    record = replace(record, shapes=shapes_for(record.shape), squash=SQUASH)
    network.preprocessing = record  # type: ignore[assignment]  # a plain attribute
    save_network(network, arguments.out)


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
