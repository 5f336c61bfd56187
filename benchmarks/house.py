"""The size of this house: what a user of the command line and a reader of the code meet.

python benchmarks/house.py [CHECKOUT]

Prints, for this checkout or another one, how many parameters the commands have (hidden ones included; what
the help texts document as KEY=VALUE is counted beside them), how many modules and lines the package has, and
how many names are public. Needs what the command line needs, nothing more.
"""

import argparse
import ast
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]


def commands(command: Any, path: str = "salgan") -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it; groups only lead to these."""
    if hasattr(command, "commands"):
        for word, below in command.commands.items():
            yield from commands(below, f"{path} {word}")
    else:
        yield path, command


def documented_settings(command: Any) -> set[str]:
    """The settings KEY=VALUE that the help of a command names, if it takes such."""
    if not any("KEY=VALUE" in (parameter.metavar or "") for parameter in command.params):
        return set()
    texts = [command.help or "", *(getattr(parameter, "help", None) or "" for parameter in command.params)]
    return set(re.findall(r"\b([a-z][a-z_.0-9]*)=", "\n".join(texts)))


def exported(file: Path) -> list[str]:
    """The names in a module's ``__all__``, without importing it."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "__all__" for target in node.targets):
            return list(ast.literal_eval(node.value))
    return []


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "checkout", nargs="?", type=Path, default=HERE, help="the folder that holds src/salgan"
    )
    checkout = parser.parse_args().checkout
    house = checkout / "src" / "salgan"
    if not house.is_dir():
        parser.error(f"{checkout} has no src/salgan")
    sys.path.insert(0, str(house.parent))
    import typer

    from salgan.cli import app

    parameters = settings = hidden = 0
    for path, command in commands(typer.main.get_command(app)):
        own = [parameter for parameter in command.params if parameter.name != "help"]
        keys = documented_settings(command)
        print(f"{path:<26} {len(own):>3}" + (f" + {len(keys)} KEY=VALUE" if keys else ""))
        parameters += len(own)
        settings += len(keys)
        hidden += sum(getattr(parameter, "hidden", False) for parameter in own)

    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sorted(house.rglob("*.py"))}
    largest = max(lines, key=lambda path: lines[path])
    parts = [path for path in house.iterdir() if not path.name.startswith("_")]
    doors = [path if path.suffix == ".py" else path / "__init__.py" for path in parts]
    rows = {
        "parameters of commands": f"{parameters} ({hidden} hidden)",
        "settings KEY=VALUE in their help": str(settings),
        "modules": str(len(lines)),
        "lines": f"{sum(lines.values()):,}",
        "lines of the median module": f"{statistics.median(lines.values()):g}",
        "lines of the largest": f"{lines[largest]} ({largest.relative_to(house).as_posix()})",
        "names in salgan.__all__": str(len(exported(house / "__init__.py"))),
        "names that the parts export": str(sum(len(exported(door)) for door in doors if door.is_file())),
    }
    print()
    for what, figure in rows.items():
        print(f"{what:<34} {figure}")


if __name__ == "__main__":
    main()
