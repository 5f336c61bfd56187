"""Every Markdown page reads well as plain text, too."""

import re
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
BUILT = {"build", "dist", "site", "runs", "node_modules", "out"}
ONE_LINK = re.compile(r"!?\[[^\]]*\]\([^)]*\)[.,;:]?")
"""A picture or a link alone on its line cannot be broken everywhere that Markdown is read."""


def pages() -> list[str]:
    found = [path.relative_to(HOME) for path in HOME.rglob("*.md")]
    return sorted(
        path.as_posix()
        for path in found
        if not any((part.startswith(".") and part != ".github") or part in BUILT for part in path.parts[:-1])
    )


@pytest.mark.parametrize("page", pages())
def test_lines_stay_under_120_characters(page):
    lines = (HOME / page).read_text(encoding="utf-8").splitlines()
    wide = [
        f"{page}:{number} has {len(line)} characters"
        for number, line in enumerate(lines, 1)
        if len(line) >= 120 and not line.startswith("|") and not ONE_LINK.fullmatch(line.strip())
    ]
    assert wide == []
