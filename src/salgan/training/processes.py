"""The processes of a run: one per device, started here or by ``torchrun``, and how they end together."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar, get_args

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.fabric.strategies.ddp import DDPStrategy

from salgan._cores import cores, runtime_threads
from salgan.errors import ConfigError, SalganError, TrainingError
from salgan.models.devices import VARIABLE
from salgan.training.config import Config

__all__ = [
    "EndedWithOthersError",
    "agreed",
    "device_of",
    "ending_together",
    "first_alone",
    "launch",
    "precision_of",
]

T = TypeVar("T")

_WAIT = timedelta(hours=3)
"""How long processes wait for one that is alive; the first may decode a large dataset meanwhile."""

_LOST = (
    "Connection closed by peer", "Connection reset", "Broken pipe", "Connection refused", "Socket closed",
    "Timed out waiting", "NCCL", "store",
)  # fmt: skip
"""What the messages of PyTorch's collectives hold when another process is gone."""


class EndedWithOthersError(TrainingError):
    """This process ended because another one of the run did, which has said why."""


def device_of(config: Config) -> str:
    """The kind of device to train on: ``cpu``, ``cuda`` or ``mps``.

    Raises:
        ConfigError: PyTorch cannot use it, or ``SALGAN_DEVICE`` names one for exported networks.
    """
    wanted, origin = config.device, "device"
    if wanted == "auto":
        named, origin = os.environ.get(VARIABLE) or "auto", VARIABLE
        names = get_args(Config.model_fields["device"].annotation)
        if named not in names:
            raise ConfigError(
                f"{origin} {named!r} is no device to train on; set device= to one of {', '.join(names)}"
            )
        wanted = named  # type: ignore[assignment]
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return next(kind for kind, usable in there.items() if usable)
    if not there[wanted]:
        raise ConfigError(f"{origin} {wanted!r}: PyTorch finds none here; set device=cpu, or auto")
    return wanted


def precision_of(config: Config) -> Any:
    """The arithmetic of a run, as Fabric calls it."""
    if config.precision != "auto":
        return config.precision
    return "bf16-mixed" if device_of(config) == "cuda" else "32-true"


def launch(config: Config) -> Fabric:
    """Start the other processes of a run, or find those that ``torchrun`` has started.

    Raises:
        ConfigError: so many devices are not there, or a batch cannot be shared among them.
    """
    device, local, nodes = device_of(config), config.devices, 1
    if TorchElasticEnvironment.detect():
        local = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // local
        if config.devices not in (1, local):
            raise ConfigError(
                f"devices: {config.devices}, but torchrun has started {local} processes; leave devices out"
            )
    if device == "cuda" and local > torch.cuda.device_count():
        raise ConfigError(f"devices: {local}, but PyTorch finds {torch.cuda.device_count()} GPUs here")
    if device == "mps" and local > 1:
        raise ConfigError(f"devices: {local}, but a Mac has one GPU; set devices=1")
    processes = local * nodes
    if config.batch_size % (processes * config.accumulate):
        raise ConfigError(
            f"batch_size {config.batch_size} must divide by {processes} processes times accumulate "
            f"{config.accumulate}"
        )
    # Fabric logs a banner per process; what a person should know, the run says.
    for name in ("lightning.fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    fabric = Fabric(
        accelerator=device,
        devices=local,
        num_nodes=nodes,
        precision=precision_of(config),
        strategy=DDPStrategy(timeout=_WAIT) if processes > 1 else "auto",
    )
    with ending_together(fabric):
        fabric.launch()
    # PyTorch knows the affinity, but not the limits of a container.
    allowed = max(1, cores() // local) if local > 1 and device == "cpu" else runtime_threads()
    if allowed:
        torch.set_num_threads(min(torch.get_num_threads(), allowed))
    return fabric


def first_alone(fabric: Fabric, work: Callable[[], T]) -> T:
    """What ``work`` gives in every process; the others begin when the first one is done.

    Args:
        fabric: the processes.
        work: writes files that the others then find, or fails for all of them.

    Raises:
        SalganError: what the first process raised, there.
        EndedWithOthersError: the same, in the others.
    """
    if fabric.world_size == 1:
        return work()
    result: list[T] = []
    failure: SalganError | None = None
    if fabric.is_global_zero:
        try:
            result.append(work())
        except SalganError as error:
            failure = error
    failed = fabric.broadcast(failure is not None)
    if failure is not None:
        raise failure
    if failed:
        raise EndedWithOthersError("the first process of the run has failed")
    return result[0] if result else work()


def agreed(fabric: Fabric, work: Callable[[], T]) -> T:
    """What ``work`` gives in every process. If it fails anywhere, all of them fail, and one says why.

    Args:
        fabric: the processes.
        work: must not wait for another process.

    Raises:
        SalganError: what ``work`` raised, in the first of the processes in which it did.
        EndedWithOthersError: in the others.
    """
    if fabric.world_size == 1:
        return work()
    result: list[T] = []
    failure: SalganError | None = None
    try:
        result.append(work())
    except SalganError as error:
        failure = error
    failed: list[bool] = [False] * fabric.world_size
    torch.distributed.all_gather_object(failed, failure is not None)
    if not any(failed):
        return result[0]
    if failure is not None and failed.index(True) == fabric.global_rank:
        raise failure
    raise EndedWithOthersError("another process of the run has failed")


@contextmanager
def ending_together(fabric: Fabric) -> Iterator[None]:
    """Turn the loss of another process inside the block into an error: one line, said once.

    Raises:
        TrainingError: another process is gone; in the first one.
        EndedWithOthersError: the same, in the others.
    """
    try:
        with warnings.catch_warnings():
            # DDP on how the gradient of a kernel of one channel lies in memory; nothing can be done about it.
            warnings.filterwarnings("ignore", message="Grad strides do not match")
            yield
    except (RuntimeError, ConnectionError) as error:
        # The launch itself comes before the number of processes is known to PyTorch.
        several = fabric.strategy.__class__ is DDPStrategy
        if not several or not any(words in str(error) for words in _LOST):
            raise
        if fabric.is_global_zero:
            raise TrainingError(
                "another process of the run has ended (what it said is above, if it could say anything); "
                "the last checkpoint is whole: go on with resume=true"
            ) from None
        raise EndedWithOthersError("another process of the run has ended") from None
