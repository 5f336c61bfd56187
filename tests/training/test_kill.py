"""SIGKILL at a random moment, then resume: the same run, bit for bit."""

import os
import random
import signal
import time

import pytest
import torch

from salgan.networks import read_checkpoint
from tests.training.conftest import lines, repeatable, same_weights
from tests.training.processes import SECONDS

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


def kill_after(starter, metrics, count):
    """SIGKILL once the run has logged so many lines, and a moment later."""
    late = time.monotonic() + SECONDS
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < count:
        assert time.monotonic() < late, f"{metrics} has no {count} lines"
        time.sleep(0.002)
    time.sleep(random.uniform(0, 0.05))
    os.kill(starter.pids[0], signal.SIGKILL)
    assert starter.wait().codes == [-signal.SIGKILL]


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
    starter, recipe, tmp_path, settings, logged, early, late
):
    whole = starter.run("train", recipe("whole", **settings), "--trust", count=None)
    assert whole.codes == [0], whole.err
    killed, folder = ("train", recipe("killed", **settings), "--trust"), tmp_path / "killed"
    first, second = random.randint(*early), random.randint(*late)
    starter.start(*killed, count=None)
    kill_after(starter, folder / "metrics.jsonl", first)
    starter.start(*killed, "resume=true", count=None)
    kill_after(starter, folder / "metrics.jsonl", second)
    last = starter.run(*killed, "resume=true", count=None)
    assert last.codes == [0], last.err

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
