"""Tries a model in a process of its own (see :mod:`salgan._child`): its file may be endless or enormous."""

from __future__ import annotations

import contextlib
from typing import Any, BinaryIO

import numpy as np

from salgan._child import bounded, serve, write_message
from salgan.errors import ModelError
from salgan.models import _session
from salgan.models.predictor import Predictor

__all__ = ["main"]


def main() -> None:
    """Answer requests on stdin until it ends."""
    serve(_answer)


def _answer(request: dict[str, Any], content: bytes, _: BinaryIO, told: BinaryIO) -> None:
    """Load the model, and predict a blank picture with it."""
    _session.MAX_BYTES = request["room"]
    try:
        with bounded(request["seconds"], request["room"]):
            predictor = Predictor(content, name=request["name"], threads=1, device="cpu")
    except ModelError as error:
        write_message(told, {"error": str(error)})
        return
    except MemoryError:
        write_message(told, {"error": f"{request['name']}: the model takes more memory than a model may"})
        return
    # What is wrong with its maps is said when there is a picture; only that it ends counts here.
    with contextlib.suppress(ModelError, MemoryError), bounded(request["seconds"], request["room_to_run"]):
        predictor.predict_batch([np.zeros((*predictor.preprocessing.shape, 3), np.uint8)])
    write_message(told, {})


if __name__ == "__main__":
    main()
