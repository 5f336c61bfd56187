"""Frames of a video file, one after the other: upright RGB pictures, each with its time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeAlias

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from salgan._arrays import Array, Picture
from salgan.errors import VideoError
from salgan.image import MAX_PIXELS

__all__ = ["Frame", "Video"]

# Playlists name further files and addresses; nothing but the file that was given is ever opened.
_OPTIONS = {"protocol_whitelist": "none"}
_NO_VIDEO = ("tty", "image2", "gif", "apng", "ico")
_SMALLEST_GAP = 0.5
"""Seconds that may be missing at the end before a file counts as cut off: headers are rarely exact."""

AudioTaker: TypeAlias = "Callable[[Packet[Any]], None]"


class Frame:
    """One frame of a video.

    Attributes:
        index: its number among the frames that could be decoded, from 0.
        time: seconds since the video's start, exactly; strictly increasing from frame to frame.
    """

    def __init__(self, index: int, time: Fraction, decoded: VideoFrame, video: Video) -> None:
        self.index = index
        self.time = time
        self._decoded = decoded
        self._video = video

    @cached_property
    def picture(self) -> Picture:
        """The frame as people see it: uint8 RGB (H, W, 3), rotated and mirrored as its file says."""
        # A stream may change its size on the way; everything made from it has the size of its start.
        columns, rows = self._video.stored_size
        rgb: Array = self._decoded.to_ndarray(format="rgb24", width=columns, height=rows)
        return np.ascontiguousarray(_upright(rgb, self._video.matrix))


class Video:
    """A video file, opened for one pass over its frames.

    Any of FFmpeg's containers and codecs is read if it needs no other file. If there are several video
    streams, the one that FFmpeg finds best is used; cover pictures of music do not count.

    >>> with Video("clip.mp4") as video:  # doctest: +SKIP
    ...     for frame in video.frames():
    ...         frame.picture.shape, float(frame.time)

    Args:
        path: the file.

    Attributes:
        path: the file.
        width: the width of the upright picture, in pixels.
        height: the height of the upright picture, in pixels.
        pixel_aspect: width of a pixel divided by its height; 1 for nearly all videos.
        frame_rate: frames per second, on average.
        time_base: seconds per tick in which the file counts time.
        duration: seconds, as the file says; None if it does not.
        frame_count: about how many frames there are; None if the file does not say.
        audio: the file's audio streams.
        damage: what was wrong with the file, in a few words; None if nothing was. Known after the last frame.

    Raises:
        VideoError: the file is missing, is not a video, has no frame that can be decoded, or one that is too
            large.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.damage: str | None = None
        # The first frame says the size and which side is up, which must be known before the first sound.
        with self._open() as container:
            stream = self._choose_stream(container)
            decoded = (frame for _, frames in _decode(container, stream) for frame in frames or ())
            first = next(decoded, None)
            if first is None:
                raise VideoError(f"{self.path}: holds no frame that can be decoded")
            self._check_size(first.width, first.height)
            self.stored_size = first.width, first.height
            self.matrix = _display_matrix(first)
            first_time = (first.pts or 0) * Fraction(first.time_base or 0)
        turned = bool(self.matrix[0][1])
        self.width, self.height = self.stored_size[::-1] if turned else self.stored_size
        self._open_file = ExitStack()
        self._container = self._open_file.enter_context(self._open())
        self._stream = self._choose_stream(self._container)
        aspect = Fraction(self._stream.sample_aspect_ratio or 1)
        self.pixel_aspect = 1 / aspect if turned else aspect
        self.frame_rate = Fraction(self._stream.average_rate or self._stream.guessed_rate or 25)
        self.time_base = Fraction(self._stream.time_base or Fraction(1, 90_000))
        start = self._container.start_time  # of what begins first, often the sound
        self.start = first_time if start is None else Fraction(start, av.time_base)
        self.duration = self._container.duration / av.time_base if self._container.duration else None
        self.frame_count = self._stream.frames or (
            round(self.duration * self.frame_rate) if self.duration else None
        )
        self.audio: list[AudioStream] = list(self._container.streams.audio)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._open_file.close()

    def frames(self, on_audio: AudioTaker | None = None) -> Iterator[Frame]:
        """Decode the video from its start; only a few frames are held at a time.

        What cannot be decoded is skipped, and reported in :attr:`damage` at the end. A time that is missing
        is set one frame after the last one, and a time that does not increase is set one tick after it.

        Args:
            on_audio: called with each packet of :attr:`audio`, in the file's order between the frames.

        Yields:
            The frames.
        """
        time, lost, index = Fraction(-1), 0, 0
        reached = Fraction(0)
        sound = self.audio if on_audio is not None else []
        times = _DecodeTimes() if self._container.format.name == "avi" else None
        for packet, decoded in _decode(self._container, self._stream, *sound):
            if packet is None or packet.is_corrupt or (decoded is None):
                lost += 1
            if packet is not None and packet.pts is not None and packet.time_base:
                end = (packet.pts + (packet.duration or 0)) * Fraction(packet.time_base) - self.start
                reached = max(reached, end)
            if packet is not None and packet.stream.type == "audio":
                if on_audio is not None and packet.size:
                    on_audio(packet)
                continue
            if times is not None and packet is not None and packet.dts is not None and decoded is not None:
                times.add(packet)
            for frame in decoded or ():
                if times is not None:
                    frame.pts = times.next(frame)
                time = self._time(frame, time)
                yield Frame(index, time, frame, self)
                index += 1
        self.damage = self._damage(lost, float(max(reached, time)))
        if index == 0:
            raise VideoError(f"{self.path}: holds no frame that can be decoded")

    def _time(self, frame: VideoFrame, last: Fraction) -> Fraction:
        if frame.pts is None or frame.time_base is None:
            return last + 1 / self.frame_rate if last >= 0 else Fraction(0)
        time = frame.pts * Fraction(frame.time_base) - self.start
        if last < 0:
            return max(time, Fraction(0))
        return time if time > last else last + self.time_base

    def _damage(self, lost: int, reached: float) -> str | None:
        said = []
        declared = self.duration or 0.0
        kind = self._container.format.name
        if kind == "avi":  # whose duration FFmpeg shortens to what is there
            declared = max(declared, float(self._stream.frames / self.frame_rate))
        # In other containers the duration is guessed from the bit rate, or from where the file ends.
        known = kind.startswith(("mov", "matroska", "avi", "flv"))
        if known and reached < declared - max(_SMALLEST_GAP, declared / 100):
            said.append(f"ends after {reached:.1f} of {declared:.1f} s")
        if lost:
            said.append(f"{lost} damaged part{'s' if lost > 1 else ''} passed over")
        return ", ".join(said) or None

    @contextmanager
    def _open(self) -> Iterator[InputContainer]:
        try:
            if self.path.is_dir():
                raise VideoError(f"{self.path}: is a folder, not a video")
            if self.path.exists() and not self.path.is_file():
                raise VideoError(f"{self.path}: is not a regular file")
            if self.path.stat().st_size == 0:
                raise VideoError(f"{self.path}: is empty")
            # An open file rather than its name: FFmpeg takes names for addresses (http:, concat:).
            file = self.path.open("rb")
        except FileNotFoundError:
            raise VideoError(f"{self.path}: no such file") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise VideoError(f"{self.path}: cannot be opened ({reason})") from None
        with file:
            try:
                container = av.open(file, "r", options=dict(_OPTIONS), metadata_errors="replace")
            except MemoryError:
                raise
            except Exception as error:  # FFmpeg's errors share bases with Python's own, and not always one
                raise VideoError(
                    f"{self.path}: is not a video in a known format, or its head is damaged or cut off "
                    f"({_reason(error)})"
                ) from None
            with container:
                if container.format.name in _NO_VIDEO or container.format.name.endswith("_pipe"):
                    raise VideoError(f"{self.path}: is not a video")
                yield container

    def _choose_stream(self, container: InputContainer) -> VideoStream:
        candidates = [
            stream
            for stream in container.streams.video
            if not stream.disposition & Disposition.attached_pic and stream.codec_context is not None
        ]
        best = container.streams.best("video")
        stream = next((each for each in candidates if each is best), candidates[0] if candidates else None)
        if stream is None:
            sound = "sound but " if container.streams.audio else ""
            raise VideoError(f"{self.path}: holds {sound}no video")
        self._check_size(stream.width, stream.height)
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        return stream

    def _check_size(self, width: int, height: int) -> None:
        if width * height > MAX_PIXELS:
            raise VideoError(
                f"{self.path}: has frames of more than {MAX_PIXELS // 1_000_000} megapixels "
                f"({width}×{height}); scale it down first"
            )


