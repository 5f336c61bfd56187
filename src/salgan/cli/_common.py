"""What several verbs share: the console for messages and the progress bar, both on stderr.

Results that another program may read go to stdout; everything said to a person goes to stderr.
Rich turns colours off by itself when ``NO_COLOR`` is set or stderr is no terminal.
"""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["messages", "progress_bar"]


def messages() -> Console:
    """The console for words to a person, on the stderr of this moment."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def progress_bar(console: Console | None = None) -> Progress:
    """A bar with count, time gone and time left; silent where stderr is no terminal, and gone when done.

    Args:
        console: where to draw; :func:`messages` if None.

    Returns:
        A context manager; ``add_task(description, total=...)`` and ``advance(task)`` inside it.
    """
    console = console or messages()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
