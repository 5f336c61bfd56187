"""The public names of the package, with their signatures, are those that ``public_names.txt`` lists.

``python -m tests.test_public_names`` writes the list anew.
"""

import dataclasses
import difflib
import importlib
import inspect
import re
from pathlib import Path

import pytest

import salgan

MODULES = (
    "salgan",
    "salgan.ab",
    "salgan.cluster",
    "salgan.crop",
    "salgan.datasets",
    "salgan.errors",
    "salgan.evaluation",
    "salgan.export",
    "salgan.image",
    "salgan.jobs",
    "salgan.metrics",
    "salgan.models",
    "salgan.networks",
    "salgan.preprocessing",
    "salgan.regions",
    "salgan.render",
    "salgan.report",
    "salgan.saliency_map",
    "salgan.serve",
    "salgan.training",
    "salgan.video",
)
LIST = Path(salgan.__file__).with_name("public_names.txt")


class Shown:
    """Something that stands in a signature as a given text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def signature(thing: object) -> str:
    """How something is called, in one line, the same on every machine; empty for what is not called."""
    try:
        found = inspect.signature(thing)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""

    def annotation(value: object) -> object:
        if value is inspect.Parameter.empty:
            return value
        return Shown(
            value if isinstance(value, str) else inspect.formatannotation(value).replace("typing.", "")
        )

    def default(value: object) -> object:
        if inspect.isfunction(value):
            return Shown("..." if value.__name__ == "<lambda>" else value.__name__)
        return value

    parameters = [
        each.replace(annotation=annotation(each.annotation), default=default(each.default))
        for each in found.parameters.values()
    ]
    whole = str(found.replace(parameters=parameters, return_annotation=annotation(found.return_annotation)))
    # Where a function lies differs from run to run, what a validator says of a schema between pydantics.
    return re.sub(r" at 0x[0-9a-f]+|, json_schema_input_type=PydanticUndefined", "", whole)


def lines_of(name: str, thing: object) -> list[str]:
    """A public name and, of a class, its public attributes: one line each."""
    if not inspect.isclass(thing):
        return [f"{name}{signature(thing)}" if callable(thing) else f"{name}: {type(thing).__name__}"]
    if issubclass(thing, Exception):
        return [f"{name}({', '.join(base.__name__ for base in thing.__bases__)})"]
    found = [f"{name}{signature(thing)}"]
    fields = {field.name for field in dataclasses.fields(thing)} if dataclasses.is_dataclass(thing) else set()
    for member, value in sorted(vars(thing).items()):
        if member.startswith("_") or member in fields:
            continue
        if isinstance(value, property):
            found.append(f"{name}.{member}: {inspect.get_annotations(value.fget).get('return', '?')}")
        elif isinstance(value, classmethod | staticmethod) or inspect.isfunction(value):
            found.append(f"{name}.{member}{signature(getattr(thing, member))}")
    return found


def public_names() -> list[str]:
    """Every public name with its signature, module by module."""
    found = []
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in sorted(module.__all__):
            if name != "__version__":
                found += lines_of(f"{module_name}.{name}", getattr(module, name))
    return found


def test_the_public_names_are_those_on_the_list():
    for extra in ("torch", "fastapi", "av", "h5py"):
        pytest.importorskip(extra)
    listed, there = LIST.read_text(encoding="utf-8").splitlines(), public_names()
    changes = [line for line in difflib.ndiff(listed, there) if line[0] in "+-"]
    assert not changes, (
        "the public API has changed. Say so in CHANGELOG.md, because somebody's program may break; then "
        "write the list anew: python -m tests.test_public_names\n" + "\n".join(changes)
    )


def test_a_changed_signature_would_be_noticed():
    def shown(picture, *, opacity=0.5):
        return picture, opacity

    assert lines_of("salgan.shown", shown) == ["salgan.shown(picture, *, opacity=0.5)"]
    assert "salgan.SaliencyMap.save(self, path: str | Path, format: str | None = None) -> None" in lines_of(
        "salgan.SaliencyMap", salgan.SaliencyMap
    )


def test_every_public_name_is_documented():
    undocumented = []
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            thing = getattr(module, name)
            if callable(thing) and not (inspect.getdoc(thing) or "").strip():
                undocumented.append(f"{module_name}.{name}")
    assert undocumented == []


if __name__ == "__main__":
    LIST.write_text("\n".join(public_names()) + "\n", encoding="utf-8")
