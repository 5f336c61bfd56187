"""Who imports whom: a file imports only from its own floor of the house and those below."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests._floors import FLOOR, HEADING, HOUSE, part_of, read_floors

EXCEPTIONS = {("models/torch_predictor.py", "networks")}
"""A run folder holds a PyTorch network: in this one place the door to all models asks for it."""
LONGEST_MODULE = 400


def imported(nodes: Iterator[ast.AST] | list[ast.stmt]) -> Iterator[str]:
    """The dotted names in the package that these statements import: modules, or names in them."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("salgan."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "salgan":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def parts_imported(path: Path) -> set[str]:
    """The parts of the package that a file imports anywhere, inside functions too."""
    return {name.split(".")[1] for name in imported(ast.walk(parse(path)))}


def test_every_part_of_the_package_has_its_floor_and_every_floor_its_parts():
    parts = {part_of(path) for path in HOUSE.rglob("*.py")}
    assert {part for part in parts if not part.startswith("_")} == set(FLOOR)


def test_no_file_imports_from_a_floor_above():
    climbing = [
        f"{path.relative_to(HOUSE)} (floor {FLOOR[part_of(path)]}) imports {part} (floor {FLOOR[part]})"
        for path in sorted(HOUSE.rglob("*.py"))
        if part_of(path) in FLOOR
        for part in sorted(parts_imported(path))
        if part in FLOOR and FLOOR[part] > FLOOR[part_of(path)]
        if (path.relative_to(HOUSE).as_posix(), part) not in EXCEPTIONS
    ]
    assert climbing == []


def test_private_modules_beside_the_parts_serve_every_floor_and_so_know_only_the_first():
    doors = {"__init__.py", "__main__.py"}
    known = {
        (path.name, part)
        for path in HOUSE.glob("_*.py")
        if path.name not in doors
        for part in parts_imported(path)
        if not part.startswith("_") and FLOOR.get(part, 9) > 1
    }
    assert known == set()


def test_those_who_must_not_know_each_other_do_not():
    strangers = {
        "networks": {"datasets", "metrics", "evaluation", "training"},
        "datasets": {"networks", "metrics", "evaluation"},
        "metrics": {"networks", "datasets", "image", "saliency_map"},
        "evaluation": {"training", "export"},
    }
    for part, unknown in strangers.items():
        known = {
            name for path in HOUSE.rglob("*.py") if part_of(path) == part for name in parts_imported(path)
        }
        assert known, part
        assert not known & unknown, part


def test_no_modules_import_each_other_in_a_circle():
    modules = {
        ".".join(["salgan", *path.relative_to(HOUSE).with_suffix("").parts]).removesuffix(".__init__"): path
        for path in HOUSE.rglob("*.py")
    }
    needs = {
        module: {
            name if name in modules else name.rpartition(".")[0]
            for name in imported(parse(path).body)
            if name in modules or name.rpartition(".")[0] in modules
        }
        - {module, "salgan"}  # "from salgan import x" asks for x, not for the package's own list of names
        for module, path in modules.items()
        if module != "salgan"
    }
    assert sum(map(len, needs.values())) > len(modules)
    TopologicalSorter(needs).prepare()  # raises CycleError, which names the circle


def test_every_module_can_be_read_in_one_go():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in HOUSE.rglob("*.py")}
    assert {path.name: count for path, count in lines.items() if count > LONGEST_MODULE} == {}


@pytest.mark.parametrize(
    "text",
    [
        "1. `errors`",
        f"{HEADING}\n\nNothing.",
        f"{HEADING}\n\n1. `errors`\n3. `cli`",
        f"{HEADING}\n\n1. `errors`\n2. `errors`",
        f"{HEADING}\n\n## Elsewhere\n\n1. `errors`",
    ],
)
def test_a_list_of_floors_that_is_broken_is_not_read_as_a_short_one(text):
    with pytest.raises(ValueError, match=r"CONTRIBUTING\.md"):
        read_floors(text)
