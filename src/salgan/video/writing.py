"""Videos that are written frame by frame, with the times and the sound of their source."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from salgan._arrays import Array
from salgan._files import replacing
from salgan._progress import Say, unsaid
from salgan.video.reading import Video
from salgan.video.sound import Sound, can_be_kept

__all__ = ["VideoWriter", "kept_when_stopped", "partial_path"]

_QUALITY = {"crf": "20", "preset": "veryfast"}
_OF_THE_DISK = (errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC))


def partial_path(path: Path) -> Path:
    """The name of a result that was stopped on the way: ``clip.overlay.partial.mp4``."""
    return path.with_suffix(f".partial{path.suffix}")


@contextmanager
def kept_when_stopped(path: Path) -> Iterator[Path]:
    """Like :func:`salgan._files.replacing`, but what a person stopped is kept as :func:`partial_path`.

    So a file under its own name is always complete, and hours of work are not lost to one key press.
    """
    with replacing(path) as part:
        try:
            yield part
        except (GeneratorExit, KeyboardInterrupt):
            part.replace(partial_path(path))
            raise


class VideoWriter:
    """An MP4 file (H.264, 4:2:0, BT.709) with the times and the sound of its source.

    H.264 in 4:2:0 wants even sides, so a picture of odd width or height gets its last column or row twice.

    Args:
        path: the file to make.
        source: the video whose size, times and sound to take.
        sound: take the sound too, as far as it can be kept.
        say: is told of sound that is left out.

    Raises:
        OSError: the file cannot be written; or this build of FFmpeg cannot encode H.264.
    """

    def __init__(self, path: Path, source: Video, *, sound: bool, say: Say = unsaid) -> None:
        self._source = source.path
        self._say = say
        self._time_base = source.time_base
        self._start = source.start
        width, height = source.width + source.width % 2, source.height + source.height % 2
        self._odd = ((0, source.height % 2), (0, source.width % 2))
        with self._said_plainly():
            self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
            self._stream = stream = self._container.add_stream(
                "libx264", rate=source.frame_rate.limit_denominator(1001), options=_QUALITY
            )
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            context = stream.codec_context
            context.time_base = self._time_base
            context.sample_aspect_ratio = source.pixel_aspect
            context.colorspace = Colorspace.ITU709.value
            context.color_primaries = ColorPrimaries.BT709.value
            context.color_trc = ColorTrc.BT709.value
            context.color_range = ColorRange.MPEG.value
            self._sound: dict[int, Sound] = {}
            for audio in source.audio if sound else ():
                if can_be_kept(audio):
                    self._sound[audio.index] = Sound(self._container, audio, source.start)
                else:
                    self._leave_out(audio, "FFmpeg does not know its codec")

    def write(self, picture: Array, time: Fraction) -> None:
        """Add a frame.

        Args:
            picture: uint8 (H, W, 3) RGB or (H, W) grey, of the source's size.
            time: seconds, larger than the last one's.
        """
        odd = (*self._odd, (0, 0))[: picture.ndim]
        padded = np.ascontiguousarray(np.pad(picture, odd, mode="edge"))
        grey = picture.ndim == 2
        frame = VideoFrame.from_ndarray(padded, format="gray" if grey else "rgb24")
        # Greys are the same in every colour space, and asking for one would tint them by a level.
        colours = None if grey else Colorspace.ITU709
        frame = frame.reformat(format="yuv420p", dst_colorspace=colours, dst_color_range=ColorRange.MPEG)
        frame.time_base = self._time_base
        frame.pts = round(time / self._time_base)
        with self._said_plainly():
            self._container.mux(self._stream.encode(frame))

    def take_audio(self, packet: Packet[Any]) -> None:
        """Add a packet of the source's sound; nothing happens if that sound is left out."""
        sound = self._sound.get(packet.stream.index)
        if sound is None:
            return
        try:
            self._container.mux(sound.packets(packet))
        except av.FFmpegError as error:
            if error.errno in _OF_THE_DISK:
                raise OSError(error.errno, error.strerror) from None
            # Sound that cannot be written does not cost the pictures.
            del self._sound[packet.stream.index]
            self._leave_out(packet.stream, f"it cannot be written: {error.strerror}")

    def _leave_out(self, stream: Stream, reason: str) -> None:
        self._say(f"{self._source}: the sound of stream {stream.index} is left out ({reason})")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # A person who stops the work wants to see what is there; after an error nobody will.
        if kind is None or issubclass(kind, GeneratorExit | KeyboardInterrupt):
            with self._said_plainly():
                self._container.mux(self._stream.encode(None))
                for sound in self._sound.values():
                    self._container.mux(sound.packets(None))
                self._container.close()
            return
        with suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()

    @contextmanager
    def _said_plainly(self) -> Iterator[None]:
        try:
            yield
        except av.FFmpegError as error:
            # It is raised as the system's error, so that whoever gave the file its hidden name can name it.
            raise OSError(error.errno, error.strerror or str(error)) from None
