"""ONNX Runtime with bounds: a model's file may be hostile, ask for any amount of memory or run for ever."""

from __future__ import annotations

import contextlib
import threading
import warnings
from functools import cache
from typing import Any

from salgan._arrays import Floats32
from salgan._cores import runtime_threads
from salgan._memory import is_out_of_memory
from salgan._private import onnx_runtime
from salgan.errors import ModelError
from salgan.models.batches import TooManyTogetherError
from salgan.models.devices import candidates, provider_of

__all__ = ["MAX_BYTES", "BoundedSession"]

MAX_BYTES = 4 * 1024**3
"""The most that all networks of a process together may hold while they run."""

SECONDS, SECONDS_EACH = 120.0, 20.0
"""The time limit of a run, and what each picture adds to it; SalGAN's VGG-16 takes about 0.2 s."""


class BoundedSession:
    """A network of an ONNX file, which is stopped when it takes too much memory or time.

    On devices other than the CPU the limits hold for what the runtime does itself. What a driver allocates
    or computes without asking the runtime cannot be bounded from here.

    Args:
        content: the file.
        threads: threads that one run may use; one per physical core if None.
        device: where to run it, or ``"auto"``.

    Attributes:
        device: where it runs.
        metadata: the strings in the file.
        inputs: (name, type, shape) of each input; a dimension that is free is not a number.
        outputs: the same for each output.

    Raises:
        ModelError: the file is not an ONNX model that can be run, or the device cannot be used.
    """

    def __init__(self, content: bytes, threads: int | None, device: str = "auto") -> None:
        self._runtime = onnx_runtime()
        options = self._runtime.SessionOptions()
        options.graph_optimization_level = self._runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads or runtime_threads()
        options.log_severity_level = 4  # what goes wrong is raised; nothing is printed beside it
        # Idle threads of the runtime must sleep, not spin, or they take the core that decodes and writes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        _bound_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
        self._session, self.device = self._opened(content, options, device)
        try:
            self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
            self.inputs, self.outputs = (
                [(value.name, value.type, list(value.shape)) for value in values]
                for values in (self._session.get_inputs(), self._session.get_outputs())
            )
        except UnicodeDecodeError as error:
            raise ModelError(f"not an ONNX model that can be run (a name in it: {_reason(error)})") from None

    def _opened(self, content: bytes, options: Any, device: str) -> tuple[Any, str]:
        """The session and the device that it uses; the runtime itself falls back to the CPU in silence."""
        wanted = candidates(device, self._runtime.get_available_providers())
        for each in wanted:
            provider = provider_of(each)
            of_provider = {"num_of_threads": str(options.intra_op_num_threads)} if each == "openvino" else {}
            try:
                session = self._runtime.InferenceSession(
                    content,
                    options,
                    providers=[provider] if each == "cpu" else [provider, "CPUExecutionProvider"],
                    provider_options=[of_provider] if each == "cpu" else [of_provider, {}],
                )
            except Exception as error:  # the runtime's own exception classes share no base
                if is_out_of_memory(error):
                    raise ModelError(
                        f"the model takes more memory than there is (at most {MAX_BYTES / 1e9:.1f} GB)"
                    ) from None
                if each == "cpu":
                    raise ModelError(f"not an ONNX model that can be run ({_reason(error)})") from None
                reason = _reason(error)
            else:
                if session.get_providers()[0] == provider:
                    return session, each
                reason = "its driver or its libraries cannot be loaded"
            said = f"device {each!r} is in the ONNX Runtime that is installed but cannot be used ({reason})"
            if device != "auto":
                raise ModelError(f"{said}; name another one, or `auto`")
            warnings.warn(f"{said}; trying the next one", stacklevel=2)
        raise ModelError(f"the ONNX Runtime that is installed has none of the devices {', '.join(wanted)}")

    def run(self, batch: Floats32) -> Floats32:
        """Run the network on ``picture`` and return its ``saliency``, which is not to be trusted yet.

        Raises:
            ModelError: it fails, or it takes too much memory or time.
        """
        seconds = SECONDS + SECONDS_EACH * len(batch)
        options = self._runtime.RunOptions()
        watch = threading.Timer(seconds, setattr, (options, "terminate", True))
        watch.daemon = True
        watch.start()
        try:
            return self._session.run(["saliency"], {"picture": batch}, options)[0]  # type: ignore[no-any-return]
        except Exception as error:  # the runtime's own classes again
            if options.terminate:
                raise ModelError(f"the model was stopped after {seconds:g} s") from None
            if is_out_of_memory(error):
                raise TooManyTogetherError(
                    f"the model takes more memory for a batch of {len(batch)} than there is "
                    f"(at most {MAX_BYTES / 1e9:.1f} GB); predict fewer pictures at a time"
                ) from None
            raise ModelError(f"the model cannot be run ({_reason(error)})") from None
        finally:
            watch.cancel()


@cache
def _bound_memory() -> None:
    """Give all sessions of the process one allocator that ends at ``MAX_BYTES``."""
    runtime = onnx_runtime()
    where = runtime.OrtMemoryInfo(
        "Cpu", runtime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, runtime.OrtMemType.DEFAULT
    )
    arena = runtime.OrtArenaCfg(
        {
            "max_mem": MAX_BYTES,
            "arena_extend_strategy": 1,  # by what is asked for, not by the next power of two
            "initial_chunk_size_bytes": -1,
            "max_dead_bytes_per_chunk": -1,
        }
    )
    with contextlib.suppress(Exception):  # the program has already given the runtime an allocator of its own
        runtime.create_and_register_allocator(where, arena)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
