"""The published numbers, and a model's own beside them."""

from dataclasses import replace

import pytest

from salgan.errors import SalganError
from salgan.metrics import METRICS
from salgan.reproduce.published import matching, published, table2


def test_every_number_has_a_source_a_benchmark_and_a_release():
    for benchmark in published().values():
        assert benchmark.title
        assert benchmark.release
        assert benchmark.rows
        for row in benchmark.rows:
            assert row.source.startswith(("abstract", "preprint")), row.model
            assert set(row.scores) <= set(METRICS)
            assert all(0 <= value <= 4 for value in row.scores.values())


def test_the_papers_table_1_is_as_printed():
    table = published()["salicon-2015-val"]
    assert dict(table.row("bce").scores) == {
        "sauc": 0.757, "auc_borji": 0.833, "nss": 2.580, "cc": 0.772, "ig": 1.067,
    }  # fmt: skip
    assert dict(table.row("gan").scores) == {
        "sauc": 0.773, "auc_borji": 0.859, "nss": 2.560, "cc": 0.786, "ig": 1.243,
    }  # fmt: skip
    assert "2.589" in table.row("gan").remark


def test_no_table_mixes_releases_and_2017_is_nowhere():
    assert {each.release for each in published().values() if each.dataset == "salicon"} == {"2015"}


def test_own_numbers_stand_beside_published_ones_of_the_same_ground_truth_only(brightness):
    other = brightness.about["dataset"]
    assert matching(brightness.about) == []
    text = table2([brightness])
    assert "Nothing published below was scored on this ground truth" in text
    measured, _, rest = text.partition("# Published on other ground truth")
    assert "SalGAN" not in measured
    assert "SALICON validation, release 2015" in rest

    same = replace(
        brightness,
        about=brightness.about | {"dataset": other | {"name": "salicon", "release": "2015", "part": "val"}},
    )
    measured, _, rest = table2([same]).partition("# Published on other ground truth")
    assert "## Published: SALICON validation, release 2015" in measured
    assert "SALICON validation" not in rest
    assert "MIT300" in rest

    newer = replace(same, about=same.about | {"dataset": same.about["dataset"] | {"release": "2017"}})
    assert matching(newer.about) == []
    with pytest.raises(SalganError, match="at least one evaluation"):
        table2([])


def test_an_unstated_release_stands_beside_nothing_and_says_how_to_state_it(brightness):
    unknown = brightness.about["dataset"] | {"name": "salicon", "release": None, "part": "val"}
    evaluation = replace(brightness, about=brightness.about | {"dataset": unknown})
    assert matching(evaluation.about) == []
    measured, _, _ = table2([evaluation]).partition("# Published on other ground truth")
    assert "if it is 2015, evaluate with `--release 2015`" in measured
    assert "release not stated" in measured
    assert "Published: SALICON" not in measured


def test_two_datasets_have_two_tables(brightness):
    elsewhere = replace(
        brightness,
        about=brightness.about
        | {"dataset": brightness.about["dataset"] | {"name": "other", "fingerprint": "x"}},
    )
    text = table2([brightness, elsewhere])
    assert text.count("## Measured:") == 2
