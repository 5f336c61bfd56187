"""The fenced blocks of the pages: read in one place for every test of the documentation."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SHELLS = ("", "console", "bash", "sh", "text")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        page: the page's path below the repository.
        line: the line of its first character.
        kind: what stands behind the fence, such as ``python``; often nothing.
        text: what the fences enclose.
    """

    page: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """README, CONTRIBUTING and every page of the documentation, by their path below the repository."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path.relative_to(ROOT).as_posix() for path in found if path.is_file()]


def text_of(page: str) -> str:
    """A page's text; skips where the documentation is not part of a source distribution."""
    path = ROOT / page
    if not path.is_file():
        pytest.skip("the documentation is not part of this source distribution")
    return path.read_text(encoding="utf-8")


def blocks(page: str, kind: str | None = None) -> list[Block]:
    """The blocks of a page in order, of one kind if it is given."""
    text = text_of(page)
    found = [
        Block(page, text.count("\n", 0, match.start(2)) + 1, match[1], match[2])
        for match in _FENCE.finditer(text)
    ]
    return found if kind is None else [block for block in found if block.kind == kind]


def texts(page: str, kind: str) -> list[str]:
    """The texts of a page's blocks of one kind."""
    return [block.text for block in blocks(page, kind)]


def code(page: str, kind: str = "python") -> str:
    """The text of a page's only block of one kind."""
    (block,) = blocks(page, kind)
    return block.text


def commands(page: str, program: str = "salgan") -> list[tuple[str, str]]:
    """What a page tells people to type: (where, command line), without prompts, comments and pipes."""
    found = []
    for block in blocks(page):
        if block.kind not in _SHELLS:
            continue
        lines = block.text.replace("\\\n", " ").splitlines()
        for number, line in enumerate(lines):
            typed = line.removeprefix("$ ").strip()
            if typed.split(" ")[0] == program:
                typed = re.split(r"\s+#\s|\s[|<>&]+\s|\s[<>]", f"{typed} ")[0].strip()
                found.append((f"{page}:{block.line + number}", typed))
    return found
