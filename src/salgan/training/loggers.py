"""Where a run's curves and pictures go besides ``metrics.jsonl``: TensorBoard, a table, W&B or MLflow.

TensorBoard and the table are written into the run folder. W&B and MLflow are reached through Lightning's own
loggers; their servers and accounts are set as those packages' pages say (``WANDB_MODE``,
``MLFLOW_TRACKING_URI``, ...). A resumed run goes on with its curves.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from salgan._files import replacing
from salgan.errors import ConfigError, MissingExtraError
from salgan.training.config import Config

__all__ = ["Logger", "check_logger", "open_logger"]

_PICTURES = "picture | truth | prediction"
_PACKAGES = {"wandb": "wandb", "mlflow": "mlflow"}
"""Loggers that no extra of ours installs, with what ``pip install`` calls their packages."""


def check_logger(name: str | None) -> None:
    """Make sure that a logger can be opened, before anything slow begins.

    Raises:
        MissingExtraError: its package is not installed.
    """
    package = _PACKAGES.get(name or "")
    if package is not None and importlib.util.find_spec(package) is None:
        raise MissingExtraError(
            f"logger: {package} is not installed; run: pip install {package}, or set logger=tensorboard"
        )


class Logger(ABC):
    """One place for curves and pictures."""

    @abstractmethod
    def curves(self, values: Mapping[str, float], step: int) -> None:
        """Add a point to each of the named curves."""

    @abstractmethod
    def pictures(self, image: Tensor, step: int) -> None:
        """Show a picture, (3, h, w) in 0..1; a logger that has no place for it leaves it out."""

    @abstractmethod
    def close(self, *, failed: bool) -> None:
        """Write what is left.

        Args:
            failed: whether the run ended with an error.
        """


def open_logger(config: Config, folder: Path, first_step: int) -> Logger | None:
    """The recipe's logger for a run; None if the recipe wants none.

    Args:
        config: the recipe.
        folder: the run folder.
        first_step: steps taken before this start, where curves are taken up.
    """
    match config.logger:
        case "tensorboard":
            return _TensorBoard(folder / "tensorboard", first_step)
        case "csv":
            return _Table(folder / "curves.csv", first_step)
        case "wandb":
            return _Wandb(folder, config)
        case "mlflow":
            return _Mlflow(folder, config)
        case None:
            return None


class _TensorBoard(Logger):
    def __init__(self, folder: Path, first_step: int) -> None:
        self._board = SummaryWriter(str(folder), purge_step=first_step + 1 if first_step else None)

    def curves(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def pictures(self, image: Tensor, step: int) -> None:
        self._board.add_image(_PICTURES, image, step)

    def close(self, *, failed: bool) -> None:
        self._board.close()


class _Table(Logger):
    """One row per step that has a value, one column per curve; a new curve adds a column."""

    def __init__(self, path: Path, first_step: int) -> None:
        self._path = path
        self._columns = ["step"]
        if path.is_file():
            try:
                with path.open(encoding="utf-8", newline="") as file:
                    reader = csv.DictReader(file)
                    # What was logged after the checkpoint is trained, and logged, again; so is a torn row.
                    rows = [row for row in reader if _step(row) <= first_step and _is_whole(row)]
                    self._columns = list(reader.fieldnames or self._columns)
            except (ValueError, csv.Error) as error:
                raise _unreadable(path, error) from None
            self._write(rows if first_step else [])

    def curves(self, values: Mapping[str, float], step: int) -> None:
        new = [name for name in values if name not in self._columns]
        if new or not self._path.is_file():
            rows = []
            if self._path.is_file():
                with self._path.open(encoding="utf-8", newline="") as file:
                    rows = list(csv.DictReader(file))
            self._columns += new
            self._write(rows)
        with self._path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self._columns, lineterminator="\n").writerow({"step": step, **values})

    def pictures(self, image: Tensor, step: int) -> None:
        """A table has no place for it."""

    def close(self, *, failed: bool) -> None:
        """Nothing is left to write."""

    def _write(self, rows: list[dict[str, Any]]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        with replacing(self._path) as part:
            part.write_text(text.getvalue(), encoding="utf-8", newline="")


def _is_whole(row: Mapping[str | None, Any]) -> bool:
    return None not in row and None not in row.values()


def _unreadable(path: Path, error: Exception) -> ConfigError:
    reason = " ".join(str(error).split())[:100]
    return ConfigError(
        f"{path}: cannot be read ({reason}); remove it, and the run goes on without its earlier curves"
    )


def _step(row: Mapping[str, str | None]) -> float:
    try:
        return int(row["step"] or "")
    except (KeyError, ValueError):
        return float("inf")


class _Wandb(Logger):
    def __init__(self, folder: Path, config: Config) -> None:
        from lightning.pytorch.loggers import WandbLogger

        known = _Known(folder / "wandb.json")
        name = folder.resolve().name
        self._logger = WandbLogger(name=name, save_dir=folder, id=known.id, project="salgan")
        known.id = self._logger.experiment.id
        if known.new:
            self._logger.log_hyperparams(config.model_dump())

    def curves(self, values: Mapping[str, float], step: int) -> None:
        self._logger.log_metrics(values, step)

    def pictures(self, image: Tensor, step: int) -> None:
        self._logger.log_image(_PICTURES, [image], step)

    def close(self, *, failed: bool) -> None:
        self._logger.experiment.finish(exit_code=int(failed))


class _Mlflow(Logger):
    def __init__(self, folder: Path, config: Config) -> None:
        from lightning.pytorch.loggers import MLFlowLogger

        known = _Known(folder / "mlflow.json")
        self._logger = MLFlowLogger("salgan", run_name=folder.resolve().name, run_id=known.id)
        known.id = self._logger.run_id
        if known.new:
            self._logger.log_hyperparams(config.model_dump())

    def curves(self, values: Mapping[str, float], step: int) -> None:
        self._logger.log_metrics(values, step)

    def pictures(self, image: Tensor, step: int) -> None:
        pixels = (image * 255).byte().permute(1, 2, 0).numpy()
        self._logger.experiment.log_image(self._logger.run_id, pixels, key="pictures", step=step)

    def close(self, *, failed: bool) -> None:
        self._logger.finalize("failed" if failed else "success")


class _Known:
    """The server's name for a run, kept in the run folder, so that a resumed run goes on there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.new = not path.is_file()
        self._id: str | None = None
        if not self.new:
            try:
                self._id = str(json.loads(path.read_text(encoding="utf-8"))["id"])
            except (ValueError, KeyError, TypeError) as error:
                raise _unreadable(path, error) from None

    @property
    def id(self) -> str | None:
        return self._id

    @id.setter
    def id(self, value: str | None) -> None:
        self._id = value
        with replacing(self._path) as part:
            part.write_text(json.dumps({"id": value}) + "\n", encoding="utf-8")
