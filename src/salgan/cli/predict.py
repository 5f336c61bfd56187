"""``salgan predict``: pictures and videos in, saliency maps and overlays out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salgan.cli._common import Device, Engine, Model, Threads, Trust, say
from salgan.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from salgan._arrays import Picture
    from salgan.jobs import Job, JobResult
    from salgan.models.predictor import Predictor
    from salgan.regions import Region
    from salgan.saliency_map import SaliencyMap


def predict(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Pictures, folders of pictures, videos or quoted globs; @list.txt with one of them a line; "
            "or - for a picture on stdin. For --engine ray also s3:// and gs://, tars and Parquet files.",
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="Where the results go; made if missing."),
    ] = None,
    model: Model = "lite",
    device: Device = "auto",
    threads: Threads = None,
    trust: Trust = False,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="map,overlay",
            help="What to make. By default, pictures get both, videos the overlay, and stdin the map. "
            "overlay.jpg and overlay.webp make smaller files than overlay, a PNG. Rows of --engine ray also "
            "take focal, regions and crop:16:9.",
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="npy|png16|png8|tiff",
            help="The format of the map, by default npy; for a video's maps, npy or mp4. 8 bits (png8, mp4) "
            "are for viewing only.",
        ),
    ] = None,
    opacity: Annotated[float, typer.Option(min=0, max=1, help="Opacity of the strongest colour.")] = 0.7,
    contours: Annotated[
        bool, typer.Option("--contours", help="Outline the areas that hold 25, 50 and 75 % of the attention.")
    ] = False,
    legend: Annotated[
        bool, typer.Option("--legend", help="Draw a colour bar below the picture; in a video, on it.")
    ] = False,
    palette: Annotated[
        str,
        typer.Option(
            metavar="auto|magma|paper|night|classic",
            help="The colours. auto keeps dark text on light pictures legible (paper) and light text on dark "
            "ones (night); photographs and videos get magma.",
        ),
    ] = "auto",
    view: Annotated[
        str,
        typer.Option(
            metavar="heat|fog|contours|focus",
            help="What the overlay shows: colours, fog over all else, lines, or all else blurred and grey.",
        ),
    ] = "heat",
    background: Annotated[
        str,
        typer.Option(metavar="COLOUR", help="What lies below transparent pictures: white, black, #336699."),
    ] = "white",
    smooth: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="Videos: time constant for smoothing; 0.3 calms them."),
    ] = 0.0,
    stride: Annotated[
        int, typer.Option(min=1, metavar="N", help="Videos: predict every Nth frame; others reuse its map.")
    ] = 1,
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:X,Y,W,H",
            help="A region to follow in videos, or to measure in the rows of --engine ray, in the form that "
            "`salgan regions` takes. Repeat for more.",
        ),
    ] = None,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Skip files whose results already exist.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    engine: Engine = "local",
) -> None:
    """Predict where people look.

    [bold]salgan predict photo.jpg -o out[/bold]

    This writes out/photo.saliency.npy (float32 in 0..1, at the picture's own size) and out/photo.overlay.png.

    [bold]salgan predict holiday/ "more/**/*.png" -o out --skip-existing[/bold]

    Folders are searched with everything below them, and their tree is kept; globs work too. You can stop the
    command and start it again.

    [bold]salgan predict - --format png16 < photo.jpg > map.png[/bold]

    This reads a picture from stdin and writes the map to stdout, or the overlay with --save overlay.

    [bold]salgan predict clip.mp4 -o out --smooth 0.3 --box logo:0.7,0.1,0.2,0.1[/bold]

    This writes out/clip.overlay.mp4 with its sound, and a table and a plot of the box's share of attention.
    Ctrl-C keeps what is done as out/clip.overlay.partial.mp4. Videos in a folder must be named or matched
    by a glob.

    [bold]salgan predict s3://bucket/photos -o s3://bucket/maps.parquet --engine ray[/bold]

    This predicts on a cluster of Ray: RAY_ADDRESS names it, and without it one is started on this machine
    (--threads says how many workers). A folder whose name ends in .parquet gets rows: the map (png16), and
    whatever --save names, such as focal, regions (with --box) and crop:16:9. Other names get files.

    A file that cannot be read does not stop the others; it is named at the end, and the exit code is 1.
    In rows of Parquet it has a row with its error instead, and the exit code is 0.
    """
    import functools

    from salgan import jobs, render
    from salgan.cli import _common, _signals
    from salgan.cli._cluster import Results, check_engine, predict_on_ray
    from salgan.cli._results import refuse_to_overwrite
    from salgan.jobs.find import NO_MAP
    from salgan.jobs.lists import expand_lists
    from salgan.models.devices import first_choice

    load = functools.partial(_common.load_predictor, model, trust=trust)
    view = _known(view, render.VIEWS, "--view")
    palette = _known(palette, render.PALETTES, "--palette")
    if legend and view in ("fog", "focus") and not contours:
        raise ConfigError(f"--view {view} has no legend; leave out --legend, or add --contours")
    look = functools.partial(render.overlay, opacity=opacity, contours=contours, view=view)
    draw = functools.partial(look, legend=legend, palette=palette)

    def draw_over(picture: Picture, saliency: SaliencyMap) -> Picture:
        return draw(picture, saliency, out=picture)  # nobody needs the picture any more, and it may be large

    # A palette chosen by each frame would flicker, and a frame keeps its size.
    steady = "magma" if palette == "auto" else palette
    draw_frame = functools.partial(look, legend="inside" if legend else False, palette=steady)
    below = _colour(background)
    sources = expand_lists(sources)
    on_ray = check_engine(engine, sources, out)
    wanted = None if on_ray else _wanted(save)
    if "-" in sources:
        if on_ray or len(sources) > 1 or out is not None or len(wanted or ["map"]) > 1:
            raise ConfigError("SOURCE - takes one picture from stdin and gives one of --save, without -o")
        if box or smooth or stride > 1 or skip_existing or overwrite:
            raise ConfigError(
                "--box, --smooth and --stride are for videos, --skip-existing and --overwrite for files; "
                "leave them out with SOURCE -"
            )
        if format is not None and wanted not in (None, ["map"]):
            raise ConfigError(NO_MAP)
        _through_pipe(load, (wanted or ["map"])[0], format or "npy", draw, below)
        return
    if out is None:
        raise ConfigError("say where the results go: -o FOLDER")
    if skip_existing and overwrite:
        raise ConfigError("--skip-existing and --overwrite exclude each other")
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{out}: is a file; -o names the folder for the results")
    regions = _regions(box or [])
    if on_ray:
        if smooth or stride > 1:
            raise ConfigError("--smooth and --stride are for videos, which --engine ray does not take")
        drawn = f"{view}, {palette}, opacity {opacity:g}" + ", contours" * contours + ", legend" * legend
        results_wanted = Results(out, save, format, regions, draw_over, drawn, below)
        predict_on_ray(sources, results_wanted, load, threads, skip_existing, overwrite)
        return

    found = jobs.find_jobs(sources, folder, save=wanted, format=format or "npy", follow=bool(regions))
    if (smooth or stride > 1 or regions) and not any(job.kind == "video" for job in found.jobs):
        raise ConfigError(
            "--smooth, --stride and --box are for videos; for a picture: salgan regions IMAGE --box"
        )
    if format is not None and found.jobs and all(job.map_path is None for job in found.jobs):
        raise ConfigError(NO_MAP)
    todo = jobs.still_to_do(found.jobs) if skip_existing else found.jobs
    if skip_existing:
        _say_broken(todo)
    elif not overwrite:
        refuse_to_overwrite(path for job in todo for path in job.paths)
    results: list[JobResult] = []
    if todo:
        predictor = load(threads=jobs.threads_each(todo) if first_choice() == "cpu" else None)
        with _common.progress() as on_progress, _signals.between_steps() as stopped:
            for result in jobs.predict_all(
                todo,
                predictor,
                draw=draw_over,
                draw_frame=draw_frame,
                background=below,
                smooth=smooth,
                stride=stride,
                regions=regions,
                on_progress=on_progress,
                say=lambda line: say(line, err=True),
                stopped=stopped,
            ):
                results.append(result)
                if isinstance(result.error, jobs.StoppedError):
                    say(f"salgan: {result.error}", err=True)
                elif result.job.kind == "video":
                    _print_paths(result)
    _report(results, len(found.jobs) - len(todo), folder)
    for result in results:
        if result.note:
            say(f"{result.job.source}: {result.note}", err=True)
    for line in found.left_out:
        say(line, err=True)
    errors = [*found.errors, *(result.error for result in results if result.error is not None)]
    for error in errors:
        _common.say_error(error)
    if errors:
        raise typer.Exit(1)


def _wanted(save: str | None) -> list[str] | None:
    from salgan.jobs.find import KINDS

    if save is None:
        return None
    wanted = [word.strip() for word in save.split(",")]
    for word in wanted:
        if word not in KINDS:
            raise ConfigError(f"--save {word!r} is none of {', '.join(KINDS)}; join several with a comma")
    return wanted


def _known(word: str, words: Sequence[str], option: str) -> str:
    from salgan._words import did_you_mean

    if word not in words:
        raise ConfigError(f"{option} {word!r} is unknown; {did_you_mean(word, words)}")
    return word


def _regions(boxes: Sequence[str]) -> list[Region]:
    if not boxes:
        return []
    from salgan.regions import check_names, parse_box

    regions = [parse_box(each) for each in boxes]
    check_names(regions)
    return regions


def _colour(text: str) -> tuple[int, int, int]:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        raise ConfigError(f"--background {text!r} is not a colour, such as white or #336699") from None
    return red, green, blue


def _through_pipe(
    load: Callable[[], Predictor],
    wanted: str,
    format: str,
    draw: Callable[..., Picture],
    background: tuple[int, int, int],
) -> None:
    from salgan import image
    from salgan._drawing import encoded
    from salgan.saliency_map import FORMATS

    if format not in FORMATS:
        raise ConfigError(f"--format {format!r} is none of {', '.join(FORMATS)}")
    if sys.stdout is None or sys.stdout.isatty():
        raise ConfigError(
            "stdout is closed or a terminal; send the result somewhere: salgan predict - > map.npy"
        )
    if sys.stdin is None or sys.stdin.isatty():
        raise ConfigError("SOURCE - reads a picture from stdin: salgan predict - < photo.jpg > map.npy")
    picture = image.read(sys.stdin.buffer, background=background)
    saliency = load().predict(picture)
    if saliency.note:
        say(saliency.note, err=True)
    if wanted == "map":
        result = saliency.encode(format)
    else:
        result = encoded(draw(picture, saliency), "." + (wanted.partition(".")[2] or "png"))
    sys.stdout.buffer.write(result)
    sys.stdout.buffer.flush()


def _say_broken(todo: Sequence[Job]) -> None:
    from salgan.jobs.whole import is_whole

    count = sum(path.exists() and not is_whole(path) for job in todo for path in job.paths)
    if count:
        what = "1 result that does not open is" if count == 1 else f"{count} results that do not open are"
        say(f"{what} made anew", err=True)


def _report(results: Sequence[JobResult], skipped: int, out: Path) -> None:
    pictures = [result for result in results if result.job.kind == "picture" and result.written]
    if len(pictures) == 1:
        _print_paths(pictures[0])
    elif pictures:
        say(f"{len(pictures)} pictures, {sum(len(each.written) for each in pictures)} files in {out}")
    if skipped:
        say(f"{skipped} done before and skipped", err=True)


def _print_paths(result: JobResult) -> None:
    for path in result.written:
        say(path)