class _DecodeTimes:
    """Times of the frames of an AVI file, which knows only in which order they are to be decoded.

    Frames leave the decoder in the order in which they are shown. So each gets the earliest time that was
    read and that no other frame has, which is right for frames that refer to later ones, too.
    """

    def __init__(self) -> None:
        self._read: list[int] = []

    def add(self, packet: Packet[Any]) -> None:
        if packet.size and packet.dts is not None:
            heapq.heappush(self._read, packet.dts)

    def next(self, frame: VideoFrame) -> int | None:
        return heapq.heappop(self._read) if self._read else frame.pts


def _decode(
    container: InputContainer, stream: VideoStream, *others: AudioStream
) -> Iterator[tuple[Packet[Any] | None, list[VideoFrame] | None]]:
    """Packets with the frames they gave; frames None where that failed, packet None where reading did."""
    packets = container.demux(stream, *others)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError, ValueError):
            # What lies behind cannot be found any more; what was read may still be in the decoder.
            yield None, _drain(stream)
            return
        if packet is None:
            return
        if packet.stream.type != "video":
            yield packet, []
            continue
        try:
            frames = stream.decode(packet)
        except av.EOFError:
            frames = []
        except (av.FFmpegError, ValueError):
            yield packet, None
            continue
        yield packet, frames


def _drain(stream: VideoStream) -> list[VideoFrame]:
    try:
        return stream.decode(None)
    except (av.FFmpegError, ValueError):
        return []


def _display_matrix(frame: VideoFrame) -> tuple[tuple[int, int], tuple[int, int]]:
    """Which way the frame is up: ((a, b), (c, d)) of -1, 0, 1; stored (x, y) shows at (ax + cy, bx + dy)."""
    side_data: Any = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return (1, 0), (0, 1)
    a, b, _, c, d = np.frombuffer(bytes(side_data), np.int32)[:5].tolist()
    # Angles between the right ones are read as the nearest: nobody wants corners cut off.
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (-1 if a < 0 else 1, 0), (0, -1 if d < 0 else 1)
    return (0, -1 if b < 0 else 1), (-1 if c < 0 else 1, 0)


def _upright(rgb: Array, matrix: tuple[tuple[int, int], tuple[int, int]]) -> Picture:
    (a, b), (c, d) = matrix
    if b:
        rgb = rgb.transpose(1, 0, 2)
    return rgb[:: -1 if b + d < 0 else 1, :: -1 if a + c < 0 else 1]


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split())
