"""The side of ``salgan predict`` that takes videos."""

from __future__ import annotations

import glob
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from salgan.errors import ConfigError, SalganError, require

if TYPE_CHECKING:
    from salgan.models.predictor import Predictor
    from salgan.regions import Region
    from salgan.video import VideoFiles
    from salgan.video.predict import Draw

__all__ = ["VideoJob", "divide", "find_jobs", "predict"]

SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg"),
    *(".ts", ".m2ts", ".mts", ".wmv", ".flv", ".3gp", ".ogv", ".mxf"),
)
"""Endings of videos; a file of any other that is no picture's is opened to see what it is."""

_FORMATS = {"npy": ".maps.npy", "mp4": ".maps.mp4"}
_RESULT_NAMES = (".overlay.mp4", ".maps.mp4", ".partial.mp4")


@dataclass(frozen=True)
class VideoJob:
    """One video, the regions to follow in it, and the files to make of it."""

    source: Path
    files: VideoFiles
    regions: tuple[Region, ...]

    @property
    def paths(self) -> list[Path]:
        """The files to make."""
        return self.files.paths


def divide(sources: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Tell the videos among the sources from all others, which are left to those who take pictures."""
    videos: list[Path] = []
    others: list[str] = []
    for source in sources:
        path = Path(source)
        if path.suffix.lower() in SUFFIXES and not path.exists() and glob.has_magic(source):
            matches = sorted(glob.glob(source, recursive=True))  # noqa: PTH207
            found = [Path(match) for match in matches if not match.lower().endswith(_RESULT_NAMES)]
            if not found:
                raise ConfigError(f"{source}: matches no videos")
            videos += found
        elif _is_video(path):
            videos.append(path)
        else:
            others.append(source)
    return videos, others


def find_jobs(
    videos: Sequence[Path], out: Path, wanted: Sequence[str], format: str, boxes: Sequence[str]
) -> list[VideoJob]:
    """Name the results of each video.

    ``clip.mp4`` gives ``clip.overlay.mp4``, ``clip.maps.npy`` with ``clip.frames.csv``, which with boxes
    has their shares and the plot ``clip.timeline.png`` beside it; clashes are solved as for pictures.

    Raises:
        MissingExtraError: the extra for videos is not installed.
        ConfigError: a format that is not for videos, or boxes that make no sense.
    """
    require("av", "video")
    from salgan.jobs import distinct_names
    from salgan.regions import parse_box
    from salgan.regions.region import check_names
    from salgan.video import VideoFiles

    if "map" in wanted and format not in _FORMATS:
        raise ConfigError(f"--format {format!r}: a video's maps are written as {' or '.join(_FORMATS)}")
    regions = tuple(parse_box(box) for box in boxes)
    check_names(regions)
    if regions:
        require("matplotlib", "video")
    found = {Path(os.path.abspath(path)): Path(path.name) for path in videos}  # noqa: PTH100
    names = {Path(os.path.abspath(path)): path for path in videos}  # noqa: PTH100
    jobs = []
    for absolute, name in distinct_names(found).items():
        base = str(out / name)
        files = VideoFiles(
            maps=Path(base + _FORMATS[format]) if "map" in wanted else None,
            overlay=Path(f"{base}.overlay.mp4") if "overlay" in wanted else None,
            table=Path(f"{base}.frames.csv") if "map" in wanted or regions else None,
            timeline=Path(f"{base}.timeline.png") if regions else None,
        )
        jobs.append(VideoJob(names[absolute], files, regions))
    return jobs


def predict(
    jobs: Sequence[VideoJob], model: str, draw: Draw, *, smooth: float, stride: int
) -> list[SalganError]:
    """Predict the videos one after the other and say what was written.

    Returns:
        What was wrong with some of them.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; what was done is kept.
    """
    from salgan.cli._common import load_predictor

    predictor = load_predictor(model)
    errors: list[SalganError] = []
    for job in jobs:
        error = _predict_one(job, predictor, draw, smooth=smooth, stride=stride)
        if error is not None:
            errors.append(error)
    return errors


def _predict_one(
    job: VideoJob, predictor: Predictor, draw: Draw, *, smooth: float, stride: int
) -> SalganError | None:
    from salgan.cli._common import progress
    from salgan.errors import ModelError
    from salgan.jobs import make_folder
    from salgan.video import DamagedVideoError, partial_path, predict_video

    damage = None
    try:
        make_folder(job.paths[0].parent)
        steps = predict_video(
            job.source, predictor, job.files, smooth=smooth, stride=stride, regions=job.regions, draw=draw
        )
        with progress() as on_progress, _stopped_between_frames() as stopped:
            for step in steps:
                on_progress(job.source.name, step.frames, step.total)
                if stopped():
                    steps.close()
                    kept = [path for path in map(partial_path, job.paths) if path.exists()]
                    where = ", ".join(map(str, kept))
                    typer.echo(f"salgan: stopped after {step.time:.1f} s of video; kept {where}", err=True)
                    raise KeyboardInterrupt
    except DamagedVideoError as error:
        damage = error
    except ModelError:
        raise  # which no other video would mend
    except SalganError as error:
        return error
    for path in job.paths:
        typer.echo(path)
    return damage


@contextmanager
def _stopped_between_frames() -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C wait until a frame is done; a second one interrupts at once."""
    pressed = False

    def note(*_: object) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _is_video(path: Path) -> bool:
    from salgan import image

    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return not path.is_dir()
    if suffix in image.SUFFIXES or not path.is_file():
        return False
    try:
        from salgan.video import Video

        with Video(path):
            return True
    except SalganError:  # no video, or no way to see; whoever takes pictures will say what is wrong
        return False
