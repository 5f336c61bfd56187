"""How long one picture takes on the CPU, next to named peers in the same run.

    python benchmarks/predict.py [--model lite|FILE.onnx] [--threads 2] [--rounds 60]

Every network of ours is shown a picture of its own usual input.

The peers: the same network in PyTorch (eager), the same in 8 bits, UNISAL's network in PyTorch at its own
size (384×288; its code comes with the package hotgaze), a plain feature pyramid over the same encoder at
256×192 and 1/4 resolution (the simplest network of this kind), and SalGAN's VGG-16 generator, the last two in
ONNX Runtime. Weights do not change the time, so the peers' are random. The contestants take turns, so that a
machine that slows down slows all of them; a turn is several calls in a row, of which the first do not count,
since they pay for the threads and the memory that the one before has left. Medians and their ratios are
printed. Needs the extra ``train``; without hotgaze, UNISAL's row is left out.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from turns import in_session, seconds_in_turns

from salgan import load_model
from salgan.models import find, list_models
from salgan.networks import Generator

UNISAL_ROW = "UNISAL at 384×288, PyTorch, eager"


class PlainPyramid(nn.Module):
    """EfficientNet-Lite 0 with an unadorned feature pyramid of full 3×3 convolutions, maps at 1/4."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.encoder = Generator("tf_efficientnet_lite0").encoder
        channels = self.encoder.channels[1:]
        self.laterals = nn.ModuleList(nn.Conv2d(count, width, 1) for count in channels)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Maps (N, 1, H, W) of RGB pictures 0..255."""
        features = self.encoder.trained_part(pictures / 127.5 - 1)[1:]
        merged = self.laterals[-1](features[-1])
        for level in range(len(features) - 2, -1, -1):
            merged = F.interpolate(merged, scale_factor=2.0) + self.laterals[level](features[level])
            merged = self.smooth[level](merged).relu()
        return torch.sigmoid(F.interpolate(self.head(merged), scale_factor=4.0, mode="bilinear"))


def in_onnx_runtime(
    network: nn.Module, size: tuple[int, int], threads: int, path: Path
) -> Callable[[], object]:
    """Export at one size with PyTorch's own exporter and return a call that predicts one picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = torch.zeros(1, 3, *size)
        torch.onnx.export(network.eval(), (picture,), str(path), dynamo=False, input_names=["picture"])
    return in_session(path.read_bytes(), size, threads)


def unisal() -> dict[str, Callable[[], object]]:
    """UNISAL's network at its own size, with random weights; nothing without the package hotgaze."""
    try:
        from hotgaze._unisal._model import UNISAL
    except ImportError:
        print("UNISAL is left out: pip install hotgaze", file=sys.stderr)
        return {}
    network = UNISAL(cnn_cfg={"pretrained": False}, verbose=0).eval()
    picture = torch.rand(1, 1, 3, 288, 384)
    return {UNISAL_ROW: lambda: network(picture, source="SALICON", static=True)}


def network_times(model: str, threads: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of every contestant's calls for one picture; the first one is the model's network alone."""
    torch.set_num_threads(threads)
    predictor = load_model(model, threads=threads)
    size = (predictor.preprocessing.height, predictor.preprocessing.width)
    named = {record.name: find(record) for record in list_models()}
    content = Path(named.get(model) or model).read_bytes()
    photo = np.random.default_rng(0).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    decoder = {"finest_stride": 8, "separable": False}
    eager = Generator("tf_efficientnet_lite0", decoder=decoder).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    tensor = torch.rand(1, 3, *size).contiguous(memory_format=torch.channels_last) * 255
    with tempfile.TemporaryDirectory() as folder:
        contestants = {
            f"{model}, the network": in_session(content, size, threads),
            f"{model}, from an 800×600 array to its map": lambda: predictor.predict(photo),
            "the same network in PyTorch, eager": lambda: eager(tensor),
            **unisal(),
            "a plain pyramid at 256×192": in_onnx_runtime(
                PlainPyramid(), (192, 256), threads, Path(folder) / "plain.onnx"
            ),
            "SalGAN's VGG-16 at 256×192": in_onnx_runtime(
                Generator(), (192, 256), threads, Path(folder) / "vgg.onnx"
            ),
        }
        for name in ("lite", "lite-int8"):
            if name != model and (path := named.get(name)) is not None:
                own = load_model(name).preprocessing.shape
                contestants[f"{name}, the network"] = in_session(path.read_bytes(), own, threads)
        with torch.inference_mode():
            return seconds_in_turns(contestants, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time one picture on the CPU, next to named peers.")
    parser.add_argument("--model", default="lite", help="a model by name, or an ONNX file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    times = network_times(arguments.model, arguments.threads, arguments.rounds)
    first = statistics.median(next(iter(times.values())))
    print(f"{arguments.threads} threads\n{'median ms':>10} {'min ms':>8} {'ratio':>6}")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{middle * 1e3:10.2f} {min(values) * 1e3:8.2f} {middle / first:6.2f}  {name}")


if __name__ == "__main__":
    main()
