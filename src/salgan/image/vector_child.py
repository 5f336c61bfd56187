"""Draws a file in a process of its own (see :mod:`salgan.image.vector`)."""

from __future__ import annotations

import sys
from typing import Any, BinaryIO

from salgan._child import bounded, serve, write_message
from salgan.errors import SalganError
from salgan.image import vector

__all__ = ["main"]


def main() -> None:
    """Answer requests on stdin until it ends."""
    serve(_answer)


def _answer(request: dict[str, Any], content: bytes, _: BinaryIO, told: BinaryIO) -> None:
    try:
        with bounded(request["seconds"], request["room"]):
            image = vector.in_this_process(content, request["kind"], request["max_pixels"])
            body = image.tobytes()
    except MemoryError:
        write_message(told, {"error": "memory"})
        sys.exit(1)
    except SalganError as error:
        write_message(told, {"error": "image", "message": str(error)[:2000]})
    except Exception as error:  # whatever a binding makes of a hostile file
        words = " ".join(str(error).split())[:200] or type(error).__name__
        write_message(told, {"error": "image", "message": f"cannot be drawn ({words})"})
    else:
        write_message(told, {"mode": image.mode, "width": image.width, "height": image.height}, body)


if __name__ == "__main__":
    main()
