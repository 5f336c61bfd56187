"""What other pictures say about a validation picture: where people look anyway, and where they looked."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from salgan._arrays import Floats
from salgan.evaluation.center_bias import CenterBias
from salgan.evaluation.ground_truth import marked, seeded
from salgan.evaluation.scoring import EvaluationProtocol
from salgan.training.data import Pool, Shape

__all__ = ["Surroundings"]


class Surroundings:
    """The center bias of the training pictures, and the fixations of ten other validation pictures for each.

    Both are made as :func:`salgan.evaluation.evaluate` makes them, at the network's size instead of the
    pictures' own.

    Args:
        training: pictures that the center bias is fitted on.
        validation: pictures that are scored.
        wanted: which of the two are wanted: ``"baseline"``, ``"other_fixations"``.

    Attributes:
        bias: the center bias; None if it is not wanted or no training picture has fixations.
    """

    def __init__(self, training: Pool, validation: Pool, wanted: frozenset[str]) -> None:
        self.bias: CenterBias | None = None
        if "baseline" in wanted:
            places = [training.fixated(row) for row in range(len(training))]
            if any(len(each) for each in places):
                self.bias = CenterBias.fit(places, "training pictures")
        self._others: list[Floats] = []
        if "other_fixations" in wanted:
            places = [validation.fixated(row) for row in range(len(validation))]
            self._others = [_of_others(places, row, name) for row, name in enumerate(validation.names)]

    @property
    def has_others(self) -> np.ndarray:
        """Which of the pictures have other pictures with fixations, bool (pictures,)."""
        return np.array([len(places) > 0 for places in self._others], dtype=np.bool_)

    def baseline(self, count: int, shape: Shape, device: torch.device) -> Tensor:
        """The center bias at a shape, float32 (count, 1, h, w).

        Raises:
            RuntimeError: there is none.
        """
        if self.bias is None:
            raise RuntimeError("no center bias was fitted")
        density = self.bias.density(*shape)
        return torch.from_numpy(density).float().to(device).expand(count, 1, *shape)

    def other_fixations(self, rows: np.ndarray, shape: Shape, device: torch.device) -> Tensor:
        """Where people looked in other pictures than each of these, bool (len(rows), 1, h, w)."""
        pixels = np.stack([marked(self._others[row], *shape) for row in rows])
        return torch.from_numpy(pixels).to(device).unsqueeze(1)


def _of_others(places: list[Floats], row: int, name: str) -> Floats:
    candidates = [other for other, each in enumerate(places) if len(each) and other != row]
    count = min(EvaluationProtocol.others, len(candidates))
    if not candidates:
        return np.empty((0, 2))
    chosen = seeded(0, "others", name).choice(candidates, count, replace=False)
    return np.concatenate([places[int(other)] for other in chosen])
