"""A stranger's model is loaded and run in another process first, which is killed if it comes to no end.

ONNX Runtime computes what is constant in a graph while it loads it, and nothing can stop it within one
operation: a file of a kilobyte may keep it busy for years, or fill the memory.
"""

from __future__ import annotations

import contextlib
import hashlib
from functools import cache
from pathlib import Path

from salgan._child import Child, Clock, patience, read_message, write_message
from salgan._private import onnx_runtime
from salgan.errors import ModelError
from salgan.models.records import list_models
from salgan.models.store import cache_folder

__all__ = ["try_model"]

SECONDS, _SECONDS_PER_BYTE = 30.0, 4e-7
"""Processor time for loading a model, and again for its first picture; SalGAN's VGG-16 takes 2 s for both."""

_SCRIPT = Path(__file__).with_name("_trial_run.py")

_ROOM, _ROOM_PER_BYTE = 1_500_000_000, 6
_ROOM_TO_RUN = 6_000_000_000


def try_model(content: bytes, name: str) -> None:
    """Find out whether a model can be loaded and ends; the user's cache folder remembers those that do.

    Args:
        content: an ONNX file. The project's own are known to end, and are not tried.
        name: what to call it.

    Raises:
        ModelError: it cannot be loaded, or takes too much time or memory.
    """
    key = hashlib.sha256(content).hexdigest()
    if key in _known():
        return
    mark = cache_folder() / "tried" / f"{key}-{onnx_runtime().__version__}"
    if not mark.exists():
        _Trial().run(content, name)
        with contextlib.suppress(OSError):  # then it is tried again the next time
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
    _known().add(key)


class _Trial(Child):
    """The process."""

    def __init__(self) -> None:
        super().__init__(str(_SCRIPT))

    def run(self, content: bytes, name: str) -> None:
        """Try one model, and end the process."""
        seconds = SECONDS + len(content) * _SECONDS_PER_BYTE
        room = _ROOM + len(content) * _ROOM_PER_BYTE
        request = {"name": name, "seconds": seconds, "room": room, "room_to_run": room + _ROOM_TO_RUN}
        clock = self.clock(patience(2 * seconds))
        told, said = self.streams
        try:
            write_message(told, request, content)
            answer = read_message(said)
        except (EOFError, OSError):
            raise self._death(name, clock, seconds) from None
        except ValueError:
            raise ModelError(f"{name}: not loaded, because the runtime failed on it") from None
        finally:
            clock.stop()
            self.kill()
        if "error" in answer:
            raise ModelError(" ".join(str(answer["error"]).split())[:500])

    def _death(self, name: str, clock: Clock, seconds: float) -> ModelError:
        reason = {
            "late": f"that or one picture took more than {seconds:.0f} s",
            "memory": "there is not enough memory for it",
            "crash": "the runtime crashed on it",
        }[self.silence(clock)]
        return ModelError(f"{name}: not loaded, because {reason}")


@cache
def _known() -> set[str]:
    """Hashes of models that need not be tried: the project's, and those that were."""
    return {record.sha256 for record in list_models()}
