"""SIGKILL at a random moment, then resume: the same run, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from salgan.networks import read_checkpoint
from tests.training.conftest import lines, repeatable, same_weights

SETTINGS = {
    "network": "tests.training.tiny:Slow",  # its dropout draws random numbers: their state must come back
    "batch_size": 2,
    "bootstrap": {"epochs": 2, "optimiser": {"name": "adamw", "lr": 0.01, "schedule": "cosine"}},
    "adversarial": {"epochs": 2, "discriminator_optimiser": {"name": "adamw", "lr": 5e-4}},
    "augmentation": {"hflip": 0.5, "crop": 0.7, "warp": 0.1, "colour": 0.3},
    "ema": 0.9,
    "checkpoint_every": 5,
    "log_every": 2,
}


def start(config, *overrides):
    """The command line in a process of its own."""
    path = Path(config.out + ".yaml")
    path.write_text(config.to_yaml(), encoding="utf-8")
    code = "import sys; from salgan.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", code, "train", path, "--trust", *overrides],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_after(process, metrics, count):
    """SIGKILL once the run has logged so many lines, and a moment later."""
    while process.poll() is None:
        if metrics.exists() and metrics.read_bytes().count(b"\n") >= count:
            time.sleep(random.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    process.communicate()
    return process.returncode


WARMED = SETTINGS | {
    "adversarial": {
        **SETTINGS["adversarial"],
        "turns": ["both"],
        "warmup": {"epochs": 1, "optimiser": {"name": "adamw", "lr": 1e-3, "betas": [0.5, 0.999]}},
    }
}


# 4 epochs of 7 batches log 14 + 4 lines, a warm-up 4 more: once in the bootstrap, once in what follows.
@pytest.mark.parametrize(
    ("settings", "logged", "early", "late"),
    [(SETTINGS, 18, (1, 7), (9, 16)), (WARMED, 22, (8, 11), (12, 20))],
)
def test_a_run_killed_at_random_moments_and_resumed_equals_one_in_one_go(
    config, tmp_path, settings, logged, early, late
):
    whole = start(config("whole", **settings))
    killed = config("killed", **settings)
    folder = tmp_path / "killed"
    first, second = random.randint(*early), random.randint(*late)
    assert kill_after(start(killed), folder / "metrics.jsonl", first) == -signal.SIGKILL
    assert kill_after(start(killed, "resume=true"), folder / "metrics.jsonl", second) == -signal.SIGKILL
    last = start(killed, "resume=true")
    _, said = last.communicate()
    assert last.returncode == 0, said
    _, said = whole.communicate()
    assert whole.returncode == 0, said

    moment = f"killed after {first} and {second} lines"
    assert len(lines(folder)) == logged
    assert repeatable(folder) == repeatable(tmp_path / "whole"), moment
    for name in ("network.safetensors", "last.safetensors"):
        assert same_weights(folder / name, tmp_path / "whole" / name), moment
    ours, theirs = (
        read_checkpoint(tmp_path / run / "checkpoints" / "last.pt") for run in ("killed", "whole")
    )
    assert equal(ours["salgan"], theirs["salgan"]), moment
    assert equal(ours["random"], theirs["random"]), moment
    assert ours["position"] == theirs["position"]


def equal(one, other):
    """Whether two nested states are equal, tensors bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other
