"""The floors of the house, read where a contributor reads them: in CONTRIBUTING.md."""

import re
from pathlib import Path

import salgan

HOUSE = Path(salgan.__file__).parent
CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"
HEADING = "## Where things go"


def read_floors(text: str) -> dict[str, int]:
    """Each part of the package and its floor, from the numbered list under the heading.

    Raises:
        ValueError: the section or its list is missing, a floor is out of order, or a part stands on two.
    """
    _, found, section = text.partition(HEADING)
    rows = re.findall(r"^(\d+)\. (`.*)$", section.partition("\n## ")[0], re.MULTILINE)
    if not found or [int(number) for number, _ in rows] != list(range(1, len(rows) + 1)) or not rows:
        raise ValueError(f"CONTRIBUTING.md has no list of floors, numbered from 1, under {HEADING!r}")
    parts = [(part, int(number)) for number, row in rows for part in re.findall(r"`(\w+)`", row)]
    if len(dict(parts)) != len(parts):
        raise ValueError("a part of the package stands on two floors in CONTRIBUTING.md")
    return dict(parts)


FLOOR = read_floors(CONTRIBUTING.read_text(encoding="utf-8"))


def part_of(path: Path) -> str:
    """The part of the package that a file belongs to, as the list of floors calls it."""
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")
