"""How long one picture takes on the CPU, next to named peers in the same run.

    python benchmarks/predict.py [--model lite|FILE.onnx] [--threads 2] [--rounds 60]

The peers: the same network in PyTorch (eager), a plain feature pyramid over the same encoder at 256×192 and
1/4 resolution (the simplest network of this kind), and SalGAN's VGG-16 generator, both in ONNX Runtime.
Weights do not change the time, so the peers' are random. The contestants take turns, so that a machine that
slows down slows all of them; a turn is several calls in a row, of which the first do not count, since they
pay for the threads and the memory that the one before has left. Medians and their ratios are printed. Needs
the extra ``train``.
"""

from __future__ import annotations

import argparse
import statistics
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


def main() -> None:
    parser = argparse.ArgumentParser(description="Time one picture on the CPU, next to named peers.")
    parser.add_argument("--model", default="lite", help="a model by name, or an ONNX file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    predictor = load_model(arguments.model)
    size = (predictor.preprocessing.height, predictor.preprocessing.width)
    named = {record.name: find(record) for record in list_models()}
    content = Path(named.get(arguments.model) or arguments.model).read_bytes()
    photo = np.random.default_rng(0).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    decoder = {"finest_stride": 8, "separable": False}
    eager = Generator("tf_efficientnet_lite0", decoder=decoder).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    tensor = torch.rand(1, 3, *size).contiguous(memory_format=torch.channels_last) * 255
    with tempfile.TemporaryDirectory() as folder:
        contestants = {
            f"{arguments.model}, network": in_session(content, size, arguments.threads),
            f"{arguments.model}, 800×600 array to SaliencyMap": lambda: predictor.predict(photo),
            "same network, PyTorch eager": lambda: eager(tensor),
            "plain pyramid at 256×192": in_onnx_runtime(
                PlainPyramid(), (192, 256), arguments.threads, Path(folder) / "plain.onnx"
            ),
            "VGG-16 SalGAN at 256×192": in_onnx_runtime(
                Generator(), (192, 256), arguments.threads, Path(folder) / "vgg.onnx"
            ),
        }
    with torch.inference_mode():
        times = seconds_in_turns(contestants, arguments.rounds)
    first = statistics.median(next(iter(times.values())))
    print(f"Input {size[0]}×{size[1]}, {arguments.threads} threads")
    print(f"{'median ms':>10} {'min ms':>8} {'ratio':>6}")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{middle * 1e3:10.2f} {min(values) * 1e3:8.2f} {middle / first:6.2f}  {name}")


if __name__ == "__main__":
    main()
