"""Two models on the same pictures."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from salgan.errors import ModelError, SalganError
from salgan.evaluation import (
    Data,
    EvaluationProtocol,
    Interval,
    compare,
    evaluate,
    open_data,
    open_map_source,
)
from salgan.evaluation.compare import Difference, disagreements, markdown, most_different, write
from salgan.evaluation.gallery import gallery
from tests.evaluation.conftest import Brightness


def test_differences_are_paired_second_minus_first(brightness, uniform):
    differences = {each.metric: each for each in compare(uniform, brightness).differences}
    change = brightness.columns["nss"] - uniform.columns["nss"]
    assert differences["nss"].difference.mean == pytest.approx(change.mean())
    assert differences["nss"].better == np.mean(change > 0)
    assert differences["nss"].difference.low <= change.mean() <= differences["nss"].difference.high
    # A lower KLD is a better one.
    kld = brightness.columns["kld"] - uniform.columns["kld"]
    assert differences["kld"].better == np.mean(kld < 0)


def test_a_model_does_not_differ_from_itself(brightness):
    for each in compare(brightness, brightness).differences:
        assert (each.difference.mean, each.p, each.better) == (0, 1, 0.5)


def test_pairing_makes_small_differences_certain(made_up, brightness, tmp_path):
    class Sharper(Brightness):
        def predict(self, picture):
            return super().predict(picture).array ** 1.05

    sharper = evaluate(Sharper(), open_data(made_up), tmp_path, protocol=EvaluationProtocol(("nss",)))
    found = compare(brightness, sharper).differences[0]
    width = found.difference.high - found.difference.low
    assert width < brightness.columns["nss"].std() / 5


def test_pictures_without_a_score_from_both_are_left_out(made_up, tmp_path, quick, brightness):
    class Partial(Brightness):
        def predict(self, picture):
            array = picture.mean(axis=-1)
            return array * np.nan if picture.shape[0] > 200 else array

    partial = evaluate(Partial(), open_data(made_up), tmp_path, protocol=quick)
    for each in compare(brightness, partial).differences:
        assert each.difference.n == 8


def test_only_what_can_be_compared_is(made_up, brightness, tmp_path, quick):
    data = open_data(made_up)
    subset = evaluate(
        Brightness(), data.dataset.select(["0001", "0002", "0003"]), tmp_path / "a", protocol=quick
    )
    with pytest.raises(SalganError, match="different pictures or ground truth"):
        compare(brightness, subset)
    seeded = evaluate(Brightness(), data, tmp_path / "b", protocol=EvaluationProtocol(("nss", "cc"), seed=2))
    with pytest.raises(SalganError, match=r"seed 0, .* with 2"):
        compare(brightness, seeded)
    other = evaluate(Brightness(), data, tmp_path / "c", protocol=EvaluationProtocol(("auc_borji_0.01",)))
    with pytest.raises(SalganError, match="no metric in common"):
        compare(brightness, other)


def test_the_best_map_for_each_metric_is_not_compared_with_one_map_for_all(made_up, tmp_path):
    rules = [EvaluationProtocol(("nss",), maps="density", per_metric=best) for best in (False, True)]
    one, best = (
        evaluate(Brightness(), open_data(made_up), tmp_path / str(number), protocol=each)
        for number, each in enumerate(rules)
    )
    for pair in ((one, best), (best, one)):
        with pytest.raises(SalganError, match=r"/1 was scored .*\(--per-metric\), .*/0 on one map for all"):
            compare(*pair)
    assert compare(best, best).differences[0].difference.mean == 0


def test_what_the_maps_of_the_second_were_is_told_where_it_differs(made_up, brightness, uniform, tmp_path):
    rules = EvaluationProtocol(("nss",), maps="density")
    density = evaluate(Brightness(), open_data(made_up), tmp_path, protocol=rules)
    (line,) = (each for each in markdown(compare(uniform, density)).splitlines() if "maps of" in each)
    assert line.startswith("- maps of the second, brightness: ")
    assert line.endswith("taken as densities")
    assert "maps of the second" not in markdown(compare(uniform, brightness))


def test_the_most_different_pictures_come_from_both_ends(brightness, uniform):
    comparison = compare(uniform, brightness)
    change = dict(zip(brightness.pictures, brightness.columns["kld"] - uniform.columns["kld"], strict=True))
    chosen = most_different(comparison, "kld", 4)
    ranked = sorted(change, key=lambda name: change[name])
    assert [name for name, _ in chosen] == [*ranked[:2], *ranked[-2:]]
    assert all(value == pytest.approx(change[name]) for name, value in chosen)
    assert len(most_different(comparison, "kld", 99)) == 12
    with pytest.raises(SalganError, match="no metric 'x'"):
        most_different(comparison, "x", 4)


def test_it_is_written_as_table_and_as_json(brightness, uniform, tmp_path):
    comparison = compare(uniform, brightness)
    write(comparison, tmp_path / "new")
    record = json.loads((tmp_path / "new" / "comparison.json").read_text())
    assert {each["metric"] for each in record["differences"]} == set(brightness.metrics)
    text = markdown(comparison)
    assert text == (tmp_path / "new" / "comparison.md").read_text()
    assert "| NSS ↑ |" in text
    assert "not corrected for the number of metrics" in text


def test_the_gallery_opens_models_and_pictures_again(made_up, tmp_path, quick):
    data = open_data(made_up)
    maps = evaluate(made_up / "maps", data, tmp_path / "maps", protocol=quick)
    chance = evaluate("baseline:uniform", data, tmp_path / "chance", protocol=quick)
    files = gallery(compare(chance, maps), tmp_path / "gallery", "nss", 3)
    assert [path.suffix for path in files] == [".pdf", ".png"]
    assert files[0].read_bytes().startswith(b"%PDF")


def test_the_gallery_shows_no_maps_but_those_that_were_scored(made_up, tmp_path, quick):
    data, maps = open_data(made_up), shutil.copytree(made_up / "maps", tmp_path / "others")
    scored = evaluate(maps, data, tmp_path / "maps", protocol=quick)
    chance = evaluate("baseline:uniform", data, tmp_path / "chance", protocol=quick)
    Image.open(maps / "0000.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(maps / "0000.png")
    with pytest.raises(
        ModelError, match=r"others: has changed since it was scored; evaluate it again"
    ) as caught:
        gallery(compare(chance, scored), tmp_path / "gallery", "nss", 3)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("gallery*"))


def test_the_center_bias_is_fitted_again_for_the_gallery(made_up, tmp_path, quick):
    data = open_data(made_up)
    bias = evaluate("baseline:center-bias", data, tmp_path / "bias", protocol=quick)
    chance = evaluate("baseline:uniform", data, tmp_path / "chance", protocol=quick)
    files = gallery(compare(chance, bias), tmp_path / "gallery", "nss", 2)
    assert [path.name for path in files] == ["gallery.pdf", "gallery.png"]

    halves = [data.dataset.select(f"{number:04d}" for number in range(*part)) for part in ((0, 6), (6, 12))]
    elsewhere = Data(halves[0], halves[1], made_up)
    bias, chance = (
        evaluate(f"baseline:{name}", elsewhere, tmp_path / f"half-{name}", protocol=quick)
        for name in ("center-bias", "uniform")
    )
    with pytest.raises(ModelError, match="center bias was fitted on pictures that it does not name"):
        gallery(compare(chance, bias), tmp_path / "half", "nss", 2)


def test_objects_of_a_program_have_no_gallery(brightness, uniform, tmp_path):
    with pytest.raises(SalganError, match="cannot be opened again"):
        gallery(compare(uniform, brightness), tmp_path / "gallery", "nss", 3)


def test_a_human_baseline_is_not_scored_on_the_same_fixations_and_the_report_says_so(
    made_up, uniform, tmp_path
):
    protocol = EvaluationProtocol(("nss",))
    viewers = evaluate(
        open_map_source("baseline:half-viewers", sigma=8), open_data(made_up), tmp_path, protocol=protocol
    )
    assert "scored on different fixations" in markdown(compare(uniform, viewers))
    assert "different fixations" not in markdown(compare(uniform, uniform))


def test_a_sign_that_depends_on_the_thresholds_is_pointed_out():
    steps, whole = (
        Difference(metric, 0.8, 0.8 + mean, Interval(mean, mean, mean, 9), 0.01, 0.5)
        for metric, mean in (("auc_borji", -0.02), ("auc_borji_all", 0.01))
    )
    (told,) = disagreements([steps, whole])
    assert told.startswith("AUC-Borji ↑ is -0.020 at threshold steps of .1 and +0.010 at all thresholds")
    same = replace(whole, difference=Interval(-0.001, -0.002, 0, 9))
    assert disagreements([steps, same]) == disagreements([steps]) == []


def test_an_evaluation_that_was_stopped_is_refused_in_one_line(brightness, tmp_path):
    from salgan.evaluation import Results
    from salgan.reproduce.published import table2

    folder = shutil.copytree(brightness.folder, tmp_path / "stopped")
    rows = (folder / "per_picture.csv").read_text().splitlines(keepends=True)
    (folder / "per_picture.csv").write_text("".join(rows[:5]))
    stopped = Results.read(folder)
    for call in (lambda: compare(brightness, stopped), lambda: compare(stopped, brightness)):
        with pytest.raises(SalganError, match="holds 4 of 12 pictures, since its evaluation was stopped"):
            call()
    with pytest.raises(SalganError, match="finish it with the same salgan evaluate command"):
        table2([brightness, stopped])
