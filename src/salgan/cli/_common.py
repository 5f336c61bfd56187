"""What several verbs share: how errors are said, the console for messages, the progress bar; all on stderr.

Results that another program may read go to stdout; everything said to a person goes to stderr.
Rich turns colours off by itself when ``NO_COLOR`` is set or stderr is no terminal.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from salgan._progress import Progress
    from salgan.models.predictor import Predictor

__all__ = ["Model", "Trust", "load_predictor", "messages", "progress", "say_error", "say_warnings"]

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A name of `salgan models`, an .onnx file, a training run's folder or network, or an address "
        "with its hash (URL#sha256=...).",
    ),
]
"""``--model`` of every command that predicts; :func:`load_predictor` opens it."""

Trust = Annotated[
    bool,
    typer.Option("--trust", help="Import the code of a network of your own, which the model's file names."),
]
"""``--trust`` of predict, evaluate and export; what is exported needs none in any command."""


def say_error(error: Exception) -> None:
    """Print an error as one line on stderr, whatever its message holds.

    A file name may have line breaks, and signs that a terminal takes for orders; those are shown as escapes.
    """
    line = " ".join(str(error).split())
    shown = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in line)
    print(f"salgan: error: {shown}", file=sys.stderr)


def messages() -> Console:
    """The console for words to a person, on the stderr of this moment."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def progress(title: str = "") -> Iterator[Progress]:
    """Draw how far work is: count, time gone and time left of the present stage.

    Nothing is drawn where stderr is not a terminal. A bar appears with the first thing that is told of a
    stage, and is gone when the stage is done.

    Args:
        title: what the stages are called together; it stands before their names.

    Yields:
        What to pass as ``on_progress``.
    """
    from rich import progress as rich_progress

    console = messages()
    bar = rich_progress.Progress(
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        rich_progress.TextColumn("{task.fields[count]}"),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )

    def show(stage: str, done: int, total: int | None) -> None:
        description, count = f"{title} {stage}".strip(), _count(stage, done, total)
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


def load_predictor(model: str, *, trust: bool = False) -> Predictor:
    """Load what ``--model`` names, with a progress bar if it must be downloaded.

    Raises:
        ModelError: as :func:`salgan.models.load_model` raises it.
    """
    from salgan import models

    with progress(model) as on_progress:
        return models.load_model(model, trust=trust, on_progress=on_progress)


def say_warnings() -> None:
    """Let a warning of the library be one line on stderr, without the place in the code where it arose."""

    def say(message: Warning | str, *_: object, **__: object) -> None:
        print("salgan: warning: " + " ".join(str(message).split()), file=sys.stderr)

    warnings.showwarning = say
