"""Text in CSV tables that a spreadsheet may open: it takes a cell that begins with ``=`` for a formula."""

from __future__ import annotations

import re

__all__ = ["as_cell", "of_cell"]

# What spreadsheets calculate, behind any number of our own apostrophes.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def as_cell(text: str) -> str:
    """Text as a cell that no spreadsheet calculates: a dangerous one gets an apostrophe in front.

    >>> as_cell("=1+1.jpg"), as_cell("photo.jpg")
    ("'=1+1.jpg", 'photo.jpg')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def of_cell(cell: str) -> str:
    """The text that :func:`as_cell` made a cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
