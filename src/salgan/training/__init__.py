"""Training: recipes, prepared data, losses, and the run that makes a network.

>>> from salgan.training import load_config, train
>>> config = load_config("paper", ["data=data", "out=runs/paper"])  # doctest: +SKIP
>>> outcome = train(config)  # doctest: +SKIP

Needs ``pip install 'salgan[train]'``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salgan.errors import require

for _module in ("pydantic", "yaml"):
    require(_module, "train")

from salgan.training.config import Config  # noqa: E402
from salgan.training.recipes import load_config  # noqa: E402

if TYPE_CHECKING:
    from salgan.training.run import TrainingOutcome, train

__all__ = ["Config", "TrainingOutcome", "load_config", "train"]


def __getattr__(name: str) -> Any:
    # The run imports PyTorch and Lightning; the processes that prepare pictures do without.
    if name in ("TrainingOutcome", "train"):
        for package in ("torch", "lightning", "tensorboard"):
            require(package, "train")
        from salgan.training import run

        return getattr(run, name)
    raise AttributeError(f"module 'salgan.training' has no attribute {name!r}")
