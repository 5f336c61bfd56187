"""What several verbs share: error messages, the console for messages and the progress bar, all on stderr.

Results that another program may read go to stdout; everything addressed to a person goes to stderr.
Rich turns colours off by itself when ``NO_COLOR`` is set or stderr is not a terminal.
"""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from salgan._progress import silent
from salgan._words import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from salgan._progress import Progress
    from salgan.models.predictor import Predictor

__all__ = [
    "Device",
    "Engine",
    "Fast",
    "Model",
    "RegionFile",
    "Threads",
    "Trust",
    "load_predictor",
    "messages",
    "progress",
    "say",
    "say_error",
    "say_warnings",
]

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A name from `salgan models`, an .onnx file, a training run's folder or network, or an address "
        "with its hash (URL#sha256=...).",
    ),
]
"""``--model`` of every command that predicts; :func:`load_predictor` opens it."""

Trust = Annotated[
    bool,
    typer.Option("--trust", help="Import the code of your own network, which the model's file names."),
]
"""``--trust`` of the commands that open such a network; an exported model never needs it."""


def _use(device: str) -> str:
    """Make a device what ``auto`` means in this process and in those that it starts."""
    from salgan.models.devices import VARIABLE, check_device

    chosen = check_device(device)
    if chosen != "auto":
        os.environ[VARIABLE] = chosen
    return chosen


Device = Annotated[
    str,
    typer.Option(
        "--device",
        callback=_use,
        metavar="NAME",
        help="Where the network runs: cpu, cuda, tensorrt, openvino, coreml or directml; auto takes the best "
        "that the installed ONNX Runtime has.",
    ),
]
"""``--device`` of every command that predicts; commands need not look at it."""


def _bound(threads: int | None) -> int | None:
    """Bound the threads of this process and of those that it starts."""
    from salgan._cores import THREADS_VARIABLE

    if threads is not None:
        os.environ[THREADS_VARIABLE] = str(threads)
    return threads


Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        callback=_bound,
        min=1,
        help="The most threads to compute with; every core that this process may use if not given.",
    ),
]
"""``--threads`` of commands that predict many pictures; commands need not look at it."""


Engine = Annotated[
    str,
    typer.Option(metavar="local|ray", help="What does the work: this machine, or a cluster of Ray."),
]
"""``--engine`` of predict and evaluate; :func:`salgan.cli._cluster.check_engine` reads it."""

RegionFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Read regions from a .json or .csv file; .json may give a picture its own."
    ),
]
"""``--file`` of every command that measures regions."""

Fast = Annotated[
    bool,
    typer.Option("--fast", help="Predict each picture once instead of 16 times; there are no intervals."),
]
"""``--fast`` of every command that gives shares with intervals."""


def say_error(error: Exception) -> None:
    """Print an error as one line on stderr, whatever its message holds.

    A file name may contain line breaks, and characters that a terminal takes for commands; those are shown
    as escapes.
    """
    line = " ".join(str(error).split())
    print(f"salgan: error: {printable(line)}", file=sys.stderr)


def say(text: object = "", *, err: bool = False) -> None:
    """Print a line on stdout, or on stderr.

    What a terminal would take for commands is shown as escapes. A pipe gets names byte for byte.
    """
    stream = sys.stderr if err else sys.stdout
    exact = not err and stream is not None and not stream.isatty()
    typer.echo(str(text) if exact else printable(str(text)), err=err, color=True)


def messages() -> Console:
    """The console for messages to a person, on the current stderr; names in them give no commands."""
    from rich.console import Console

    class Messages(Console):
        def print(self, *objects: Any, **options: Any) -> None:
            shown = [printable(each) if isinstance(each, str) else each for each in objects]
            super().print(*shown, **options)

    return Messages(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def progress(title: str = "") -> Iterator[Progress]:
    """Show the progress of the current stage: the count, the time elapsed and the time left.

    Nothing is drawn if stderr is not a terminal. A bar appears with a stage's first report and disappears
    when the stage is done.

    Args:
        title: a common name for the stages, shown before their own names.

    Yields:
        What to pass as ``on_progress``.
    """
    if sys.stderr is None or not sys.stderr.isatty():  # Rich takes long to import
        yield silent
        return
    from rich import progress as rich_progress

    bar = rich_progress.Progress(
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        rich_progress.TextColumn("{task.fields[count]}"),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TimeRemainingColumn(),
        console=messages(),
        transient=True,
    )

    def show(stage: str, done: int, total: int | None) -> None:
        description, count = printable(f"{title} {stage}".strip()), _count(stage, done, total)
        if bar.tasks and bar.tasks[0].description != description:
            bar.remove_task(bar.tasks[0].id)
        if not bar.tasks:
            bar.add_task(description, total=total, completed=done, count=count)
            bar.start()
        bar.update(bar.tasks[0].id, completed=done, total=total, count=count)
        if total is not None and done >= total:
            bar.stop()
            bar.remove_task(bar.tasks[0].id)

    try:
        yield show
    finally:
        bar.stop()


def _count(stage: str, done: int, total: int | None) -> str:
    shown = [done] if total is None else [done, total]
    if stage.startswith("downloading"):
        return "/".join(f"{number / 1e6:.1f}" for number in shown) + " MB"
    return "/".join(map(str, shown))


def load_predictor(model: str, *, trust: bool = False, threads: int | None = None) -> Predictor:
    """Load what ``--model`` names, with a progress bar if it must be downloaded.

    Args:
        model: what ``--model`` says.
        trust: what ``--trust`` says.
        threads: threads that one prediction may use; one per physical core if None.

    Raises:
        ModelError: as :func:`salgan.models.load_model` raises it.
    """
    from salgan import models

    with progress(model) as on_progress:
        return models.load_model(model, trust=trust, threads=threads, on_progress=on_progress)


def say_warnings() -> None:
    """Print each of the library's warnings as one line on stderr, without its place in the code."""

    def say(message: Warning | str, *_: object, **__: object) -> None:
        print("salgan: warning: " + printable(" ".join(str(message).split())), file=sys.stderr)

    warnings.showwarning = say
