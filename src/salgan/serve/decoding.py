"""Decoders in processes of their own, which are killed when a picture takes too much time or memory.

:mod:`salgan.serve.decoder` says what they do. One that was killed, or crashed, is replaced for the next
picture.
"""

from __future__ import annotations

import threading
from typing import Any, BinaryIO

import numpy as np

from salgan._arrays import Picture
from salgan._child import Child, Clock, read_message, write_message
from salgan.errors import ImageError, ImageTooLargeError
from salgan.serve import decoder as child
from salgan.serve.limits import Limits
from salgan.serve.observe import logger

__all__ = ["Decoders", "NotNowError", "OutOfMemoryError"]

_START_SECONDS = 10.0
"""Extra time for a new process, which imports its decoders first."""


class OutOfMemoryError(Exception):
    """The machine, not the picture, has run out of memory."""


class NotNowError(Exception):
    """The picture is larger than those that may be decoded now."""


class Decoders:
    """As many decoder processes as pictures are decoded at a time; each handles one picture after another.

    Args:
        limits: how much one picture may take.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle: list[_Decoder] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Have one decoder ready, so that the first picture need not wait for it."""
        self._give_back(_Decoder())

    def read(self, content: bytes, *, most: int | None = None) -> Picture:
        """Decode a picture.

        Args:
            content: the picture's file.
            most: pixels that may be decoded now; None for as many as a picture may have.

        Returns:
            uint8 RGB (H, W, 3), as :func:`salgan.image.read` gives it.

        Raises:
            NotNowError: its header promises more than ``most`` pixels; none was decoded.
            ImageTooLargeError: it has too many pixels.
            ImageError: it is not a picture, is damaged, or needs too much time or memory to decode.
            OutOfMemoryError: the machine has no memory left.
        """
        header, body = self._ask(content, {}, most)
        return body.reshape(header["height"], header["width"], 3)

    def crop(self, content: bytes, window: tuple[int, int, int, int], size: tuple[int, int] | None) -> bytes:
        """Cut a window out of a picture, with its transparency, depth and profile.

        Args:
            content: the picture's file.
            window: left, top, width and height in pixels of the upright picture.
            size: (width, height) to scale the window to, or None.

        Returns:
            A PNG file.

        Raises:
            ImageError, OutOfMemoryError: as :meth:`read` raises them.
        """
        _, body = self._ask(content, {"window": window, "size": size}, None)
        return body.tobytes()

    def close(self) -> None:
        """End the processes that are waiting; one that is working ends after its picture."""
        with self._lock:
            idle, self._idle = self._idle, []
        for decoder in idle:
            decoder.kill()

    def _ask(
        self, content: bytes, request: dict[str, Any], most: int | None
    ) -> tuple[dict[str, Any], Picture]:
        decoder = self._take()
        try:
            result = decoder.ask(content, request, self._limits, most)
        except BaseException:  # even a Ctrl-C must not leave a process behind
            if decoder.broken:
                decoder.kill()
            else:
                self._give_back(decoder)
            raise
        self._give_back(decoder)
        return result

    def _take(self) -> _Decoder:
        while True:
            with self._lock:
                decoder = self._idle.pop() if self._idle else None
            if decoder is None:
                return _Decoder()
            if decoder.alive:
                return decoder
            decoder.kill()  # it died meanwhile, of nothing that this picture has to do with

    def _give_back(self, decoder: _Decoder) -> None:
        with self._lock:
            self._idle.append(decoder)


class _Decoder(Child):
    """One process."""

    def __init__(self) -> None:
        super().__init__(child.__file__)

    def ask(
        self, content: bytes, request: dict[str, Any], limits: Limits, most: int | None
    ) -> tuple[dict[str, Any], Picture]:
        """One picture's way through the process; :attr:`broken` afterwards if it must not be used again."""
        self.broken = True  # until the last byte of the answer is here
        clock = self.clock(limits.timeout + _START_SECONDS)
        told, said = self.streams
        try:
            request = {"max_pixels": limits.max_pixels, "seconds": limits.decode_seconds, **request}
            write_message(told, request, content)
            answer = read_message(said)
            if "error" not in answer:
                pixels = _whole(answer.get("pixels"), limits.max_pixels)
                if most is not None and pixels > most:
                    told.write(child.LEAVE)
                    clock.stop()
                    self.broken = clock.ran_out()
                    raise NotNowError
                told.write(child.GO)
                answer = read_message(said)
            if "error" in answer:
                clock.stop()
                self.broken = clock.ran_out() or answer["error"] == "memory"
                raise _error(answer)
            body = self._body(said, answer, limits, is_crop="window" in request)
        except (EOFError, OSError):
            raise self._death(clock) from None
        except ValueError as error:
            logger.error("a decoder answered nonsense", extra={"fields": {"reason": str(error)}})
            raise ImageError(
                "picture: its decoder failed on it; save it again with another program"
            ) from None
        finally:
            clock.stop()
        self.broken = clock.ran_out()
        return answer, body

    def _body(self, said: BinaryIO, answer: dict[str, Any], limits: Limits, *, is_crop: bool) -> Picture:
        length = answer["bytes"]
        if is_crop:
            if length > 9 * limits.max_pixels + 10_000_000:
                raise ValueError("the crop is too long")
        else:
            height, width = (_whole(answer.get(side), limits.max_pixels) for side in ("height", "width"))
            if length != 3 * height * width or height * width > limits.max_pixels:
                raise ValueError("the pixels are not as many as was said")
        body = np.empty(length, np.uint8)
        view, at = body.data, 0
        while at < length:
            got = said.readinto(view[at:])  # type: ignore[attr-defined]
            if not got:
                raise EOFError
            at += got
        return body

    def _death(self, clock: Clock) -> Exception:
        match self.silence(clock):
            case "late":
                return ImageError(
                    "picture: takes too long to decode for its size; save it again, as a plain JPEG or PNG"
                )
            case "memory":
                return OutOfMemoryError()
            case "crash":
                logger.warning("a decoder died of a picture", extra={"fields": {"code": self.code}})
                return ImageError("picture: its decoder crashed on it; save it again with another program")


def _error(answer: dict[str, Any]) -> Exception:
    if answer["error"] == "memory":
        return ImageError(
            "picture: needs too much memory to decode for its size; save it again, as a plain JPEG or PNG"
        )
    message = str(answer.get("message", ""))
    return ImageTooLargeError(message) if answer["error"] == "too large" else ImageError(message)


def _whole(value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ValueError("a size is out of range")
    return value
