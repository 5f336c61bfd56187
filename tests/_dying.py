"""A process that dies while somebody waits for its answer."""

import contextlib
import os
import signal
import threading


@contextlib.contextmanager
def dying(process, sign: str):
    """Stop a process at once, and let it die of the signal of that name shortly after."""
    os.kill(process.pid, signal.SIGSTOP)

    def end():
        os.kill(process.pid, getattr(signal, sign))
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)

    timer = threading.Timer(0.3, end)
    timer.start()
    try:
        yield
    finally:
        timer.join()
