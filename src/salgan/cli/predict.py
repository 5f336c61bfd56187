"""``salgan predict``: pictures and videos in, saliency maps and overlays out."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salgan.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import numpy as np

    from salgan.cli._videos import VideoJob
    from salgan.errors import SalganError
    from salgan.jobs import Job
    from salgan.saliency_map import SaliencyMap

_OUTPUTS = ("map", "overlay")


def predict(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Pictures, folders of them, videos, quoted globs; or - for a picture on stdin.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="Where the results go; made if missing."),
    ] = None,
    model: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A model of `salgan models`, or an ONNX file.")
    ] = "lite",
    output: Annotated[
        str | None,
        typer.Option(
            metavar="map,overlay",
            help="What to make; if not given map,overlay, of stdin map, of videos overlay.",
        ),
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            metavar="npy|png16|png8|tiff",
            help="Of the map; of a video's maps: npy or mp4. 8 bits (png8, mp4) are for looking only.",
        ),
    ] = "npy",
    opacity: Annotated[float, typer.Option(min=0, max=1, help="Of the overlay's strongest colour.")] = 0.7,
    contours: Annotated[
        bool, typer.Option("--contours", help="Outline where 25, 50 and 75 % of the attention lie.")
    ] = False,
    legend: Annotated[bool, typer.Option("--legend", help="Draw a colour bar into the overlay.")] = False,
    smooth: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="Videos: time constant of the smoothing; 0.3 calms."),
    ] = 0.0,
    stride: Annotated[
        int, typer.Option(min=1, metavar="N", help="Videos: predict every Nth frame; others keep its map.")
    ] = 1,
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:X,Y,W,H",
            help="Videos: a region, as of `salgan regions`, to follow. Repeat for more.",
        ),
    ] = None,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out files whose results are there.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")] = False,
) -> None:
    """Predict where people look.

    [bold]salgan predict photo.jpg -o out[/bold]

    writes out/photo.saliency.npy (float32 in 0..1, at the picture's own size) and out/photo.overlay.png.

    [bold]salgan predict holiday/ "more/**/*.png" -o out --skip-existing[/bold]

    takes folders with all below them (their tree is kept) and globs, and can be stopped and started again.

    [bold]salgan predict - --format png16 < photo.jpg > map.png[/bold]

    reads a picture from stdin and writes the map, or with --output overlay the overlay, to stdout.

    [bold]salgan predict clip.mp4 -o out --smooth 0.3 --box logo:0.7,0.1,0.2,0.1[/bold]

    writes out/clip.overlay.mp4 with the sound, and of the box's share of attention a table and a plot.
    Ctrl-C keeps what is done as out/clip.overlay.partial.mp4. A folder's videos must be named themselves.

    A file that cannot be read does not stop the others; it is named at the end, and the exit code is 1.
    """
    from salgan import render
    from salgan.cli import _videos
    from salgan.cli._common import say_error
    from salgan.saliency_map import FORMATS

    videos, pictures = _videos.divide(sources)
    if pictures and format not in FORMATS:
        raise ConfigError(f"--format {format!r} is none of {', '.join(FORMATS)}")
    wanted = _wanted(output or ("map" if sources == ["-"] else "map,overlay"))
    if not videos and (smooth or stride > 1 or box):
        raise ConfigError(
            "--smooth, --stride and --box are for videos; for a picture: salgan regions IMAGE --box"
        )

    def draw(picture: np.ndarray[Any, Any], saliency: SaliencyMap) -> np.ndarray[Any, Any]:
        return render.overlay(picture, saliency, opacity=opacity, contours=contours, legend=legend)

    if "-" in sources:
        if len(sources) > 1 or out is not None or len(wanted) > 1:
            raise ConfigError(
                "SOURCE - takes one picture from stdin and gives one --output on stdout, without -o"
            )
        if sys.stdout.isatty():
            raise ConfigError("stdout is a terminal; send the result somewhere: salgan predict - > map.npy")
        _through_pipe(model, wanted[0], format, draw)
        return
    if out is None:
        raise ConfigError("say where the results go: -o FOLDER")
    if skip_existing and overwrite:
        raise ConfigError("--skip-existing and --overwrite exclude each other")
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is a file; -o names the folder for the results")
    jobs = _videos.find_jobs(videos, out, _wanted(output or "overlay"), format, box or []) if videos else []
    if skip_existing:
        jobs = [job for job in jobs if not all(path.exists() for path in job.paths)]
    elif not overwrite:
        _refuse_to_overwrite(jobs)
    errors: list[SalganError] = []
    if pictures:
        errors += _files(
            pictures, out, model, wanted, format, draw, skip_existing=skip_existing, overwrite=overwrite
        )
    if jobs:
        errors += _videos.predict(jobs, model, draw, smooth=smooth, stride=stride)
    for error in errors:
        say_error(error)
    if errors:
        raise typer.Exit(1)


def _files(
    sources: list[str],
    out: Path,
    model: str,
    wanted: list[str],
    format: str,
    draw: Callable[..., Any],
    *,
    skip_existing: bool,
    overwrite: bool,
) -> list[SalganError]:
    from salgan.cli._common import load_predictor, progress
    from salgan.jobs import find_jobs, predict_all

    found, errors = find_jobs(sources, out, outputs=wanted, format=format)
    jobs = _not_there_yet(found) if skip_existing else found
    if not overwrite:
        _refuse_to_overwrite(jobs)
    done: list[Job] = []
    if jobs:
        predictor = load_predictor(model)
        with progress() as on_progress:
            for number, outcome in enumerate(predict_all(jobs, predictor, draw=draw), 1):
                if outcome.error is None:
                    done.append(outcome.job)
                else:
                    errors.append(outcome.error)
                on_progress("predicting", number, len(jobs))
    _report(done, len(found) - len(jobs), out)
    return errors


def _through_pipe(model: str, wanted: str, format: str, draw: Callable[..., Any]) -> None:
    import io

    from PIL import Image

    from salgan import image
    from salgan.cli._common import load_predictor

    picture = image.read(sys.stdin.buffer.read())
    saliency = load_predictor(model).predict(picture)
    if wanted == "map":
        result = saliency.encode(format)
    else:
        file = io.BytesIO()
        Image.fromarray(draw(picture, saliency)).save(file, format="PNG")
        result = file.getvalue()
    sys.stdout.buffer.write(result)
    sys.stdout.buffer.flush()


def _wanted(output: str) -> list[str]:
    wanted = [word.strip() for word in output.split(",")]
    for word in wanted:
        if word not in _OUTPUTS:
            raise ConfigError(
                f"--output {word!r} is none of {', '.join(_OUTPUTS)}; join several with a comma"
            )
    return wanted


def _not_there_yet(jobs: list[Job]) -> list[Job]:
    """The jobs with only those files that do not exist; without the jobs that are done."""
    missing = (
        replace(
            job,
            map_path=None if job.map_path and job.map_path.exists() else job.map_path,
            overlay_path=None if job.overlay_path and job.overlay_path.exists() else job.overlay_path,
        )
        for job in jobs
    )
    return [job for job in missing if job.paths]


def _refuse_to_overwrite(jobs: Sequence[Job | VideoJob]) -> None:
    there = [path for job in jobs for path in job.paths if path.exists()]
    if there:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ConfigError(f"{there[0]}{others} exist already; add --skip-existing or --overwrite")


def _report(done: list[Job], skipped: int, out: Path) -> None:
    if len(done) == 1:
        for path in done[0].paths:
            typer.echo(path)
    elif done:
        typer.echo(f"{len(done)} pictures, {sum(len(job.paths) for job in done)} files in {out}")
    if skipped:
        typer.echo(f"{skipped} done before and skipped", err=True)
