"""What every source of saliency maps is, whether a model, somebody's maps or a baseline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from salgan._arrays import Array, Picture
from salgan.datasets import Stimulus
from salgan.saliency_map import SaliencyMap

__all__ = ["EveryPicture", "MapSource", "Model"]


class Model(Protocol):
    """Anything that predicts from a picture.

    It may have a ``name`` for tables, and a ``fingerprint``: a text that changes whenever its maps may
    change, such as a hash of its weights. An evaluation of a model without one is never continued.
    """

    def predict(self, picture: Picture, /) -> SaliencyMap:
        """The map of a picture, uint8 RGB (H, W, 3)."""


@runtime_checkable
class MapSource(Protocol):
    """Something that has a saliency map for every stimulus.

    Attributes:
        name: for tables.
        fingerprint: changes whenever its maps may change; guards a resumed evaluation. None says that
            nobody can tell, so that nothing is resumed.
        portable: whether it may be pickled into other processes and predict there.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def fingerprint(self) -> str | None: ...  # noqa: D102
    @property
    def portable(self) -> bool: ...  # noqa: D102

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of the stimulus names for which there is no map; a model has one of every picture."""

    def predict(self, stimulus: Stimulus) -> Array:
        """The map, real (h, w), at any size."""

    def scored(self, stimulus: Stimulus) -> Stimulus:
        """The stimulus with the fixations to score against: all, except for human baselines."""


class EveryPicture:
    """What most sources share: they have a map of every picture, and it is scored on all fixations."""

    def missing(self, names: Iterable[str]) -> list[str]:
        """Nothing is missing."""
        return []

    def scored(self, stimulus: Stimulus) -> Stimulus:
        """The stimulus as it is."""
        return stimulus
