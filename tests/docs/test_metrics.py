"""The page about metrics: its table is what its script prints, and says what the text says."""

from pathlib import Path

import pytest

from salgan.metrics import METRICS, VARIANTS, score
from tests._scripts import script_at

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script():
    return script_at(DOCS / "images/metrics.py")


def test_the_table_is_what_the_script_prints(script):
    assert "\n".join(script.table()) in (DOCS / "metrics.md").read_text(encoding="utf-8")


def test_every_metric_is_on_the_page():
    page = DOCS / "metrics.md"
    if not page.is_file():
        pytest.skip("the documentation is not part of this source distribution")
    text = page.read_text(encoding="utf-8")
    for name, metric in METRICS.items():
        assert f"| {metric.label} |" in text, name
    for name in ("auc_borji_all", "sauc_all", "log_likelihood", "ig_density", "auc_judd_jitter"):
        assert name in VARIANTS
        assert name in text


def test_a_monotone_change_moves_only_what_the_page_says(script):
    maps, truth = script.example()
    scores = {
        name: score(maps[name], metrics=script.COLUMNS, **truth)
        for name in ("the true density", "its square root", "its logarithm", "its square")
    }
    first, *changed = scores.values()
    for other in changed:
        for metric in ("auc_judd", "auc_borji_all", "sauc_all"):
            assert other[metric] == pytest.approx(first[metric], abs=1e-5)
    assert max(abs(other["auc_borji"] - first["auc_borji"]) for other in changed) > 0.05
