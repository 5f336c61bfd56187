"""What activation checkpointing saves in a training step of VGG-16, and what it costs.

python benchmarks/checkpointing.py [--size 192 256] [--batch 4]

Prints, for the step without and with it (each in a process of its own, on the CPU, float32): how much is
kept for the way back, how much memory the step took at its peak beside the weights (gradients of 120 MB
included), the seconds of processor time of the second step, and how far the gradients of the two are apart.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from salgan.networks import Generator


def step(size: list[int], batch: int, again: bool, out: Path) -> None:
    """Take two content steps; print their peak memory and time, and keep the gradients."""
    torch.manual_seed(0)
    network = Generator()
    network.checkpoint_activations(again)
    pictures = torch.rand(batch, 3, *size).contiguous(memory_format=torch.channels_last) * 255
    truth = torch.rand(batch, 1, *size)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    weights = {each.untyped_storage().data_ptr() for each in network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    for _ in range(2):
        network.zero_grad()
        start = time.process_time()
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            logits = network.logits(pictures)
        torch.nn.functional.binary_cross_entropy_with_logits(logits, truth).backward()
        seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    named = network.named_parameters()
    torch.save({name: each.grad for name, each in named if each.grad is not None}, out)
    print(
        f"{'again' if again else 'kept':5}  kept {sum(kept.values()) / 2**20:5.0f} MB  "
        f"peak {peak / 1024:5.0f} MB  {seconds:5.1f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory and time of activation checkpointing.")
    parser.add_argument("--size", type=int, nargs=2, default=[192, 256], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        step(arguments.size, arguments.batch, arguments.one[0] == "again", Path(arguments.one[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("kept", "again")]
        for file in files:
            command = [sys.executable, __file__, *sys.argv[1:], "--one", file.name, str(file)]
            subprocess.run(command, check=True)
        kept, again = (torch.load(file, weights_only=True) for file in files)
    scale = max(each.abs().max() for each in kept.values())
    apart = max((again[name] - each).abs().max() for name, each in kept.items())
    print(f"gradients: largest {scale:.2g}, largest difference {apart:.2g}")


if __name__ == "__main__":
    main()
