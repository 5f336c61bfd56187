"""Teach one network what several know together.

    python experiments/lite/distil.py lite data=FOLDER init=STUDENT.safetensors
        --teacher A.onnx --teacher B.onnx -o OUT.safetensors [key=value ...]

Teachers and student see the same changed pictures (the recipe's augmentation); the teachers' answer is the
mean of their maps and of their mirrored maps. Batches take turns: in one the target is half of gaze, half of
the teachers' map; in the other each picture is blended with another one, nobody has looked at it, and the
teachers alone say what is right (Beyer et al. 2022, "Knowledge distillation: a good teacher is patient and
consistent"). Sources, epochs, optimiser, losses and the average of weights are the recipe's; the epoch that
does best on validation is kept. Nothing is written before the first epoch's end; a killed run starts again.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from lightning.fabric import Fabric
from torch import Tensor

from salgan.errors import SalganError
from salgan.models.predictor import Predictor
from salgan.networks import save_network
from salgan.training import Config, load_config
from salgan.training.augment import augmented, epoch_draws
from salgan.training.build import build_generator, initial_weights, preprocessing_of
from salgan.training.cache import prepare
from salgan.training.data import Batch, Pool, epoch_order
from salgan.training.generator import Average
from salgan.training.losses import content_loss
from salgan.training.optimiser import build_optimiser, clip, schedule_factor, set_learning_rate
from salgan.training.validate import validate


class Teachers:
    """The mean of several ONNX models' maps, each also shown the picture's mirror image."""

    def __init__(self, paths: list[Path], threads: int) -> None:
        for path in paths:
            Predictor(path)  # says in one line what is wrong with a file
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._sessions = [onnxruntime.InferenceSession(str(path), options) for path in paths]

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


def distil(config: Config, teachers: Teachers, out: Path) -> None:
    """Train from ``config.init``; print one line per epoch, keep the best one in ``out``."""
    assert config.init is not None  # noqa: S101  # main has asked
    torch.manual_seed(config.seed)
    student = build_generator(config).to(memory_format=torch.channels_last)
    initial_weights(config.init, student)
    cache = Path(config.cache) if config.cache else None
    record = preprocessing_of(student, config)
    prepared = [prepare(source, Path(config.data), record, cache) for source in config.sources]
    training, validation = (Pool(prepared, part, torch.device("cpu")) for part in ("train", "val"))
    settings, average = config.bootstrap.optimiser, Average(student, config.ema or 0.0)
    optimiser = build_optimiser(settings, student)
    fabric, chance = Fabric(accelerator="cpu"), np.random.default_rng(config.seed)
    best, step = 0.0, 0
    for epoch in range(config.bootstrap.epochs):
        order = epoch_order(config.seed, epoch, len(training), config.batch_size)
        draws = epoch_draws(config.seed, epoch, len(training))
        steps = config.bootstrap.epochs * len(order)
        student.train()
        for rows in order:
            batch = augmented(training.batch(rows), config.augmentation, draws[rows])
            batch = blended(batch, teachers, chance.random()) if step % 2 else mixed(batch, teachers)
            set_learning_rate(optimiser, settings.lr * schedule_factor(settings, step, steps))
            logits = student.logits(batch.pictures)
            loss = content_loss(logits, batch.density, batch.fixations, config.content, config.downsample)
            loss.backward()
            clip(student.parameters(), settings)
            optimiser.step()
            optimiser.zero_grad()
            average.update(student)
            step += 1
        scores = validate(average.network, validation, config, fabric)
        shown = ", ".join(f"{name} {scores[name]:.4f}" for name in ("cc", "nss", "sim", "kld"))
        print(f"epoch {epoch + 1}: {shown}", flush=True)
        if scores["cc"] > best:
            best = scores["cc"]
            save_network(average.network, out)


def main() -> None:
    """Parse and train."""
    parser = argparse.ArgumentParser(description="Distil several ONNX models into one network.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument(
        "settings", nargs="*", metavar="KEY=VALUE", help="replace the recipe's; init= is needed"
    )
    parser.add_argument("--teacher", type=Path, action="append", required=True, help="ONNX file; repeat")
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_intermixed_args()
    config = load_config(arguments.recipe, [*arguments.settings, "out=."])  # nothing is written there
    if config.init is None:
        sys.exit("error: init=STUDENT.safetensors says whom to teach")
    distil(config, Teachers(arguments.teacher, torch.get_num_threads()), arguments.out)


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
