"""The speed comparison: its contestants must compute the same quantities, or the times mean nothing."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tests._scripts import script_at

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "metrics"


@pytest.fixture(scope="module")
def compare():
    pytest.importorskip("ot")
    return script_at(SCRIPTS / "compare.py")


@pytest.fixture(scope="module")
def reports(compare, tmp_path_factory):
    case = tmp_path_factory.mktemp("case") / "case.npz"
    np.savez(case, **compare.build_case(size=(96, 128)))
    return {
        name: compare.run(sys.executable, script, case, 1)
        for name, script in (("salgan", "time_salgan.py"), ("port", "time_toolbox_port.py"))
    }


def test_the_toolbox_port_scores_as_salgan_does(reports):
    ours, port = (reports[name]["metrics"] for name in ("salgan", "port"))
    for metric in ("nss", "cc", "sim", "kld", "ig"):
        assert port[metric]["score"] == pytest.approx(ours[metric]["score"], rel=1e-9)
    assert port["auc_judd"]["score"] == pytest.approx(ours["auc_judd_jitter"]["score"], abs=1e-4)
    for metric in ("auc_borji", "sauc"):  # 100 random splits of 98 points
        assert port[metric]["score"] == pytest.approx(ours[metric]["score"], abs=0.015)


def test_the_table_and_the_ratios_name_what_was_compared(compare, reports):
    assert "| nss | " in compare.table(reports)
    assert set(compare.ratios(reports)) == {
        "MIT toolbox under Octave, eight metrics",
        "port, eight metrics in one go",
        "port, 8 metrics one by one",
    }


def test_a_contestant_that_fails_is_reported_in_one_line(compare, tmp_path):
    with pytest.raises(RuntimeError, match="No such file") as caught:
        compare.run(sys.executable, "time_salgan.py", tmp_path / "missing.npz", 1)
    assert "\n" not in str(caught.value)
