"""Recipes: found by their names, read with overrides, and every key checked."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from salgan._files import read_file
from salgan._recipes import recipe_files
from salgan._words import did_you_mean
from salgan.errors import ConfigError
from salgan.training._yaml import parse_yaml
from salgan.training.config import Config

__all__ = ["find_recipe", "load_config", "with_present_names"]

_MOST_BYTES = 1_000_000

_DEVICES = {"gpu": "cuda"}
"""What the values of ``accelerator``, the former name of ``device``, are called now where that differs."""


def find_recipe(recipe: str | Path) -> Path:
    """Find a recipe's file.

    Args:
        recipe: path of a YAML file, or the name of a recipe that comes with salgan, such as ``"paper"``. A
            file of that name in the working folder comes first. ``paper.yaml`` and ``recipes/paper.yaml``
            mean the same recipe where there is no such file.

    Raises:
        ConfigError: it is neither; the message lists the names.
    """
    path = Path(recipe)
    if path.exists() and not path.is_dir():
        return path
    ours = recipe_files()
    name = path.as_posix().removeprefix("recipes/").removesuffix(".yaml")
    if name in ours:
        return ours[name]
    raise ConfigError(f"{path}: no such recipe; give a YAML file, or one that comes along: {', '.join(ours)}")


def load_config(recipe: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a recipe and apply overrides.

    Args:
        recipe: YAML file whose keys are fields of :class:`Config`, or the name of a recipe that comes with
            salgan, such as ``"paper"``.
        overrides: ``key=value`` with dots into groups and lists (``bootstrap.optimiser.lr=1e-4``,
            ``sources.0.degrees=1``); the value is read as YAML.

    Raises:
        ConfigError: the file cannot be read, a key is unknown (with the closest one), a value does not fit.
    """
    recipe = find_recipe(recipe)
    try:
        settings = parse_yaml(read_file(recipe, ConfigError, most=_MOST_BYTES).decode("utf-8"))
    except UnicodeDecodeError:
        raise ConfigError(f"{recipe}: not YAML (its text is not UTF-8)") from None
    except ValueError as error:
        raise ConfigError(f"{recipe}: {error}") from None
    if settings is None:
        settings = {}
    if not isinstance(settings, dict):
        raise ConfigError(f"{recipe}: a recipe is a list of 'key: value' lines")
    settings = with_present_names(settings, str(recipe))
    _check_keys(settings, Config, "", str(recipe))
    for override in overrides:
        _apply(settings, override)
    settings = with_present_names(settings, "command line")
    _check_keys(settings, Config, "", "command line")
    missing = [name for name in ("data", "out") if settings.get(name) is None]
    if missing:
        raise ConfigError(f"{missing[0]} is not set; add {missing[0]}=FOLDER to the command")
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part not in ("Network", "constrained-str"))
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{place}: {message}" if place else message) from None


def with_present_names(settings: dict[str, Any], origin: str | None = None) -> dict[str, Any]:
    """Settings in which keys that had another name once have the one of today.

    Args:
        settings: of a recipe or of a run's ``config.yaml``.
        origin: where they come from, for a warning that names the new key; None warns of nothing.
    """
    if "accelerator" not in settings:
        return settings
    settings = dict(settings)
    old = settings.pop("accelerator")
    settings["device"] = _DEVICES.get(old, old) if isinstance(old, str) else old
    if origin is not None:
        warnings.warn(
            f"{origin}: accelerator is called device now; read as device={settings['device']}", stacklevel=3
        )
    return settings


def _apply(settings: dict[str, Any], override: str) -> None:
    """Set one dotted key in place, making groups on the way; the keys are checked afterwards."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"{override!r}: an override is key=value, such as batch_size=16")
    try:
        value = parse_yaml(text)
    except ValueError:
        raise ConfigError(f"{key}: {text!r} is not a YAML value; quote it") from None
    if isinstance(value, str) and value.startswith(("~/", "~\\")):
        value = str(Path(value).expanduser())  # zsh, dash and fish leave a ~ behind key= to the program
    *groups, last = key.split(".")
    here: Any = settings
    for group in groups:
        if isinstance(here, list):
            here = here[_index(here, group, key)]
            continue
        if not isinstance(here.get(group), (dict, list)):
            here[group] = {}
        here = here[group]
    if isinstance(here, list):
        here[_index(here, last, key)] = value
    else:
        here[last] = value


def _index(items: list[Any], text: str, key: str) -> int:
    if not text.isdecimal() or int(text) >= len(items):
        raise ConfigError(
            f"{key}: {text!r} is no position in a list of {len(items)}; use 0 to {len(items) - 1}"
        )
    return int(text)


def _check_keys(settings: dict[str, Any], model: type[BaseModel], place: str, origin: str) -> None:
    """Raise for the first key, at any depth, that is not a field, and name the closest field."""
    for key, value in settings.items():
        path = f"{place}{key}"
        field = model.model_fields.get(str(key))
        if field is None:
            hint = did_you_mean(path, [f"{place}{name}" for name in model.model_fields])
            raise ConfigError(f"{origin}: unknown key {path}; {hint}")
        for group in _groups(field.annotation):
            for position, item in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(item, dict):
                    below = f"{path}.{position}." if isinstance(value, list) else f"{path}."
                    _check_keys(item, group, below, origin)


def _groups(annotation: Any) -> Iterable[type[BaseModel]]:
    """The settings classes named in a type, such as ``Optimiser`` in ``Optimiser | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [group for argument in get_args(annotation) for group in _groups(argument)]
