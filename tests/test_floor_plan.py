"""Who imports whom: a file imports only from its own floor of the house and those below."""

import ast
from collections.abc import Iterator
from pathlib import Path

import salgan

FLOORS = (
    {"errors", "preprocessing"},
    {"image", "saliency_map", "metrics", "render", "regions", "crop"},
    {"datasets", "models"},
    {"ab", "jobs", "video"},
    {"evaluation", "networks"},
    {"training", "export"},
    {"reproduce", "serve"},
    {"cli"},
)
FLOOR = {part: number for number, parts in enumerate(FLOORS, 1) for part in parts}
EXCEPTIONS = {("models/torch_predictor.py", "networks")}
"""A run folder holds a PyTorch network: in this one place the door to all models asks for it."""
HOUSE = Path(salgan.__file__).parent


def imports(path: Path) -> Iterator[str]:
    """The parts of the package that a file imports anywhere, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            whole = node.module == "salgan"
            names = [f"salgan.{alias.name}" for alias in node.names] if whole else [node.module or ""]
        yield from (name.split(".")[1] for name in names if name.startswith("salgan."))


def part_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def test_every_part_of_the_package_has_its_floor():
    parts = {part_of(path) for path in HOUSE.rglob("*.py")}
    assert {part for part in parts if not part.startswith("_")} <= set(FLOOR)


def test_no_file_imports_from_a_floor_above():
    climbing = [
        f"{path.relative_to(HOUSE)} (floor {FLOOR[part_of(path)]}) imports {part} (floor {FLOOR[part]})"
        for path in sorted(HOUSE.rglob("*.py"))
        if part_of(path) in FLOOR
        for part in imports(path)
        if part in FLOOR and FLOOR[part] > FLOOR[part_of(path)]
        if (path.relative_to(HOUSE).as_posix(), part) not in EXCEPTIONS
    ]
    assert climbing == []


def test_those_who_must_not_know_each_other_do_not():
    strangers = {
        "networks": {"datasets", "metrics", "evaluation", "training"},
        "datasets": {"networks", "metrics", "evaluation"},
        "metrics": {"networks", "datasets", "image", "saliency_map"},
        "evaluation": {"training", "export"},
    }
    for part, unknown in strangers.items():
        known = {name for path in HOUSE.rglob("*.py") if part_of(path) == part for name in imports(path)}
        assert known, part
        assert not known & unknown, part
