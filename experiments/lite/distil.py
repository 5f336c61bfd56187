"""Teach one network what several know together.

    python experiments/lite/distil.py lite data=FOLDER init=STUDENT.safetensors out=RUN
        --teacher A.onnx --teacher B.onnx [key=value ...]

It is ``salgan train`` with other targets. Teachers and student see the same changed pictures (the recipe's
augmentation); the teachers' answer is the mean of their maps and of their mirrored maps. Batches take turns:
in one the target is half of gaze, half of the teachers' map; in the other each picture is blended with
another one, nobody has looked at it, and the teachers alone say what is right (Beyer et al. 2022, "Knowledge
distillation: a good teacher is patient and consistent"). ``resume=true`` goes on with a run that was stopped.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from salgan._private import onnx_runtime
from salgan.errors import SalganError
from salgan.models.predictor import Predictor
from salgan.training import load_config, train
from salgan.training.data import Batch


class Teachers:
    """The mean of several ONNX models' maps, each also shown the picture's mirror image."""

    def __init__(self, paths: list[Path], threads: int) -> None:
        for path in paths:
            Predictor(path)  # says in one line what is wrong with a file
        options = onnx_runtime().SessionOptions()
        options.intra_op_num_threads = threads
        self._sessions = [onnx_runtime().InferenceSession(str(path), options) for path in paths]

    def __call__(self, pictures: Tensor) -> Tensor:
        """Maps (N, 1, H, W) of pictures (N, 3, H, W)."""
        maps = []
        for session in self._sessions:
            for mirrored in (False, True):
                shown = pictures.flip(-1) if mirrored else pictures
                answer = torch.from_numpy(session.run(None, {"picture": shown.contiguous().numpy()})[0])
                maps.append(answer.flip(-1) if mirrored else answer)
        return torch.stack(maps).mean(0)


def mixed(batch: Batch, teachers: Teachers) -> Batch:
    """Half of gaze and half of the teachers' map, brought to the same mean."""
    taught = teachers(batch.pictures)
    scale = batch.density.mean((1, 2, 3), keepdim=True) / taught.mean((1, 2, 3), keepdim=True).clamp(min=1e-6)
    return replace(batch, density=(batch.density + (taught * scale).clamp(max=1)) / 2)


def blended(batch: Batch, teachers: Teachers, share: float) -> Batch:
    """Each picture blended with the batch's one opposite to it, and the teachers' map of that."""
    pictures = share * batch.pictures + (1 - share) * batch.pictures.flip(0)
    return replace(
        batch,
        pictures=pictures.contiguous(memory_format=torch.channels_last),
        density=teachers(pictures),
        fixations=torch.zeros_like(batch.fixations),  # without any, NSS says nothing
    )


def taught(batch: Batch, step: int, *, teachers: Teachers, seed: int) -> Batch:
    """What the student learns from in a step; the same seed and step always give the same answer."""
    if step % 2 == 0:
        return mixed(batch, teachers)
    return blended(batch, teachers, np.random.default_rng([seed, step]).random())


def main() -> None:
    """Parse and train."""
    parser = argparse.ArgumentParser(description="Distil several ONNX models into one network.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument(
        "settings", nargs="*", metavar="KEY=VALUE", help="replace the recipe's; init= is needed"
    )
    parser.add_argument("--teacher", type=Path, action="append", required=True, help="ONNX file; repeat")
    arguments = parser.parse_intermixed_args()
    config = load_config(arguments.recipe, arguments.settings)
    if config.init is None:
        sys.exit("error: init=STUDENT.safetensors says whom to teach")
    teachers = Teachers(arguments.teacher, torch.get_num_threads())
    outcome = train(
        config,
        change=partial(taught, teachers=teachers, seed=config.seed),
        say=partial(print, file=sys.stderr, flush=True),
    )
    print(outcome.folder / "network.safetensors")


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
