"""The recipes that come with salgan, by their names."""

from __future__ import annotations

from pathlib import Path

import salgan
from salgan.errors import ConfigError

__all__ = ["find_recipe"]

_FOLDER = Path(salgan.__file__).parent / "recipes"


def find_recipe(recipe: str | Path) -> Path:
    """Find a recipe's file.

    Args:
        recipe: path of a YAML file, or the name of a recipe that comes with salgan, such as ``"paper"``. A
            file of that name in the working folder comes first.

    Raises:
        ConfigError: neither; the message lists the names.
    """
    path = Path(recipe)
    if path.exists() and not path.is_dir():
        return path
    ours = {file.stem: file for file in sorted(_FOLDER.glob("*.yaml"))}
    if str(path) in ours:
        return ours[str(path)]
    raise ConfigError(f"{path}: no such recipe; give a YAML file, or one that comes along: {', '.join(ours)}")
