"""Bring the paper's VGG-16 (Caffe, BGR) into the form that timm's has, so that a recipe can name it.

    python experiments/best/caffe.py vgg16_imagenet_caffe.safetensors -o vgg16_rgb.safetensors

timm's encoders are fed ``(x / 255 - mean) / std`` in RGB, and the paper's weights ``x - mean`` in BGR. Only
the first convolution sees the difference, and takes it up: its kernels are reversed and scaled, and what
remains of the means (less than 0.5 of 255) goes into its bias. The answers stay the same, but for that
remainder at the picture's border, where zeros are padded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from salgan._files import replacing
from salgan.errors import SalganError
from salgan.networks.encoders import Vgg16Encoder
from salgan.networks.files import as_safetensors, read_safetensors
from salgan.networks.weights import fitting
from salgan.preprocessing import IMAGENET, VGG16_CAFFE


def converted(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same network's weights for pictures in RGB that are normalised as timm's are.

    Args:
        weights: by timm's names, ``features.0.weight`` and so on; of any precision.
    """
    theirs = torch.tensor(VGG16_CAFFE.mean[::-1])  # of RGB
    mean, std = torch.tensor(IMAGENET.mean), torch.tensor(IMAGENET.std)
    found = {name: weight.float() for name, weight in weights.items()}
    kernels = found["features.0.weight"].flip(1)
    found["features.0.bias"] += (kernels.sum((2, 3)) * (255 * mean - theirs)).sum(1)
    found["features.0.weight"] = kernels * (255 * std)[None, :, None, None]
    return found


def main() -> None:
    """Parse, convert, write."""
    parser = argparse.ArgumentParser(description="Bring the paper's VGG-16 into the form that timm's has.")
    parser.add_argument("weights", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    _, tensors = read_safetensors(arguments.weights)
    weights = fitting(Vgg16Encoder().state_dict(), tensors, str(arguments.weights), "VGG-16")
    with replacing(arguments.out) as part:
        part.write_bytes(as_safetensors(converted(weights), {}))


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
