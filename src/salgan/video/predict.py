"""From a video to its saliency maps: frame by frame, in memory that does not grow."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from salgan import render
from salgan._arrays import Picture
from salgan._progress import Say, unsaid
from salgan.errors import ConfigError, VideoError
from salgan.models.batches import at_once
from salgan.models.predictor import Predictor
from salgan.regions import Region
from salgan.regions.region import check_names
from salgan.saliency_map import SaliencyMap
from salgan.video.reading import Frame, Video
from salgan.video.shares import FrameTable, draw_timeline
from salgan.video.stack import MapStack
from salgan.video.writing import VideoWriter, kept_when_stopped

__all__ = ["DamagedVideoError", "Step", "VideoFiles", "predict_frames", "predict_video"]

_PIXELS_TOGETHER = 16_000_000
"""Frames that wait to be predicted together may have so many pixels in all."""

Draw = Callable[[Picture, SaliencyMap], Picture]


class DamagedVideoError(VideoError):
    """A video was cut off or damaged; the part that could be read is predicted and written."""


@dataclass(frozen=True)
class VideoFiles:
    """The files to make from a video; those that are None are not made.

    Attributes:
        overlay: an MP4 file with the heatmap over every frame, and the sound.
        maps: the maps of the predicted frames: an .npy file, float32 (N, H, W), or an .mp4 file in grey,
            of 8 bits, for looking only.
        table: a CSV file: number and time of each predicted frame, and the shares of the regions.
        timeline: a PNG file that plots the table; needs regions and the table.
    """

    overlay: Path | None = None
    maps: Path | None = None
    table: Path | None = None
    timeline: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """The files to make."""
        return [path for path in (self.maps, self.overlay, self.table, self.timeline) if path is not None]


@dataclass(frozen=True)
class Step:
    """How far the work is.

    Attributes:
        frames: how many are done.
        time: the time of the last one, in seconds.
        total: about how many frames there are; None if the file does not say.
    """

    frames: int
    time: float
    total: int | None


def predict_frames(
    frames: Iterable[Frame], predictor: Predictor, *, smooth: float = 0.0, stride: int = 1
) -> Iterator[tuple[Frame, SaliencyMap]]:
    """Predict the frames of a video.

    Smoothing is exponential: each map moves from the last one towards the frame's own prediction by
    ``1 - exp(-dt / smooth)``, where ``dt`` is the time between the two. It knows nothing of cuts.

    Args:
        frames: as :meth:`Video.frames` gives them.
        predictor: the network.
        smooth: time constant in seconds; 0 leaves the predictions as they are.
        stride: predict the frames whose index it divides; those between keep the last map.

    Yields:
        Each frame with its map.

    Raises:
        ConfigError: a negative time constant or a stride below 1.
    """
    if not (smooth >= 0 and math.isfinite(smooth)):
        raise ConfigError(f"smoothing of {smooth} s: the time constant must be 0 or more seconds")
    if stride < 1:
        raise ConfigError(f"stride {stride}: must be 1 or more")
    saliency: SaliencyMap | None = None
    last = Fraction(0)
    for frame, predicted in _predicted(frames, predictor, stride):
        if predicted is not None:
            if saliency is not None and smooth > 0:
                kept = np.float32(math.exp(-float(frame.time - last) / smooth))
                predicted = SaliencyMap(predicted.array + kept * (saliency.array - predicted.array))
            saliency, last = predicted, frame.time
        if saliency is not None:  # the first frame has one
            yield frame, saliency


def _predicted(
    frames: Iterable[Frame], predictor: Predictor, stride: int
) -> Iterator[tuple[Frame, SaliencyMap | None]]:
    """Each frame with its prediction, if it is one of those to predict; these go through in batches."""
    group: list[tuple[Frame, bool]] = []
    begun = False
    for frame in frames:
        group.append((frame, not begun or frame.index % stride == 0))
        begun = True
        height, width = frame.picture.shape[:2]
        chosen = sum(wanted for _, wanted in group)
        full = len(group) * height * width >= _PIXELS_TOGETHER
        if not chosen or full or chosen >= at_once(predictor, frame.picture):
            yield from _group_predicted(group, predictor)
            group = []
    yield from _group_predicted(group, predictor)


def _group_predicted(
    group: list[tuple[Frame, bool]], predictor: Predictor
) -> Iterator[tuple[Frame, SaliencyMap | None]]:
    pictures = [frame.picture for frame, wanted in group if wanted]
    together = len(pictures) > 1
    maps = iter(predictor.predict_batch(pictures) if together else map(predictor.predict, pictures))
    for frame, wanted in group:
        yield frame, next(maps) if wanted else None


def predict_video(
    source: str | Path,
    predictor: Predictor,
    files: VideoFiles,
    *,
    smooth: float = 0.0,
    stride: int = 1,
    regions: Sequence[Region] = (),
    draw: Draw = render.overlay,
    say: Say = unsaid,
) -> Generator[Step, None, None]:
    """Predict a video and write the files asked for, one frame per step of the iterator.

    The files get their names when all frames are done. If the iterator is closed (or interrupted) before
    that, what has been done is finished properly and kept under the name given by :func:`partial_path`.

    >>> for step in predict_video("clip.mp4", load_model(), VideoFiles(Path("overlay.mp4"))):
    ...     print(step.frames, "of about", step.total)  # doctest: +SKIP

    Args:
        source: the video's path.
        predictor: the network.
        files: what to make; their folders must exist.
        smooth: time constant of the smoothing in seconds, as for :func:`predict_frames`.
        stride: predict one frame in so many.
        regions: the regions whose shares go into the table and the timeline.
        draw: makes the overlay, uint8 RGB, of a uint8 RGB picture and its map.
        say: is told of sound that cannot be kept.

    Yields:
        After each frame, how far the work is.

    Raises:
        VideoError: the video cannot be read.
        DamagedVideoError: at the end, if it was cut off or damaged; the files hold what could be read.
        ConfigError: options that do not make sense, or maps too large for the disk.
        SalganError: a file cannot be written.
    """
    check_names(regions)
    if files.timeline is not None and (files.table is None or not regions):
        raise ConfigError("a timeline plots the table's regions: name a table and at least one region")
    with ExitStack() as stack:
        video = stack.enter_context(Video(source))
        takers: list[Callable[[Frame, SaliencyMap], None]] = []
        if files.maps is not None:
            part = stack.enter_context(kept_when_stopped(files.maps))
            if files.maps.suffix == ".npy":
                _check_space(files.maps, video, stride)
                maps = stack.enter_context(MapStack(part, video.width, video.height))
                takers.append(lambda frame, saliency: maps.append(saliency))
            else:
                grey = stack.enter_context(VideoWriter(part, video, sound=False))
                takers.append(lambda frame, saliency: grey.write(_grey(saliency), frame.time))
        if files.table is not None:
            part = stack.enter_context(kept_when_stopped(files.table))
            table = stack.enter_context(FrameTable(part, regions))
            takers.append(table.append)
        overlay = None
        if files.overlay is not None:
            part = stack.enter_context(kept_when_stopped(files.overlay))
            overlay = stack.enter_context(VideoWriter(part, video, sound=True, say=say))
        frames = video.frames(overlay.take_audio if overlay is not None else None)
        for frame, saliency in predict_frames(frames, predictor, smooth=smooth, stride=stride):
            if frame.index % stride == 0:
                for take in takers:
                    take(frame, saliency)
            if overlay is not None:
                overlay.write(draw(frame.picture, saliency), frame.time)
            yield Step(frame.index + 1, float(frame.time), video.frame_count)
    if files.timeline is not None and files.table is not None:
        draw_timeline(files.table, files.timeline, title=Path(source).name)
    if video.damage is not None:
        raise DamagedVideoError(f"{source}: {video.damage}; the results hold what could be read")


def _grey(saliency: SaliencyMap) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.rint(saliency.array * np.float32(255)).astype(np.uint8)
    return levels


def _check_space(path: Path, video: Video, stride: int) -> None:
    need = 4 * video.width * video.height * math.ceil((video.frame_count or 0) / stride)
    free = shutil.disk_usage(path.parent).free
    if need > free:
        raise ConfigError(
            f"{path}: the maps would take {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free; "
            "take a larger --stride, or --format mp4"
        )
