"""Reads MATLAB files in a process of its own (see :mod:`salgan._child`), since damaged ones crash SciPy."""

from __future__ import annotations

import io
import json
import sys
from typing import Any, BinaryIO

import numpy as np
import scipy.io

from salgan._child import bounded, serve, write_message

__all__ = ["main"]


def main() -> None:
    """Answer requests on stdin until it ends."""
    serve(_answer)


def _answer(request: dict[str, Any], content: bytes, _: BinaryIO, told: BinaryIO) -> None:
    """Say what a variable holds: a tree in JSON, and the numbers of all its matrices behind each other."""
    numbers: list[bytes] = []
    try:
        with bounded(request["seconds"], request["room"]):
            loaded = scipy.io.loadmat(
                io.BytesIO(content),
                squeeze_me=True,
                struct_as_record=False,
                variable_names=[request["variable"]],
            )
            if request["variable"] not in loaded:
                write_message(told, {"error": "no variable"})
                return
            tree = json.dumps(_tree(loaded[request["variable"]], numbers)).encode()
            body = b"".join(numbers)
    except MemoryError:
        write_message(told, {"error": "memory"})
        sys.exit(1)  # its heap may be in pieces; the next file gets a fresh process
    except NotImplementedError:
        write_message(told, {"error": "7.3"})
    except Exception as error:  # loadmat unpickles nothing, but raises nearly anything on a broken file
        words = (str(error).strip().splitlines() or [type(error).__name__])[0]
        write_message(told, {"error": "damaged", "message": words[:200]})
    else:
        write_message(told, {"tree": len(tree)}, tree, body)


def _tree(value: Any, numbers: list[bytes]) -> dict[str, Any]:
    """What JSON can say of a value; of a matrix of numbers its type and shape."""
    if isinstance(value, str):
        return {"text": value}
    if hasattr(value, "_fieldnames"):
        return {"struct": {name: _tree(getattr(value, name), numbers) for name in value._fieldnames}}
    array = np.asarray(value)
    if array.dtype.kind in "biuf":
        numbers.append(array.tobytes())
        return {"type": array.dtype.str, "shape": array.shape}
    if array.dtype == object and array.ndim:
        return {"cells": [_tree(each, numbers) for each in array.reshape(-1)], "shape": array.shape}
    if array.dtype.kind == "U":
        return {"cells": [{"text": str(each)} for each in array.reshape(-1)], "shape": array.shape}
    return {"other": type(value).__name__}


if __name__ == "__main__":
    main()
