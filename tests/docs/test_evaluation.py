"""The page about evaluation: its commands and its Python do what they say."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from salgan.cli.reproduce import reproduce
from salgan.evaluation.submissions import SUBMISSIONS
from salgan.metrics import METRICS, VARIANTS
from tests import _fenced

PAGE = "docs/evaluation.md"


@pytest.fixture(scope="module")
def text():
    return _fenced.text_of(PAGE)


def test_the_commands_run_as_they_are_written(text, salgan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    block = _fenced.code(PAGE, "")
    for command in block.splitlines():
        said = salgan(*shlex.split(command)[1:])
        assert said.code == 0, said.err
    assert "| NSS ↑ |" in Path("results/lite/summary.md").read_text(encoding="utf-8")
    assert Path("results/lite-against-center-bias/gallery.png").is_file()


def test_the_python_runs_and_gives_scores(text):
    code = _fenced.code(PAGE)
    names: dict[str, object] = {}
    exec(compile(code, "evaluation.md", "exec"), names)  # noqa: S102 - our own page
    scores = names["score"](
        names["saliency"],
        fixations=names["fixations"],
        density=names["density"],
        other_fixations=names["others"],
        baseline=names["center_bias"],
    )
    assert list(scores) == [name for name in METRICS if name != "emd"]
    assert np.isfinite(list(scores.values())).all()


def test_the_names_on_the_page_exist(text):
    for name in VARIANTS:
        assert name in text
    verbs = {command.callback.__name__ for command in reproduce.registered_commands}
    assert verbs == set(re.findall(r"salgan reproduce (\w+)", text))
    assert set(re.findall(r"salgan submit (\w+)", text)) <= set(SUBMISSIONS)
