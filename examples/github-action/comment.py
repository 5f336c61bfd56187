"""Write a comment in Markdown from what `salgan regions --json` says, now and before the change.

    python comment.py now.json [before.json] > comment.md

Needs nothing but Python. If the second file does not exist, the table has no "before".
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

MARK = "<!-- salgan -->"
"""The first line of the comment, by which the workflow finds it to replace it."""

FOLDER = "screenshots"
"""The folder that the workflow measures, now and before."""


def pictures(path: Path) -> dict[str, dict[str, Any]]:
    """Each picture's report, by its path below the folder of screenshots; one picture's has no list."""
    document = json.loads(path.read_text(encoding="utf-8"))
    reports = document.get("pictures", [document])
    return {below(Path(report["picture"]["path"])): report for report in reports}


def below(path: Path) -> str:
    """A path below the last folder called screenshots; a file's name if there is no such folder."""
    parts = path.parts[:-1]
    if FOLDER not in parts:
        return path.name
    return Path(*path.parts[len(parts) - parts[::-1].index(FOLDER) :]).as_posix()


def comment(now: dict[str, dict[str, Any]], before: dict[str, dict[str, Any]]) -> str:
    """The whole comment: a row for each picture and region, what changed marked."""
    header = ["screenshot", "region", *(["before"] if before else []), "attention", "in 16 views", "area"]
    lines = [MARK, "### Where people look", "", row(header), row(["---"] * 2 + ["---:"] * (len(header) - 2))]
    for name, report in now.items():
        earlier = {each["name"]: each for each in before.get(name, {}).get("regions", [])}
        for each in report["regions"]:
            old = earlier.get(each["name"])
            cells = [code(name), code(each["name"])]
            if before:
                cells.append("new" if old is None else percent(old["share"]))
            cells.append(percent(each["share"]) + (arrow(each, old) if old else ""))
            low, high = each.get("interval") or (None, None)
            cells.append("" if low is None else f"{low:.1%} to {high:.1%}")
            lines.append(row([*cells, percent(each["area"])]))
    lines += ["", "Predicted by salgan, not measured on people. An arrow marks what differs in all 16 views."]
    return "\n".join(lines)


def arrow(now: dict[str, Any], before: dict[str, Any]) -> str:
    """Which way a share went, if its intervals do not overlap."""
    if not now.get("interval") or not before.get("interval"):
        return ""
    if now["interval"][0] > before["interval"][1]:
        return " ⬆"
    return " ⬇" if now["interval"][1] < before["interval"][0] else ""


def percent(share: float) -> str:
    """A share as people read it."""
    return f"{share:.1%}"


def code(text: str) -> str:
    """A name that may hold anything, in a table: nothing in it is Markdown or a mention."""
    plain = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`"


def row(cells: list[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    files = [Path(argument) for argument in sys.argv[1:]]
    sys.stdout.reconfigure(encoding="utf-8")
    print(comment(pictures(files[0]), pictures(files[1]) if files[1:] and files[1].exists() else {}))
