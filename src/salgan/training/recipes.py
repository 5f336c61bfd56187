"""The recipes that come with salgan, by their names."""

from __future__ import annotations

from pathlib import Path

import salgan
from salgan.errors import ConfigError

__all__ = ["find_recipe"]

_PACKAGE = Path(salgan.__file__).parent
_PLACES = (_PACKAGE / "recipes", _PACKAGE.parents[1] / "recipes")
"""Where they are in an installed package, and in a checkout of the project."""


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
    ours = {file.stem: file for place in _PLACES for file in sorted(place.glob("*.yaml"))}
    if str(path) in ours:
        return ours[str(path)]
    raise ConfigError(f"{path}: no such recipe; give a YAML file, or one that comes along: {', '.join(ours)}")
