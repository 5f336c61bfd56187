"""A network that has not been exported, as a predictor."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from salgan._arrays import Floats32
from salgan._cores import runtime_threads
from salgan._files import sha256_of
from salgan._memory import is_out_of_memory
from salgan.errors import ModelError
from salgan.models.batches import TooManyTogetherError
from salgan.models.devices import check_device
from salgan.models.predictor import Predictor
from salgan.networks import load_network
from salgan.networks.weights import preprocessing_of

__all__ = ["TorchPredictor"]


class TorchPredictor(Predictor):
    """A network run by PyTorch, with the same steps around it as for an exported one.

    Args:
        path: a ``network.safetensors``, or a checkpoint of a training run (``.pt``).
        name: what to call the model; the file's name without its ending if None.
        device: ``"cpu"``, ``"cuda"``, or ``"auto"``, which is what ``SALGAN_DEVICE`` says and otherwise a GPU
            if PyTorch can use one.
        threads: threads that PyTorch may use for a prediction; as many as the process has set if None.
        trust: import the factory of a network of your own.

    Raises:
        ModelError: the file cannot be read, it needs ``trust``, or PyTorch cannot use the device.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        trust: bool = False,
    ) -> None:
        self._path = Path(path)
        self.name = name or self._path.stem
        self.device = _torch_device(check_device(device))
        allowed = runtime_threads()
        self._threads = threads or (min(allowed, torch.get_num_threads()) if allowed else None)
        self._stored = _identity(self._path)
        self._network = load_network(path, trust=trust).to(self.device)
        self.preprocessing = preprocessing_of(self._network)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the network's file.

        Raises:
            ModelError: it is no longer the file that was loaded, as a run that still trains replaces its own.
        """
        found = sha256_of(self._path, ModelError)
        if _identity(self._path) != self._stored:
            raise ModelError(f"{self._path}: has changed since it was loaded; load it again")
        return found

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _infer(self, batch: Floats32) -> Floats32:
        try:
            with torch.inference_mode(), _THREADS.bounded(self._threads):
                return self._network(torch.from_numpy(batch).to(self.device)).float().cpu().numpy()  # type: ignore[no-any-return]
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise TooManyTogetherError(
                    f"{self.name}: there is not enough memory for a batch of {len(batch)}; "
                    "predict fewer pictures at a time"
                ) from None
            cause = " ".join(str(error).split())[:200]
            raise ModelError(f"{self.name}: the network cannot be run ({cause})") from None


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What changes where a file is replaced or written; None if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


class _Threads:
    """PyTorch's number of threads, which belongs to the process: the last run to end puts it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._before = 0

    @contextlib.contextmanager
    def bounded(self, number: int | None) -> Iterator[None]:
        """Let PyTorch use so many threads inside the block; as many as it likes if None."""
        if number is None:
            yield
            return
        with self._lock:
            if not self._running:
                self._before = torch.get_num_threads()
            self._running += 1
            torch.set_num_threads(number)
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                # Each thread has the number for itself, too, so that every run puts back its own.
                torch.set_num_threads(self._before)


_THREADS = _Threads()


def _torch_device(device: str) -> str:
    """PyTorch's name of a device.

    Raises:
        ModelError: PyTorch cannot use it.
    """
    there = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if there else "cpu"
    if device not in ("cpu", "cuda"):
        raise ModelError(f"device {device!r} is for exported networks; `salgan export` makes one of this")
    if device == "cuda" and not there:
        raise ModelError("device 'cuda': PyTorch finds no GPU; name `cpu`, or install a build with CUDA")
    return device
