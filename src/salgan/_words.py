"""Text that several parts need: the closest known name to a wrong one, and tables in Markdown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

__all__ = ["did_you_mean", "markdown_table", "printable"]


def printable(text: str) -> str:
    r"""Text that a terminal only shows: what is not a visible sign is escaped, except for line ends and tabs.

    A file's name may hold what a terminal takes for commands.

    >>> print(printable("a\x1b[31m.jpg"))
    a\x1b[31m.jpg
    """
    return "".join(sign if sign.isprintable() or sign in "\n\t" else ascii(sign)[1:-1] for sign in text)


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None, *, most: int = 1) -> str:
    """A hint for an error about an unknown name.

    Args:
        word: what was typed. Its case does not matter, and neither does ``-`` for ``_``.
        known: the names that exist.
        otherwise: the hint if no known name is close; None lists them all.
        most: how many close names to offer.

    Returns:
        ``"did you mean nss?"``, or ``"there are auc_judd, nss"``; no full stop follows.

    >>> did_you_mean("NSSS", ["auc_judd", "nss"])
    'did you mean nss?'
    >>> did_you_mean("speed", ["auc_judd", "nss"])
    'there are auc_judd, nss'
    """
    names = {_plain(name): name for name in known}
    close = difflib.get_close_matches(_plain(word), names, n=most)
    if close:
        return f"did you mean {' or '.join(names[name] for name in close)}?"
    return otherwise if otherwise is not None else f"there are {', '.join(names.values()) or 'none'}"


def _plain(word: str) -> str:
    return word.casefold().replace("_", "-")


def markdown_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = ()
) -> list[str]:
    r"""A table in Markdown, as lines.

    Args:
        headings: one per column.
        rows: the cells of each row, as many as there are headings.
        numbers: positions of the columns that are aligned to the right.

    Raises:
        ValueError: a row has another number of cells than there are headings.

    >>> print("\n".join(markdown_table(["metric", "mean"], [["NSS", "1.25"]], numbers=[1])))
    | metric | mean |
    |---|---:|
    | NSS | 1.25 |
    """
    right = set(numbers)
    lines = [_row(headings), "|" + "".join("---:|" if n in right else "---|" for n in range(len(headings)))]
    for cells in rows:
        if len(cells) != len(headings):
            raise ValueError(f"{len(cells)} cells under {len(headings)} headings: {cells}")
        lines.append(_row(cells))
    return lines


def _row(cells: Sequence[str]) -> str:
    # A bar inside a cell would begin another column, and a line break would end the table.
    return "| " + " | ".join(" ".join(cell.split()).replace("|", r"\|") for cell in cells) + " |"
