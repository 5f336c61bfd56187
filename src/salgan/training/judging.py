"""How often the discriminator is right, and what to say when it only guesses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import nn

from salgan.training.data import Pool
from salgan.training.generator import Answers
from salgan.training.phases import Adversarial, Warmup

__all__ = ["CHANCE", "Accuracy", "advice", "judge_validation", "to_be_drawn_anew", "warmup_ends"]

CHANCE = 0.55
"""Mean accuracy below which a discriminator is reported to be guessing; one that knows nothing has .5."""

PATIENCE = 2
"""Epochs of warm-up after which a discriminator that still guesses is given other first weights. From most of
them it learns within two epochs; from some it does not in six."""


@dataclass(frozen=True)
class Accuracy:
    """Shares of maps that the discriminator is right about.

    Attributes:
        accuracy_real: its accuracy on true maps.
        accuracy_generated: its accuracy on generated ones.
    """

    accuracy_real: float
    accuracy_generated: float

    @property
    def mean(self) -> float:
        """Mean of the two, .5 for a discriminator that gives every map the same answer."""
        return (self.accuracy_real + self.accuracy_generated) / 2

    def as_dict(self) -> dict[str, float]:
        """Both by name, as in ``metrics.jsonl``."""
        return asdict(self)


@torch.no_grad()
def judge_validation(
    discriminator: nn.Module, generator: nn.Module, pool: Pool, batch_size: int, fabric: Fabric
) -> Accuracy:
    """Let the discriminator judge the true and the generated map of every validation picture.

    Args:
        discriminator: from pictures and maps to logits.
        generator: from pictures to maps; left in evaluation mode, in which its maps are made.
        pool: the validation pictures.
        batch_size: pictures at a time, over all processes.
        fabric: precision; each of several processes judges its share.
    """
    generator.eval()
    answer_of = Answers(generator)
    size = max(1, batch_size // fabric.world_size)
    chunks = [np.arange(start, min(start + size, len(pool))) for start in range(0, len(pool), size)]
    mine = chunks[fabric.global_rank :: fabric.world_size]
    right = torch.zeros(2, dtype=torch.float64, device=fabric.device)
    for batch in pool.batches(mine):
        with fabric.autocast():
            generated = answer_of(batch.pictures, batch.features).logits.sigmoid()
            real, fake = (
                discriminator(batch.pictures, maps) for maps in (batch.density, generated.to(batch.density))
            )
        right += torch.stack([(real > 0).sum(), (fake < 0).sum()])
    if fabric.world_size > 1:
        right = fabric.all_reduce(right, reduce_op="sum")  # type: ignore[assignment]
    real_share, generated_share = (right / len(pool)).tolist()
    return Accuracy(real_share, generated_share)


def warmup_ends(settings: Warmup, epochs: int, accuracy: Accuracy, say: Callable[[str], None]) -> bool:
    """Whether the warm-up is over. If it ends without reaching its accuracy, ``say`` is told.

    Args:
        settings: how long it lasts, and the accuracy at which it ends.
        epochs: how many epochs of the warm-up are finished.
        accuracy: the accuracy after the latest of them.
        say: is told one line.
    """
    reached = settings.accuracy is not None and accuracy.mean >= settings.accuracy
    if reached or epochs < settings.epochs:
        return reached
    if settings.accuracy is not None:
        say(
            f"the warm-up ends with the discriminator right about {accuracy.mean:.0%} of the maps, below "
            f"{settings.accuracy:.0%}; more adversarial.warmup.epochs, or another rate in "
            "adversarial.warmup.optimiser={name: adamw, lr: 1e-3, betas: [0.5, 0.999]}, may help"
        )
    return True


def to_be_drawn_anew(epochs: int, accuracy: Accuracy) -> bool:
    """Whether a discriminator that has warmed up for so many epochs needs other first weights.

    Args:
        epochs: how many epochs of the warm-up are finished.
        accuracy: the accuracy after the latest of them.
    """
    return epochs % PATIENCE == 0 and accuracy.mean < CHANCE


def advice(accuracy: Accuracy, settings: Adversarial) -> str | None:
    """One line for a run whose discriminator guessed through an epoch of the adversarial phase, else None.

    Args:
        accuracy: on that epoch's training maps.
        settings: the recipe's second phase, which decides what there is to change.
    """
    if accuracy.mean >= CHANCE:
        return None
    changes = []
    if not settings.warmup.epochs:
        changes.append("adversarial.warmup.epochs=3")
    changes.append(
        "adversarial.discriminator_optimiser={name: adamw, lr: 3e-4, betas: [0.5, 0.999]}"
        if settings.discriminator_optimiser is None or settings.discriminator_optimiser.name != "adamw"
        else "another adversarial.discriminator_optimiser.lr"
    )
    return (
        f"the discriminator is right about {accuracy.mean:.0%} of the maps, which is guessing, so that the "
        f"adversarial loss is noise; start again with {' and '.join(changes)}, and a larger "
        "adversarial.alpha protects the maps"
    )
