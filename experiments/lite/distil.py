"""Teach one network what several know together.

    python experiments/lite/distil.py lite data=FOLDER init=STUDENT.safetensors out=RUN
        --teacher A.safetensors --teacher B.safetensors@0.85 [key=value ...]

It is ``salgan train`` with other targets. Teachers and student see the same changed pictures (the recipe's
augmentation); the teachers' answer is that of ``experiments/best/mean.py``: the mean of their densities, and
of those of the mirrored picture. Batches take turns: in one the target is half of gaze, half of the teachers'
map; in the other each picture is blended with another one, nobody has looked at it, and the teachers alone
say what is right (Beyer et al. 2022, "Knowledge distillation: a good teacher is patient and consistent").
``resume=true`` goes on with a run that was stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

sys.path.append(str(Path(__file__).parent.parent / "best"))
from mean import Mean, opened_at_scale

from salgan.errors import SalganError
from salgan.training import load_config, train
from salgan.training.data import Batch

Teacher: TypeAlias = Callable[[Tensor], Tensor]


def teacher_of(networks: list[str]) -> Teacher:
    """The mean of what several networks say, each shown the picture's mirror image, too.

    Args:
        networks: as for ``experiments/best/mean.py``.

    Returns:
        From pictures RGB 0..255 (N, 3, H, W) to maps (N, 1, H, W), each with a maximum of 1. The layer for
        screens is left out: it follows the student as well.
    """
    opened = [opened_at_scale(each) for each in networks]
    mean = Mean(*zip(*opened, strict=True), mirrored=True).eval()
    mean.screens = None

    @torch.no_grad()
    def answer(pictures: Tensor) -> Tensor:
        device = pictures.device
        mean.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            maps: Tensor = mean(pictures)
        return maps.float()

    return answer


def mixed(batch: Batch, teacher: Teacher) -> Batch:
    """Half of gaze and half of the teachers' map, brought to the same mean."""
    taught = teacher(batch.pictures)
    scale = batch.density.mean((1, 2, 3), keepdim=True) / taught.mean((1, 2, 3), keepdim=True).clamp(min=1e-6)
    return replace(batch, density=(batch.density + (taught * scale).clamp(max=1)) / 2)


def blended(batch: Batch, teacher: Teacher, share: float) -> Batch:
    """Each picture blended with the batch's one opposite to it, and the teachers' map of that."""
    pictures = share * batch.pictures + (1 - share) * batch.pictures.flip(0)
    return replace(
        batch,
        pictures=pictures.contiguous(memory_format=torch.channels_last),
        density=teacher(pictures),
        fixations=torch.zeros_like(batch.fixations),  # without any, NSS says nothing
    )


def taught(batch: Batch, step: int, *, teacher: Teacher, seed: int) -> Batch:
    """What the student learns from in a step; the same seed and step always give the same answer."""
    if step % 2 == 0:
        return mixed(batch, teacher)
    return blended(batch, teacher, np.random.default_rng([seed, step]).random())


def main() -> None:
    """Parse and train."""
    parser = argparse.ArgumentParser(description="Distil several networks into one.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument(
        "settings", nargs="*", metavar="KEY=VALUE", help="replace the recipe's; init= is needed"
    )
    parser.add_argument(
        "--teacher", metavar="NETWORK[@SCALE]", action="append", required=True, help="repeat for more"
    )
    arguments = parser.parse_intermixed_args()
    config = load_config(arguments.recipe, arguments.settings)
    if config.init is None:
        sys.exit("error: init=STUDENT.safetensors says whom to teach")
    teacher = teacher_of(arguments.teacher)
    outcome = train(
        config,
        change=partial(taught, teacher=teacher, seed=config.seed),
        say=partial(print, file=sys.stderr, flush=True),
    )
    print(outcome.folder / "network.safetensors")


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
