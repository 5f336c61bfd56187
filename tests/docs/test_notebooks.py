"""The notebooks in ``examples/`` run from the first cell to the last, and are kept without their outputs."""

import json
import os
from pathlib import Path

import pytest

import salgan
from tests._fenced import ROOT

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])
def test_a_notebook_runs_and_shows_what_it_speaks_of(path, monkeypatch):
    """The cells run in a namespace of their own, as a kernel runs them: the last line of a cell is shown."""
    import ast

    monkeypatch.chdir(path.parent)
    names: dict[str, object] = {}
    shown = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, path.name, "exec"), names)  # noqa: S102  (our own notebook)
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), path.name, "eval"), names))  # noqa: S307
    saliency, facts, overlay, regions, crop, nss = shown
    assert saliency._repr_png_().startswith(b"\x89PNG")
    assert facts[2] == pytest.approx(1)
    assert overlay.size == (512, 512)
    assert regions["face"][1] > 1
    assert crop.size == (180, 320)
    assert nss > 0


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])
def test_a_notebook_is_kept_without_outputs(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])
def test_a_notebook_runs_in_a_real_kernel(path, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(path, as_version=4)
    environment = {**os.environ, "PYTHONPATH": str(Path(salgan.__file__).parents[1])}
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute(env=environment)
    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 3
