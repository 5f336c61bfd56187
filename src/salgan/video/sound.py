"""The sound of one video carried over to another: copied if possible, and otherwise encoded again."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

__all__ = ["Sound", "can_be_kept"]

_COPIED = ("aac", "mp3", "mp3float", "ac3", "eac3", "opus", "flac", "alac")
"""Codecs that players expect in an MP4 file; other sound is encoded as AAC."""

_RATES = (44_100, 48_000)


def can_be_kept(source: AudioStream) -> bool:
    """Whether this build of FFmpeg knows the sound's codec; what it does not know it can only leave out."""
    return source.codec_context is not None


class Sound:
    """One audio stream on its way into an MP4 file.

    Args:
        container: where it goes; it gets a new stream.
        source: the stream the packets are of.
        start: the time in the source, in seconds, that becomes 0.
    """

    def __init__(self, container: OutputContainer, source: AudioStream, start: Fraction) -> None:
        self._source = source
        self._start = start
        self._copied = source.codec_context.name in _COPIED and _fits(source)
        self._last = -(2**63)
        if self._copied:
            self._stream = container.add_stream_from_template(source)
        else:
            rate = source.rate if source.rate in _RATES else _RATES[-1]
            self._stream = container.add_stream("aac", rate=rate)
            self._stream.codec_context.layout = "mono" if source.channels == 1 else "stereo"

    def packets(self, packet: Packet[Any] | None) -> list[Packet[Any]]:
        """What to write for one packet of the source; None at its end."""
        if self._copied:
            return [] if packet is None else self._copy(packet)
        try:
            frames: list[AudioFrame] = self._source.decode(packet)
        except (av.FFmpegError, ValueError):
            frames = []  # a gap in the sound does not cost the pictures
        result = []
        for frame in frames:
            if frame.pts is not None and frame.time_base:
                frame.pts -= round(self._start / frame.time_base)
            result += self._stream.encode(frame)
        return result + self._stream.encode(None) if packet is None else result

    def _copy(self, packet: Packet[Any]) -> list[Packet[Any]]:
        if packet.is_corrupt or packet.dts is None or packet.dts <= self._last:
            return []  # an MP4 file cannot go back in time
        self._last = packet.dts
        offset = round(self._start / packet.time_base)
        packet.pts = (packet.dts if packet.pts is None else packet.pts) - offset
        packet.dts -= offset
        packet.stream = self._stream
        return [packet]


def _fits(source: AudioStream) -> bool:
    """Whether an MP4 file takes the sound as it is, which depends on more than its codec (MP3 of 8 kHz)."""
    with av.open(io.BytesIO(), "w", format="mp4") as trial:
        try:
            trial.add_stream_from_template(source)
            trial.start_encoding()
        except (av.FFmpegError, ValueError):
            return False
        return True
