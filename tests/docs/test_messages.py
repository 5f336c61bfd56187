"""What errors and help texts tell people to type exists: verbs, their options, recipes and models."""

import ast
import re
from pathlib import Path

import salgan
from tests.docs.test_pages import verbs_and_options

SOURCE = Path(salgan.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
NOT_A_VERB = {"salgan serves", "salgan knows"}
"""Sentences about the program."""


def texts(path):
    """Every text of a module that may be shown to somebody, with X for what is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_command_that_a_message_names_exists():
    verbs, options = verbs_and_options()
    groups = {verb.partition(" ")[0] for verb in verbs if " " in verb}
    wrong = []
    for path in FILES:
        for text in texts(path):
            for match in re.finditer(r"salgan ([a-z][a-z-]*)(?: ([a-z][a-z0-9-]*))?([^`;\n]*)", text):
                first, second, rest = match[1], match[2], match[3]
                if f"salgan {first}" in NOT_A_VERB:
                    continue
                verb = f"{first} {second}" if first in groups and second else first
                unknown = {*re.findall(r"(?<!\S)--[a-z][a-z-]*", rest)} - options - {"--help"}
                if verb not in verbs or unknown:
                    wrong.append((path.relative_to(SOURCE).as_posix(), match[0]))
    assert wrong == []


def test_recipes_that_a_help_text_lists_are_the_ones_that_come_along():
    import typer

    from salgan.cli import app

    train = typer.main.get_command(app).commands["train"]
    (recipe,) = [parameter for parameter in train.params if parameter.name == "recipe"]
    named = recipe.help.partition("comes with salgan:")[2].strip(" .").split(", ")
    assert sorted(named) == sorted(path.stem for path in (SOURCE / "recipes").glob("*.yaml"))
