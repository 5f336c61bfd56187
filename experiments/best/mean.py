"""Join several networks into one file that answers with the mean of what they say.

    python experiments/best/mean.py NETWORK[@SCALE] ... -o best.onnx [--mirrored] [--screens 1[@SCALE]]
        [--weights int8]

A NETWORK is whatever ``salgan export`` takes, such as a training run's ``network.safetensors``. Each one sees
the picture, scaled by SCALE (1 if left out; 0.75 for a network that learnt from smaller pictures than the
first; its sides are then rounded to multiples of 32, since an encoder that halves an odd side moves its map),
and with ``--mirrored`` its mirror image, too. The answer is the geometric mean of their densities,
scaled to a maximum of 1: networks that err in different ways know more together than each. The record of how
to feed it is the first network's. The layer for screens with its head for text comes after the mean; it is
that of the network whose number ``--screens`` gives, and sees the picture at the scale beside the number, or
at the network's own if there is none.

The file is compared with PyTorch before it is written, as by ``salgan export``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan.errors import ModelError, SalganError
from salgan.export import export_onnx
from salgan.models import find_model
from salgan.networks import Generator, load_network
from salgan.networks.pyramid import at_size

_SCALES = (0.25, 4)
_STRIDE = 32
"""Of the encoders' coarsest features."""


class Mean(nn.Module):
    """The geometric mean of several networks' densities.

    Args:
        networks: generators; the first one's record is that of the whole.
        scales: for each of them, the factor on the picture's sides.
        mirrored: show each network the picture's mirror image, too.
        screens: number of the network, from 0, whose layer for screens and head for text come after the mean.
        screens_scale: the factor on the picture's sides for these two; the network's own if None.

    Attributes:
        preprocessing: the first network's record.
    """

    def __init__(
        self,
        networks: Sequence[Generator],
        scales: Sequence[float],
        *,
        mirrored: bool = False,
        screens: int = 0,
        screens_scale: float | None = None,
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.scales = tuple(scales)
        self.mirrored = mirrored
        self.preprocessing = networks[0].preprocessing
        self.screens, self.last = networks[screens].screens, screens
        self.screens_scale = scales[screens] if screens_scale is None else screens_scale

    def forward(self, pictures: Tensor) -> Tensor:
        """Maps (N, 1, H, W) in [0, 1], each with a maximum of 1, of pictures RGB 0..255 (N, 3, H, W)."""
        size = pictures.shape[-2:]
        shown = {
            scale: pictures if scale == 1 else F.interpolate(pictures, scaled(size, scale), mode="bilinear")
            for scale in {*self.scales, self.screens_scale}
        }
        logs = []
        for network, scale in zip(self.networks, self.scales, strict=True):
            seen = shown[scale]
            logs.append(_log_density(network.logits(seen), size))
            if self.mirrored:
                logs.append(_log_density(network.logits(seen.flip(-1)).flip(-1), size))
        mean = torch.stack(logs).mean(0)
        maps = (mean - mean.amax((2, 3), keepdim=True)).exp()
        if self.screens is None:
            return maps
        network, seen = self.networks[self.last], shown[self.screens_scale]
        text = None if network.text is None else network.text(*network.text_features(seen))
        return self.screens(seen, maps, text)


def scaled(size: Sequence[int], scale: float) -> tuple[int, int]:
    """Rows and columns times a scale, each rounded to a multiple of what an encoder divides by."""
    thousandths = round(1000 * scale)  # a graph's sides are symbols, which know whole numbers best
    height, width = ((side * thousandths + 500 * _STRIDE) // (1000 * _STRIDE) * _STRIDE for side in size)
    return height, width


def _log_density(logits: Tensor, size: Sequence[int]) -> Tensor:
    logs = F.logsigmoid(at_size(logits.float(), size))  # autocast may have rounded them
    return logs - logs.flatten(1).logsumexp(1)[:, None, None, None]


def name_and_number(text: str) -> tuple[str, float]:
    """The parts of NAME[@NUMBER]; the number is 1 if left out."""
    found = re.fullmatch(r"(.+)@(\d*\.?\d+)", text)
    return (found[1], float(found[2])) if found else (text, 1.0)


def opened(name: str) -> Generator:
    """A network of ours.

    Raises:
        ModelError: it is another one, or there is none.
    """
    network = load_network(find_model(name).path)
    if not isinstance(network, Generator):
        raise ModelError(f"{name}: is no network of salgan's own")
    return network


def opened_at_scale(text: str) -> tuple[Generator, float]:
    """The network and the scale of NETWORK[@SCALE], 1 if left out.

    Raises:
        ModelError: not a network of ours, or a scale that makes no sense.
    """
    name, scale = at_scale(text)
    return opened(name), scale


def at_scale(text: str) -> tuple[str, float]:
    """The parts of NAME[@SCALE].

    Raises:
        ModelError: a scale that makes no sense.
    """
    name, scale = name_and_number(text)
    if not _SCALES[0] <= scale <= _SCALES[1]:
        raise ModelError(f"{text}: a scale lies between {_SCALES[0]} and {_SCALES[1]}")
    return name, scale


def main() -> None:
    """Parse, join, export."""
    parser = argparse.ArgumentParser(
        description="Join networks into one file that answers with their geometric mean."
    )
    parser.add_argument("networks", nargs="+", metavar="NETWORK[@SCALE]")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--mirrored", action="store_true", help="show each the mirror image, too")
    parser.add_argument(
        "--screens",
        default="1",
        metavar="NUMBER[@SCALE]",
        help="whose layer for screens comes last, from 1, and at which scale (default: the network's)",
    )
    parser.add_argument("--weights", choices=["float32", "float16", "int8"], default="float32")
    arguments = parser.parse_args()
    found = re.fullmatch(r"(\d+)(@\d*\.?\d+)?", arguments.screens)
    if not found:
        sys.exit(f"error: --screens {arguments.screens}: give NUMBER or NUMBER@SCALE, such as 1 or 2@0.75")
    number = int(found[1])
    if not 1 <= number <= len(arguments.networks):
        sys.exit(f"error: --screens {arguments.screens}: there are networks 1 to {len(arguments.networks)}")
    screens_scale = at_scale(arguments.screens)[1] if found[2] else None
    networks, scales = zip(*map(opened_at_scale, arguments.networks), strict=True)
    mean = Mean(
        networks,
        scales,
        mirrored=arguments.mirrored,
        screens=number - 1,
        screens_scale=screens_scale,
    )
    made = export_onnx(mean, arguments.out, weights=arguments.weights)
    print(f"{made.path}: {made.size / 1e6:.1f} MB, parity {made.parity:.1g}, as stored {made.difference:.1g}")


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
