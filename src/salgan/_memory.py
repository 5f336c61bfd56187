"""Whether a library's error means that memory has run out: each library says so in its own way."""

from __future__ import annotations

__all__ = ["is_out_of_memory"]

_WORDS = (
    "Available memory of",  # ONNX Runtime, beyond the bound that it was given
    "bad_alloc",  # ONNX Runtime and others in C++
    "Failed to allocate",  # ONNX Runtime
    "can't allocate memory",  # PyTorch, on the CPU
    "not enough memory: you tried to allocate",  # the same on Windows
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory, of the machine or of a GPU.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    True
    >>> is_out_of_memory(ValueError("3 is too large"))
    False
    """
    # PyTorch's own class for GPUs is known by its name, since this must not import PyTorch.
    named = any(each.__name__ == "OutOfMemoryError" for each in type(error).__mro__)
    return named or isinstance(error, MemoryError) or any(words in str(error) for words in _WORDS)
