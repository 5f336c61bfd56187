"""Pictures per second of the paper's adversarial step, next to plain eager float32 PyTorch in the same run.

    python benchmarks/gpu/throughput.py [--batches 32 64 128 256] [--out benchmarks/results/gpu.json]

Generator and discriminator take turns batch by batch, as in ``salgan train``; a picture counts once for the
turn it is in. Contestants, each at every batch size that fits:

float32   float32 without TF32, (N, C, H, W) in memory, eager: what one writes first
plain     the same code with PyTorch's defaults, which let convolutions round to TF32
trainer   ``salgan.training`` as the recipe ``paper`` sets it up, on a GPU bf16-mixed, channels last
compiled  the same with ``compile: true``
kept      ``trainer`` with the frozen groups' output kept per picture (``cache_features``), so less to compute
both      ``compiled`` and ``kept``

Operations are counted by PyTorch (multiply and add are two) in the step that is timed; the first two compute
gradients of the discriminator in the generator's turn, too, and throw them away. They are compared with the
card's published dense bf16 peak, and with a large matrix product measured here. On a CPU it runs too, with
``--size 32 48 --encoder test_resnet --batches 2 --steps 2``, to test the script and nothing else.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from salgan.networks import Discriminator, Generator
from salgan.training.config import Content
from salgan.training.data import Batch
from salgan.training.losses import ContentLoss, adversarial_loss, discriminator_loss, pooled_bce
from salgan.training.module import SalGAN
from salgan.training.optimiser import build_optimiser
from salgan.training.phases import Adversarial, Bootstrap
from salgan.training.throughput import published_peak

TURNS = ("generator", "discriminator")
CONTESTANTS = ("float32", "plain", "trainer", "compiled", "kept", "both")
Step = Callable[[str], None]


def main() -> None:
    arguments = parse()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    known = published_peak(device, torch.bfloat16)
    peak = arguments.peak or (known and known / 1e12)
    results: dict[str, Any] = {"about": about(device, arguments), "peak_tflops": peak, "rows": []}
    if device.type == "cuda":
        results["matmul_tflops"] = matmul_rate(device)
        print(f"bf16 matrix product 8192³: {results['matmul_tflops']:.0f} TFLOP/s; published peak {peak}")
    print("contestant batch pictures/s   GFLOP  TFLOP/s  of peak    GiB")
    for batch in arguments.batches:
        for name in arguments.contestants:
            row = measure(name, batch, device, arguments, peak)
            results["rows"].append(row)
            print(line(row), flush=True)
            if arguments.out is not None:  # after each, so that a time limit costs one row
                arguments.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    best = max(results["rows"], key=lambda row: row.get("pictures_per_second", 0))
    table = profiled(best["contestant"], best["batch"], device, arguments)
    print(f"\nWhere the time goes: {best['contestant']}, batch {best['batch']}\n{table}")
    if arguments.out is not None:
        arguments.out.with_suffix(".profile.txt").write_text(table + "\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Throughput of the paper's adversarial step.")
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 64, 128, 256])
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument(
        "--steps", type=int, default=20, help="pairs of turns timed, after as many to warm up"
    )
    parser.add_argument("--encoder", default="vgg16")
    parser.add_argument("--size", type=int, nargs=2, default=[192, 256], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--peak", type=float, help="dense bf16 TFLOP/s of the card, where it is not known")
    parser.add_argument("--out", type=Path, help="JSON to write; the profile goes beside it")
    return parser.parse_args()


def measure(
    name: str, batch: int, device: torch.device, arguments: argparse.Namespace, peak: float | None
) -> dict[str, Any]:
    """One row: median time of a turn, operations per picture, share of the peak, largest memory."""
    row: dict[str, Any] = {"contestant": name, "batch": batch}
    try:
        step = build(name, batch, device, arguments)
        gflop = {turn: counted(step, turn) / batch / 1e9 for turn in TURNS}
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        for _ in range(arguments.steps):
            for turn in TURNS:
                step(turn)
        times: dict[str, list[float]] = {turn: [] for turn in TURNS}
        for _ in range(arguments.steps):
            for turn in TURNS:
                synchronise(device)
                start = time.perf_counter()
                step(turn)
                synchronise(device)
                times[turn].append(time.perf_counter() - start)
    except torch.cuda.OutOfMemoryError:
        row["error"] = "out of memory"
        return row
    finally:
        release(device)
    median = {turn: statistics.median(values) for turn, values in times.items()}
    speed = 2 * batch / sum(median.values())
    per_picture = sum(gflop.values()) / 2
    row |= {
        "pictures_per_second": speed,
        "milliseconds": {turn: 1e3 * value for turn, value in median.items()},
        "gflop_per_picture": gflop,
        "tflops": speed * per_picture / 1e3,
        "share_of_peak": None if peak is None else speed * per_picture / 1e3 / peak,
        "gib": torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None,
    }
    return row


def build(name: str, batch: int, device: torch.device, arguments: argparse.Namespace) -> Step:
    """A call that takes one turn on the same random pictures and maps; random weights cost the same time."""
    torch.manual_seed(0)
    torch.backends.cudnn.allow_tf32 = name != "float32"
    height, width = arguments.size
    pictures = torch.randint(0, 256, (batch, 3, height, width), device=device).float()
    density = torch.rand(batch, 1, height, width, device=device)
    fixations = torch.zeros(batch, 1, height, width, dtype=torch.bool, device=device)
    generator, discriminator = Generator(arguments.encoder), Discriminator((height, width))
    if name in ("float32", "plain"):
        return plain(generator.to(device).train(), discriminator.to(device).train(), pictures, density)
    precision: Any = "bf16-mixed" if device.type == "cuda" else "32-true"
    fabric = Fabric(accelerator=device.type, devices=1, precision=precision)
    salgan = SalGAN(
        fabric,
        generator,
        discriminator,
        bootstrap=Bootstrap(),
        adversarial=Adversarial(),
        content=ContentLoss(Content()),
        steps_per_epoch=100,
        compile=name in ("compiled", "both"),
    )
    salgan.begin_adversarial()
    salgan.begin_epoch()
    pictures = pictures.contiguous(memory_format=torch.channels_last)
    features = None
    if name in ("kept", "both"):
        features = salgan.frozen_features(pictures).contiguous(memory_format=torch.channels_last)
    samples = Batch(pictures, density, fixations, features)
    return lambda turn: void(salgan.step(turn, samples, 0))


def plain(generator: nn.Module, discriminator: nn.Module, pictures: Tensor, density: Tensor) -> Step:
    """The same two turns as one writes them first, in float32."""
    settings = Bootstrap().optimiser
    first, second = (build_optimiser(settings, network) for network in (generator, discriminator))

    def step(turn: str) -> None:
        if turn == "generator":
            logits = generator.logits(pictures)  # type: ignore[operator]
            judged = discriminator(pictures, logits.sigmoid())
            adversarial_loss(pooled_bce(logits, density, 4), judged, 0.05).backward()  # type: ignore[no-untyped-call]
            first.step()
        else:
            with torch.no_grad():
                generated = generator(pictures)
            real, fake = discriminator(pictures, density), discriminator(pictures, generated)
            discriminator_loss(real, fake).backward()  # type: ignore[no-untyped-call]
            second.step()
        first.zero_grad()
        second.zero_grad()

    return step


def counted(step: Step, turn: str) -> float:
    """Operations of one turn, forward and backward, as PyTorch counts them."""
    # Compiled code hides what it calls, so it is counted as it was written.
    with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False) as counter:
        step(turn)
    return float(counter.get_total_flops())


def profiled(name: str, batch: int, device: torch.device, arguments: argparse.Namespace) -> str:
    """The operators that take the time, over five pairs of turns."""
    step = build(name, batch, device, arguments)
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    for _ in range(3):
        for turn in TURNS:
            step(turn)
    with profile(activities=activities) as profiler:
        for _ in range(5):
            for turn in TURNS:
                step(turn)
        synchronise(device)
    order = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
    table: str = profiler.key_averages().table(sort_by=order, row_limit=20, max_name_column_width=60)
    return table


def matmul_rate(device: torch.device, side: int = 8192) -> float:
    """TFLOP/s of a large bf16 matrix product on random numbers: what the card really gives."""
    one, other = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    times = []
    for _ in range(15):
        synchronise(device)
        start = time.perf_counter()
        torch.mm(one, other)
        synchronise(device)
        times.append(time.perf_counter() - start)
    return 2 * side**3 / statistics.median(times[5:]) / 1e12


def about(device: torch.device, arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "encoder": arguments.encoder,
        "size": arguments.size,
        "steps": arguments.steps,
    }


def line(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"{row['contestant']:10} {row['batch']:5d} {row['error']}"
    gflop = sum(row["gflop_per_picture"].values()) / 2
    share = "" if row["share_of_peak"] is None else f"{row['share_of_peak']:.1%}"
    memory = "" if row["gib"] is None else f"{row['gib']:.1f}"
    return (
        f"{row['contestant']:10} {row['batch']:5d} {row['pictures_per_second']:10.1f} {gflop:7.1f} "
        f"{row['tflops']:8.2f} {share:>8} {memory:>6}"
    )


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def release(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def void(value: object) -> None:
    del value


if __name__ == "__main__":
    main()
