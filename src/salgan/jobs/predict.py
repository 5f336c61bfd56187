"""Predicting many pictures and videos in files; each result is written whole or not at all.

Pictures are decoded, predicted and written in threads. Only a few are under way at a time, so that memory
does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from salgan import image, render
from salgan._arrays import Picture
from salgan._drawing import save_picture
from salgan._files import make_folder
from salgan._parallel import cores, in_order
from salgan._progress import Progress, Say, silent, unsaid
from salgan.errors import DiskFullError, ModelError, NotEnoughMemoryError, SalganError
from salgan.jobs.find import Job
from salgan.models.batches import Together, pictures_at_once, runs_at_once
from salgan.models.many import BYTES_UNDER_WAY, bytes_needed
from salgan.models.predictor import Predictor
from salgan.saliency_map import SaliencyMap

if TYPE_CHECKING:
    from salgan.regions import Region

__all__ = ["JobResult", "StoppedError", "predict_all", "threads_each"]

_MOST_AT_ONCE = 8
"""For how many cores pictures are taken at a time, at most: each picture takes memory."""


class StoppedError(SalganError):
    """A person stopped a video on the way; what was done of it is kept, under another name."""


@dataclass(frozen=True)
class JobResult:
    """The outcome of a job.

    Attributes:
        job: what was to be done.
        error: what went wrong; None if all is well.
        written: the files that were written. A damaged video gives files and an error.
        note: how a picture's map was made, if not in the usual way; see :class:`salgan.SaliencyMap`.
    """

    job: Job
    error: SalganError | None = None
    written: tuple[Path, ...] = ()
    note: str = ""


def threads_each(jobs: Sequence[Job]) -> int | None:
    """How many threads a prediction should use on a processor, where :func:`predict_all` does these jobs.

    Pictures that are predicted side by side, each on a thread of its own, need less processor time than those
    that share all threads one after the other, because no thread waits for another one within a layer.

    Returns:
        A number for :func:`salgan.load_model`; None, which is every core, if a video or too few pictures are
        to be predicted.
    """
    if len(jobs) < cores() or any(job.kind == "video" for job in jobs):
        return None
    return -(-cores() // _MOST_AT_ONCE)


def predict_all(
    jobs: Iterable[Job],
    predictor: Predictor,
    *,
    draw: Callable[[Picture, SaliencyMap], Picture] = render.overlay,
    draw_frame: Callable[[Picture, SaliencyMap], Picture] | None = None,
    background: tuple[int, int, int] = (255, 255, 255),
    smooth: float = 0.0,
    stride: int = 1,
    regions: Sequence[Region] = (),
    on_progress: Progress = silent,
    say: Say = unsaid,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[JobResult]:
    """Do every job and write its files, each whole or not at all.

    Args:
        jobs: what to do, as :func:`salgan.jobs.find_jobs` found it.
        predictor: the network; :func:`threads_each` says how many threads suit it best.
        draw: makes the overlay, uint8 RGB, of a uint8 RGB picture and its map; it may draw into the picture.
        draw_frame: the same for a frame of a video, and of its size; None is ``draw``. What depends on one
            picture, such as its palette, flickers from frame to frame.
        background: the colour below transparent pictures, RGB.
        smooth: for videos, the time constant in seconds, see :func:`salgan.video.predict_frames`.
        stride: for videos, predict one frame in so many.
        regions: for videos, what to follow in the table and its plot.
        on_progress: is told after each picture, and after each frame of a video.
        say: is told of sound that cannot be kept.
        stopped: is asked after each picture and each frame whether to end the work. What is written of a
            video then is kept under the names of :func:`salgan.video.partial_path`.

    Yields:
        One result per job, in order, when its files are written or it has failed. A video that was stopped
        is the last one; its error is a :class:`StoppedError`.

    Raises:
        ModelError: the network fails, as it would for any other picture.
        DiskFullError: there is no room for a result; what was written before is whole.
        ConfigError: options that do not make sense.
    """
    total = len(jobs) if isinstance(jobs, Sized) else None
    done = 0
    for kind, group in groupby(jobs, lambda job: job.kind):
        if kind == "picture":
            results = _predict_pictures(group, predictor, draw, background)
        else:
            options: dict[str, object] = {"smooth": smooth, "stride": stride, "regions": regions, "say": say}
            options["draw"] = draw_frame or draw
            one = partial(_predict_video, predictor, options, on_progress, stopped)
            results = map(one, group)
        for result in results:
            yield result
            done += 1
            if kind == "picture":
                on_progress("predicting", done, total)
            if stopped():
                return


def _predict_pictures(
    jobs: Iterable[Job],
    predictor: Predictor,
    draw: Callable[[Picture, SaliencyMap], Picture],
    background: tuple[int, int, int],
) -> Iterator[JobResult]:
    network = Together(predictor, runs=runs_at_once(predictor))

    def predict(job: Job) -> JobResult:
        try:
            return _predict_picture(job, network, draw, background)
        except (ModelError, DiskFullError):  # the next picture would do no better
            raise
        except SalganError as error:
            return JobResult(job, error)
        except MemoryError:
            return JobResult(job, NotEnoughMemoryError(f"{job.source}: there is not enough memory for it"))

    threads = min(cores(), _MOST_AT_ONCE) + 2  # one may decode or encode, and one waits for the disk
    if predictor.device != "cpu":  # as many more as may wait for it together
        threads += pictures_at_once(predictor.device)
    return in_order(
        predict, jobs, threads=threads, cost=lambda job: bytes_needed(job.source), budget=BYTES_UNDER_WAY
    )


def _predict_picture(
    job: Job,
    network: Together,
    draw: Callable[[Picture, SaliencyMap], Picture],
    background: tuple[int, int, int],
) -> JobResult:
    picture = image.read(job.source, background=background)
    saliency = network.predict(picture)
    note = saliency.note
    for path in job.paths:
        make_folder(path.parent)
    if job.map_path is not None:
        saliency.save(job.map_path, job.format)
    if job.overlay_path is not None:
        drawn = draw(picture, saliency)
        del picture, saliency  # encoding takes as much memory again
        save_picture(drawn, job.overlay_path)
    return JobResult(job, written=tuple(job.paths), note=note)


def _predict_video(
    predictor: Predictor,
    options: dict[str, object],
    on_progress: Progress,
    stopped: Callable[[], bool],
    job: Job,
) -> JobResult:
    from salgan.video import DamagedVideoError, VideoFiles, partial_path, predict_video

    files = VideoFiles(job.overlay_path, job.map_path, job.table_path, job.timeline_path)
    try:
        make_folder(job.paths[0].parent)
        steps = predict_video(job.source, predictor, files, **options)  # type: ignore[arg-type]
        for step in steps:
            on_progress(job.source.name, step.frames, step.total)
            if stopped():
                steps.close()
                kept = [path for path in map(partial_path, job.paths) if path.exists()]
                words = f"stopped after {step.time:.1f} s of video; kept {', '.join(map(str, kept))}"
                return JobResult(job, StoppedError(words), tuple(kept))
    except DamagedVideoError as error:
        return JobResult(job, error, tuple(job.paths))
    except (ModelError, DiskFullError):
        raise
    except SalganError as error:
        return JobResult(job, error)
    return JobResult(job, written=tuple(job.paths))
