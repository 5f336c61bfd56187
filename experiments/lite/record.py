"""Give the light network the input shapes that validation chose, and halve its file.

    python experiments/lite/record.py IN.safetensors -o OUT.safetensors

The network was trained on pictures squeezed into one shape. Between 3:5 and 5:3 it does best when that is
done to all pictures. Beyond, the shape nearest to the picture's own is better, and a picture that is smaller
than the input is better not enlarged to it (``experiments/lite/shapes.py`` measures both; docs/models/lite.md
has the figures). Kernels are kept in 16 bits, which no metric notices.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from torch import nn

from salgan.errors import ModelError, SalganError
from salgan.networks import load_network, save_network
from salgan.networks.weights import preprocessing_of
from salgan.preprocessing import Preprocessing

SQUASH = (3 / 5, 5 / 3)
"""Width / height between which pictures are squeezed into the usual input all the same."""
LONG = {
    (256, 320): ((224, 352), (192, 416), (160, 480), (352, 224), (416, 192), (480, 160)),
    (288, 352): ((224, 384), (192, 416), (160, 480), (352, 224), (416, 192), (480, 160)),
    (352, 448): ((320, 480), (256, 576), (224, 672), (480, 320), (576, 256), (672, 224)),
}
"""By the usual input, the rows and columns for long pictures."""
SMALL = {(288, 352): (256, 320)}
"""By the usual input, that for pictures which would be enlarged to it."""


def with_shapes(record: Preprocessing) -> Preprocessing:
    """A record with the shapes that go with its usual input.

    Raises:
        ModelError: no shapes were chosen for such an input.
    """
    usual = record.shape
    if usual not in LONG:
        known = ", ".join(f"{rows}×{columns}" for rows, columns in LONG)
        raise ModelError(f"the input is {usual[0]}×{usual[1]}, and shapes were chosen for {known} alone")
    return replace(record.fixed(), shapes=(usual, *LONG[usual]), squash=SQUASH, small=SMALL.get(usual))


def in_16_bits(network: nn.Module) -> nn.Module:
    """The same network, changed in place, with kernels and matrices in 16 bits."""
    for weight in network.parameters():
        if weight.ndim > 1:
            weight.data = weight.data.half()
    return network


def main() -> None:
    """Parse, change, write."""
    parser = argparse.ArgumentParser(description="Put input shapes into the record of the light network.")
    parser.add_argument("network", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    network = load_network(arguments.network)
    record = with_shapes(preprocessing_of(network))
    network.preprocessing = record  # type: ignore[assignment]  # a plain attribute
    save_network(in_16_bits(network), arguments.out)


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
