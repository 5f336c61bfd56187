"""The run folder: it tells its run's whole story, and nothing in it is overwritten by another run."""

from __future__ import annotations

import io
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from salgan._files import replacing
from salgan._json import parse_json
from salgan._version import __version__
from salgan.errors import ConfigError, ModelError, SalganError
from salgan.networks import read_checkpoint
from salgan.training._yaml import parse_yaml
from salgan.training.config import Config
from salgan.training.recipes import with_present_names

__all__ = ["RunFolder"]

_MAY_CHANGE = {
    "out", "data", "cache", "resume", "time_limit", "device", "devices", "accumulate",
    "activation_checkpointing", "compile", "cache_features",
    "checkpoint_every", "image_rows", "keep_networks", "logger", "validation_scores",
}  # fmt: skip
"""Settings that may differ when a run is resumed: where and how it trains, but never what is trained."""


class RunFolder:
    """Files of one run.

    ``config.yaml`` (merged), ``environment.json``, ``metrics.jsonl``, ``checkpoints/``, ``tensorboard/`` and
    the networks. Every file but the growing ``metrics.jsonl`` is replaced as a whole.

    Args:
        path: the folder.
        writes: whether this process writes (the first of several does).
    """

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path = path
        self.writes = writes
        self._config = path / "config.yaml"
        self.metrics = path / "metrics.jsonl"
        self.checkpoint = path / "checkpoints" / "last.pt"
        self.bootstrap = path / "checkpoints" / "bootstrap.pt"
        self.network = path / "network.safetensors"
        self.last_network = path / "last.safetensors"
        self.networks = path / "networks"

    def check(self, config: Config) -> None:
        """Check whether the folder can be used for this run, before anything slow begins; write nothing.

        Raises:
            ConfigError: it holds a run and ``resume`` is not set, or another run than the recipe's.
        """
        if not self.writes:
            return
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"{self.path} is a file; choose another out=FOLDER")
        if not self._used:
            return
        if not config.resume:
            raise ConfigError(
                f"{self.path} exists; continue that run with resume=true or choose another out=FOLDER"
            )
        if not self._config.is_file():
            raise ConfigError(f"{self.path} holds no run (it has no config.yaml); choose another out=FOLDER")
        _same_run(config, self._config)

    def open(self, config: Config) -> dict[str, Any] | None:
        """Make the folder, or find the checkpoint to resume from; see :meth:`check` first.

        Returns:
            The checkpoint's content, or None to start at the beginning.

        Raises:
            ConfigError: ``environment.json`` is damaged.
            ModelError: the checkpoint cannot be read, or ``metrics.jsonl`` is not the one it belongs to.
            SalganError: the folder cannot be written.
        """
        state = read_checkpoint(self.checkpoint) if self.checkpoint.is_file() else None
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # The settings come first: what a kill leaves without them would not be known as a run.
            if not self._config.is_file():
                self._write(self._config, config.model_copy(update={"resume": False}).to_yaml().encode())
            self.checkpoint.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise SalganError(
                f"{self.path}: cannot be made ({error.strerror}); choose another out=FOLDER"
            ) from None
        self._write_environment()
        self._cut_metrics(0 if state is None else state.get("metrics_bytes"))
        return state

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn a write that fails inside, on a full disk for instance, into one line with the next step."""
        try:
            yield
        except (OSError, SalganError) as error:
            cause = error.__cause__ if isinstance(error, SalganError) else error
            if not isinstance(cause, OSError):
                raise
            raise SalganError(
                f"{self.path}: cannot be written ({cause.strerror or cause}); what is there is whole: "
                "make room and go on with resume=true"
            ) from cause

    def log(self, line: dict[str, Any]) -> None:
        """Append one line to ``metrics.jsonl``."""
        if self.writes:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def save(self, state: dict[str, Any], path: Path | None = None) -> None:
        """Replace a checkpoint (the last one unless another is named) by ``state``."""
        if not self.writes:
            return
        state = {**state, "metrics_bytes": self.metrics.stat().st_size if self.metrics.exists() else 0}
        # Into memory first: PyTorch's own writer answers a full disk with a RuntimeError about its archive.
        buffer = io.BytesIO()
        torch.save(state, buffer)
        self._write(path or self.checkpoint, buffer.getbuffer())

    @property
    def _used(self) -> bool:
        return self.path.is_dir() and any(not each.name.startswith(".") for each in self.path.iterdir())

    def _cut_metrics(self, size: Any) -> None:
        """Drop what was logged after the checkpoint: it will be trained, and logged, again."""
        if not self.writes or not self.metrics.exists():
            return
        there = self.metrics.stat().st_size
        if type(size) is not int or not 0 <= size <= there:
            # To go on would pad the file with zeros, or mix the logs of two runs.
            raise ModelError(
                f"{self.metrics}: has {there} bytes, and {self.checkpoint} was written after {size}; put the "
                "whole file back, or remove it to go on without the earlier lines"
            )
        with self.metrics.open("r+b") as file:
            file.truncate(size)

    def _write_environment(self) -> None:
        """Add this process to ``environment.json``, a list with one entry per start of the run."""
        path = self.path / "environment.json"
        try:
            sessions = parse_json(path.read_bytes()) if path.is_file() else []
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: cannot be read ({error}); remove it to go on without it") from None
        if not isinstance(sessions, list):
            raise ConfigError(f"{path}: is not a list of starts; remove it to go on without it")
        self._write(path, json.dumps([*sessions, _environment()], indent=2).encode())

    def _write(self, path: Path, content: bytes | memoryview) -> None:
        if self.writes:
            with replacing(path) as temporary, temporary.open("wb") as file:
                file.write(content)


def _same_run(config: Config, stored: Path) -> None:
    """Raise if a setting that decides what is trained differs."""
    try:
        before = parse_yaml(stored.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{stored}: cannot be read ({error}); choose another out=FOLDER") from None
    if not isinstance(before, dict):
        raise ConfigError(f"{stored}: is not the recipe of a run; choose another out=FOLDER")
    try:  # a run of an earlier version lacks the settings that have come since; it had their defaults
        before = Config.model_validate(with_present_names(before)).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"{stored}: is not the recipe of a run ({place}: {first['msg']}); choose another out=FOLDER"
        ) from None
    now = config.model_dump()
    for key, value in now.items():
        if key not in _MAY_CHANGE and before.get(key) != value:
            raise ConfigError(
                f"{stored}: the run was started with {key}={before.get(key)!r}, now it is {value!r}; "
                "resume with the same settings or choose another out=FOLDER"
            )


def _environment() -> dict[str, Any]:
    packages = ("torch", "lightning", "timm", "numpy", "pillow", "salgan")
    cuda = torch.cuda.is_available()
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "salgan": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in packages},
        "devices": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        if cuda
        else [],
        "cuda": torch.version.cuda if cuda else None,
        "threads": torch.get_num_threads(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the code that runs, with ``-dirty`` if it was changed since; None outside a checkout."""
    command = [
        "git",
        "--no-optional-locks",  # if it is stopped for its time, it must leave none behind
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
