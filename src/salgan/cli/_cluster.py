"""``salgan predict --engine ray``: what the command line adds to :mod:`salgan.cluster`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from salgan.cli._common import progress, say, say_error
from salgan.errors import ConfigError

if TYPE_CHECKING:
    from salgan._arrays import Picture
    from salgan.models.predictor import Predictor
    from salgan.regions import Region
    from salgan.saliency_map import SaliencyMap

__all__ = ["Results", "check_engine", "predict_on_ray"]

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Results:
    """The results to make, as they were typed.

    Attributes:
        out: where they go.
        save: what ``--save`` says.
        format: what ``--format`` says.
        regions: what ``--box`` says.
        draw: makes the overlay.
        look: how it draws, in words.
        background: the colour below transparent pictures, RGB.
    """

    out: str
    save: str | None
    format: str | None
    regions: Sequence[Region]
    draw: Callable[[Picture, SaliencyMap], Picture]
    look: str
    background: tuple[int, int, int]


def check_engine(engine: str, sources: Sequence[str] = (), out: str | None = None) -> bool:
    """Whether ``--engine`` asks for Ray, which is then imported.

    Raises:
        ConfigError: it is neither this machine nor Ray; or sources or results are of a kind that only Ray
            takes.
        MissingExtraError: Ray is not installed.
    """
    if engine not in ENGINES:
        raise ConfigError(f"--engine {engine!r} is none of {', '.join(ENGINES)}")
    if engine == "ray":
        import salgan.cluster  # noqa: F401

        return True
    for each in [*sources, *([] if out is None else [out])]:
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", each) or each.rstrip("/").lower().endswith(".parquet"):
            raise ConfigError(f"{each}: addresses and Parquet need --engine ray")
    return False


def predict_on_ray(
    sources: Sequence[str],
    results: Results,
    load: Callable[[], Predictor],
    workers: int | None,
    skip_existing: bool,
    overwrite: bool,
) -> None:
    """Predict on a cluster, draw the progress and say how it went.

    Raises:
        Exit: with code 1 if some pictures have no results, and no row that says why.
    """
    from salgan import cluster

    out, as_files = results.out, not cluster.is_rows(results.out)
    wanted = cluster.parse_wanted(
        results.save,
        results.format,
        results.regions,
        as_files=as_files,
        draw=results.draw,
        look=results.look,
        background=results.background,
    )
    predictor = load()
    done = 0
    try:
        with progress() as on_progress:

            def note(stage: str, count: int, total: int | None, /) -> None:
                nonlocal done
                done = count
                on_progress(stage, count, total)

            result = cluster.predict_on_cluster(
                sources,
                out,
                predictor,
                wanted=wanted,
                workers=workers,
                skip_existing=skip_existing,
                overwrite=overwrite,
                on_progress=note,
            )
    except KeyboardInterrupt:
        say(f"salgan: stopped after {done} pictures; to go on, add --skip-existing", err=True)
        raise
    if result.pictures:
        what = "pictures" if result.pictures != 1 else "picture"
        say(f"{result.pictures} {what}, {result.files} {'files' if as_files else 'parts'} in {out}")
    if result.skipped:
        say(f"{result.skipped} done before and skipped", err=True)
    for line in result.remarks:
        say(line, err=True)
    for error in result.errors:
        say_error(error)
    unnamed = result.failed + result.missing - len(result.errors)
    if unnamed > 0:
        say(f"and {unnamed} more that could not be read", err=True)
    if result.failed and not as_files:
        rows = "1 row has" if result.failed == 1 else f"{result.failed} rows have"
        say(f"{rows} an error in the place of a map", err=True)
    if result.missing or (result.failed and as_files):
        raise typer.Exit(1)
