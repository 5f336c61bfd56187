"""What several verbs share: how errors are said, the console for messages, the progress bar; all on stderr.

Results that another program may read go to stdout; everything said to a person goes to stderr.
Rich turns colours off by itself when ``NO_COLOR`` is set or stderr is no terminal.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from salgan.models.predictor import Predictor

__all__ = ["load_predictor", "messages", "progress_bar", "say_error"]


def say_error(error: Exception) -> None:
    """Print an error as one line on stderr, whatever its message holds: a file name may have a line break."""
    print("salgan: error: " + " ".join(str(error).split()), file=sys.stderr)


def messages() -> Console:
    """The console for words to a person, on the stderr of this moment."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def progress_bar(console: Console | None = None) -> Progress:
    """A bar with count, time gone and time left; silent where stderr is no terminal, and gone when done.

    Args:
        console: where to draw; :func:`messages` if None.

    Returns:
        A context manager; ``add_task(description, total=...)`` and ``advance(task)`` inside it.
    """
    from rich import progress

    console = console or messages()
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def load_predictor(model: str) -> Predictor:
    """Load what ``--model`` names, with a progress bar if it must be downloaded.

    Raises:
        ModelError: as :func:`salgan.models.load_model` raises it.
    """
    from salgan import models

    with progress_bar() as bar:
        task = bar.add_task(f"downloading {model} (MB)", total=None, visible=False)

        def show(have: int, total: int | None) -> None:
            bar.update(task, completed=have / 1e6, total=total and total / 1e6, visible=True)

        return models.load_model(model, on_progress=show)
