"""A cheaper warm-up of the discriminator: each picture's map is generated once, and both GAN runs share it.

The generator rests in the warm-up, so its map of a picture is the same in every epoch (but for ML-Net's
dropout, of which one draw is kept). The discriminator learns on exactly these maps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from salgan.training import judging, run
from salgan.training.generator import Answer, Answers

__all__ = ["share_warmup"]


class Remembered(nn.Module):
    """The answers of a network that does not change, kept by picture."""

    def __init__(self, answers: nn.Module) -> None:
        super().__init__()
        self._answers = answers
        self._kept: dict[int, Tensor] = {}

    def forward(self, pictures: Tensor, features: Tensor | None = None) -> Answer:
        """Logits alone, of pictures seen before from memory."""
        keys = [hash(picture.numpy().tobytes()) for picture in pictures.contiguous()]
        new = [k for k, key in enumerate(keys) if key not in self._kept]
        if new:
            some = None if features is None else features[new]
            for k, logits in zip(new, self._answers(pictures[new], some).logits, strict=True):
                self._kept[keys[k]] = logits.clone()
        return Answer(torch.stack([self._kept[key] for key in keys]))


def share_warmup(file: Path) -> None:
    """Save the discriminator to a file as its warm-up ends, or start from that file if it is there."""
    plain: type[Any] = run.SalGAN

    class Shared(plain):  # type: ignore[misc]
        def begin_warmup(self, step: int) -> None:
            super().begin_warmup(step)
            self._own_answers, self._answers = self._answers, Remembered(self._answers)
            watched = Remembered(Answers(self.generator))
            judging.Answers = lambda generator: watched  # type: ignore[assignment,misc]

        def begin_adversarial(self, step: int | None = None) -> None:
            if self.phase == "warmup":
                self._answers = self._own_answers
                judging.Answers = Answers  # type: ignore[misc]
                torch.save(self.discriminator.state_dict(), file)
            elif self.phase == "bootstrap" and file.is_file():
                self.discriminator.load_state_dict(torch.load(file, weights_only=True))
            super().begin_adversarial(step)

    run.SalGAN = Shared  # type: ignore[misc]
