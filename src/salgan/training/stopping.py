"""When a run is to stop before its end: its time limit, or a signal."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

import torch
from lightning.fabric import Fabric

__all__ = ["Stopper"]

_STOPPING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
]


class Stopper:
    """Says after every step whether to save and stop; a context manager that catches signals in its block.

    After the first SIGINT (Ctrl-C), SIGTERM or SIGHUP (a terminal that closes), the step is finished and a
    checkpoint is written; a second one does at once what it would have done without this class.

    Args:
        minutes: time limit, counted from now; None means no limit.
        fabric: used by several processes to agree on the step to stop at.

    Attributes:
        signal: the number of the signal that asked this process, or another one of the run, to stop; None if
            there was none.
    """

    def __init__(self, minutes: float | None, fabric: Fabric) -> None:
        self._deadline = time.monotonic() + 60 * minutes if minutes is not None else None
        self._fabric = fabric
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopper:
        if threading.current_thread() is threading.main_thread():  # Python allows handlers only there
            for number in _STOPPING:
                # A signal that the parent told this process to ignore, as nohup does, stays ignored.
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def due(self) -> bool:
        """Whether to stop now."""
        late = self._deadline is not None and time.monotonic() >= self._deadline
        if self._fabric.world_size == 1:
            return self.signal is not None or late
        asked = torch.tensor([self.signal or 0, int(late)], device=self._fabric.device)
        torch.distributed.all_reduce(asked, op=torch.distributed.ReduceOp.MAX)
        number, any_late = asked.tolist()
        # A signal that came while this process waited for the others counts after the next step.
        self.signal = number or self.signal
        return bool(number or any_late)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = number
            return
        before = self._before[number]
        if callable(before):
            before(number, frame)
        raise KeyboardInterrupt
