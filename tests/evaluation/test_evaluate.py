"""Evaluation: the digits, the edges, resuming, processes."""

import contextlib
import csv
import importlib.util
import json
import math
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from salgan._files import locked, replacing
from salgan.datasets import open_dataset
from salgan.errors import DatasetError, MetricError, ModelError, SalganError
from salgan.evaluation import Data, EvaluationProtocol, Results, evaluate, open_data
from salgan.evaluation.ground_truth import relative, seeded
from salgan.metrics import DEFAULT_METRICS, METRICS
from tests.evaluation.conftest import POINTS, Brightness


def rows(folder):
    with (folder / "per_picture.csv").open(newline="") as file:
        return {row["picture"]: row for row in csv.DictReader(file)}


def test_scores_are_those_of_the_definitions(made_up, brightness):
    """Computed again from the toolbox's formulas, without the package's metrics."""
    dataset = open_dataset(made_up)
    for number in (0, 5, 11):
        stimulus = dataset.stimuli[number]
        S = stimulus.picture().mean(axis=-1).astype(np.float32).astype(np.float64) / 255
        F = stimulus.fixation_map()
        D = stimulus.published_density()
        row = rows(brightness.folder)[stimulus.name]
        assert float(row["nss"]) == pytest.approx(((S - S.mean()) / S.std(ddof=1))[F].mean(), rel=1e-5)
        assert float(row["cc"]) == pytest.approx(np.corrcoef(S.ravel(), D.ravel())[0, 1], rel=1e-5)
        assert int(row["fixations"]) == F.sum()


def test_the_shuffled_auc_uses_ten_other_pictures_rescaled(made_up, brightness):
    dataset = open_dataset(made_up)
    number = 3
    stimulus = dataset.stimuli[number]
    S = stimulus.picture().mean(axis=-1) / 255
    others = [each for each in dataset.stimuli if each.name != stimulus.name]
    chosen = seeded(0, "others", stimulus.name).choice(
        [n for n in range(len(dataset)) if n != number], 10, replace=False
    )
    assert len(others) == 11
    pixels = set()
    for other in (dataset.stimuli[n] for n in chosen):
        for x, y in relative(other):
            pixels.add((int(y * stimulus.height), int(x * stimulus.width)))
    negatives = np.array([S[place] for place in pixels])
    positives = S[stimulus.fixation_map()]
    low, high = S.min(), S.max()
    thresholds = np.arange(10, -1, -1) * 0.1
    tp = [0, *(((positives - low) / (high - low) >= t).mean() for t in thresholds), 1]
    fp = [0, *(((negatives - low) / (high - low) >= t).mean() for t in thresholds), 1]
    assert float(rows(brightness.folder)[stimulus.name]["sauc"]) == pytest.approx(
        np.trapezoid(tp, fp), abs=2e-3
    )
    assert rows(brightness.folder)[stimulus.name]["others"] == "10"


def test_the_center_bias_has_no_information_over_itself(made_up, tmp_path):
    results = evaluate(
        "baseline:center-bias", open_data(made_up), tmp_path, protocol=EvaluationProtocol(("ig", "sauc"))
    )
    np.testing.assert_allclose(results.columns["ig"], 0, atol=1e-12)


def test_information_gain_is_measured_against_the_training_pictures(made_up, tmp_path):
    whole = open_dataset(made_up)
    names = [stimulus.name for stimulus in whole]
    scored, training = whole.select(names[:4]), whole.select(names[4:])
    results = evaluate(Brightness(), Data(scored, training), tmp_path, protocol=EvaluationProtocol(("ig",)))
    assert results.about["center_bias"]["pictures"] == 8
    assert not results.about["center_bias"]["leave_one_out"]
    with pytest.raises(DatasetError, match="both in the training part and among"):
        evaluate(Brightness(), Data(whole, training), tmp_path / "b", protocol=EvaluationProtocol(("ig",)))


def test_chance_is_chance(uniform):
    assert uniform.columns["auc_judd"] == pytest.approx(np.full(12, 0.5))
    assert uniform.columns["sauc"] == pytest.approx(np.full(12, 0.5))
    assert uniform.columns["nss"] == pytest.approx(np.zeros(12))


def test_the_true_density_beats_brightness_in_every_metric_but_ig(made_up, brightness, tmp_path):
    truth = evaluate(made_up / "maps", open_data(made_up), tmp_path)
    for name, metric in METRICS.items():
        if name == "ig":
            # The toolbox takes the minimum off, so that a fixation on the map's lowest value costs 52 bits.
            continue
        better = truth.columns[name].mean() - brightness.columns[name].mean()
        assert better > 0 if metric.higher_is_better else better < 0, name


def test_folder_zip_and_hdf5_score_alike(made_up, quick, tmp_path):
    import h5py

    shutil.make_archive(str(tmp_path / "maps"), "zip", made_up / "maps")
    with h5py.File(tmp_path / "maps.hdf5", "w") as file:
        for path in (made_up / "maps").iterdir():
            file[path.stem] = np.asarray(Image.open(path))
    found = [
        evaluate(model, open_data(made_up), tmp_path / str(number), protocol=quick)
        for number, model in enumerate([made_up / "maps", tmp_path / "maps.zip", str(tmp_path / "maps.hdf5")])
    ]
    for results in found[1:]:
        np.testing.assert_array_equal(results.columns["nss"], found[0].columns["nss"])


def test_several_processes_give_the_same_table(made_up, tmp_path):
    protocol = EvaluationProtocol(("nss", "sauc", "ig"))
    one = evaluate(made_up / "maps", open_data(made_up), tmp_path / "1", protocol=protocol)
    two = evaluate(made_up / "maps", open_data(made_up), tmp_path / "2", protocol=protocol, processes=2)
    foreign = evaluate(Brightness(), open_data(made_up), tmp_path / "3", protocol=protocol, processes=2)
    assert (one.folder / "per_picture.csv").read_bytes() == (two.folder / "per_picture.csv").read_bytes()
    assert np.isfinite(foreign.columns["nss"]).all()


def test_a_stopped_evaluation_goes_on_where_it_was(made_up, quick, tmp_path):
    scored = []

    class Stops(Brightness):
        def __init__(self, after):
            self.after = after

        def predict(self, picture):
            if len(scored) == self.after:
                raise KeyboardInterrupt
            scored.append(picture.shape)
            return super().predict(picture)

    data, out = open_data(made_up), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        evaluate(Stops(5), data, out, protocol=quick)
    # A kill may leave half a line, too.
    with (out / "per_picture.csv").open("a") as file:
        file.write("0007,256,19")
    assert len(scored) == 5
    resumed = evaluate(Stops(99), data, out, protocol=quick)
    assert len(scored) == 12
    whole = evaluate(Brightness(), data, tmp_path / "whole", protocol=quick)
    assert (resumed.folder / "per_picture.csv").read_text() == (whole.folder / "per_picture.csv").read_text()
    evaluate(Stops(99), data, out, protocol=quick)
    assert len(scored) == 12


class Power:
    """A model that says nothing of which one of its class it is."""

    def __init__(self, power):
        self.power = power

    def predict(self, picture):
        return (picture.mean(axis=-1) / 255) ** self.power


def test_a_model_without_a_fingerprint_never_gets_the_scores_of_another(made_up, quick, tmp_path):
    data, out = open_data(made_up), tmp_path / "out"
    evaluate(Power(4), data, out, protocol=quick)
    for model in (Power(40), Power(4)):  # nobody can tell which of them is the one that was scored
        with pytest.raises(
            SalganError, match=r"without a fingerprint.*`fingerprint`.*overwrite=True"
        ) as caught:
            evaluate(model, data, out, protocol=quick)
        assert "\n" not in str(caught.value)
    first = rows(out)["0000"]["nss"]
    evaluate(Power(40), data, out, protocol=quick, overwrite=True)
    assert rows(out)["0000"]["nss"] != first


def test_a_fingerprint_tells_models_of_one_class_apart(made_up, quick, tmp_path):
    def known(power):
        model = Power(power)
        model.fingerprint = f"power {power}"
        return model

    data, out = open_data(made_up), tmp_path / "out"
    scored = evaluate(known(4), data, out, protocol=quick)
    again = evaluate(known(4), data, out, protocol=quick)
    np.testing.assert_array_equal(again.columns["nss"], scored.columns["nss"])
    with pytest.raises(SalganError, match="another model"):
        evaluate(known(40), data, out, protocol=quick)


def test_maps_of_another_name_in_the_same_folder_are_another_model(made_up, quick, tmp_path):
    maps = tmp_path / "maps"
    maps.mkdir()
    for path in (made_up / "maps").iterdir():
        shutil.copy(path, maps / f"{path.stem}_a.png")
        Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(maps / f"{path.stem}_b.png")
    data, out = open_data(made_up), tmp_path / "out"
    evaluate(maps, data, out, protocol=quick, names="{stem}_a.png")
    with pytest.raises(SalganError, match=r"another model, or its file or --name has changed"):
        evaluate(maps, data, out, protocol=quick, names="{stem}_b.png")


def test_two_evaluations_never_write_into_one_folder(made_up, quick, tmp_path):
    with (
        locked(tmp_path / "out"),
        pytest.raises(SalganError, match=r"out: another process is writing here; .* name another folder"),
    ):
        evaluate(Brightness(), open_data(made_up), tmp_path / "out", protocol=quick)
    assert not (tmp_path / "out").exists()


def test_nothing_is_mixed_into_another_evaluation(made_up, quick, tmp_path):
    data, out = open_data(made_up), tmp_path / "out"
    evaluate(Brightness(), data, out, protocol=quick)
    before = (out / "per_picture.csv").read_bytes()
    others = [
        ("another model", lambda: evaluate("baseline:uniform", data, out, protocol=quick)),
        (
            "another dataset",
            lambda: evaluate(Brightness(), data.dataset.select(["0001", "0002"]), out, protocol=quick),
        ),
        (
            "other metrics or settings",
            lambda: evaluate(Brightness(), data, out, protocol=EvaluationProtocol(("nss", "cc"), seed=1)),
        ),
        (
            "other metrics or settings",
            lambda: evaluate(Brightness(), data, out, protocol=EvaluationProtocol(("nss",))),
        ),
    ]
    for words, attempt in others:
        with pytest.raises(SalganError, match=f"{words}.*--overwrite"):
            attempt()
        assert (out / "per_picture.csv").read_bytes() == before
    evaluate("baseline:uniform", data, out, protocol=quick, overwrite=True)
    assert rows(out)["0000"]["nss"] == "0.0"


def test_a_kill_while_starting_over_leaves_no_row_of_the_old_model(made_up, quick, tmp_path, monkeypatch):
    data, out = open_data(made_up), tmp_path / "out"
    evaluate(Brightness(), data, out, protocol=quick)
    old = rows(out)["0000"]["nss"]
    written = []

    @contextlib.contextmanager
    def killed(path):
        if written:
            raise KeyboardInterrupt
        with replacing(path) as part:
            yield part
        written.append(path)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("salgan.evaluation.results.replacing", killed)
        evaluate("baseline:uniform", data, out, protocol=quick, overwrite=True)
    assert [path.name for path in written] == ["evaluation.json"]
    evaluate("baseline:uniform", data, out, protocol=quick)
    assert rows(out)["0000"]["nss"] == "0.0" != old


def test_starting_over_takes_the_old_summary_away(made_up, quick, tmp_path):
    class Stops(Brightness):
        fingerprint = "stops"

        def predict(self, picture):
            raise KeyboardInterrupt

    data, out = open_data(made_up), tmp_path / "out"
    evaluate(Brightness(), data, out, protocol=quick)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(KeyboardInterrupt):
        evaluate(Stops(), data, out, protocol=quick, overwrite=True)
    assert {path.name for path in out.iterdir()} == {"evaluation.json", "per_picture.csv", "notes.txt"}


@pytest.mark.skipif(os.name == "nt", reason="names are always text there")
def test_names_that_are_not_utf_8_are_scored_like_all_others(small, tmp_path):
    looked = [(5, 5), (20, 12), (6, 5), (9, 9)]
    root, odd = small({"a": looked, "x": looked}), os.fsdecode(b"caf\xe9")
    try:
        for path in (root / "images" / "x.png", root / "fixations" / "x.csv"):
            path.rename(path.with_stem(odd))
    except OSError:
        pytest.skip("this file system takes no such name")
    rules = EvaluationProtocol(("nss", "sauc", "ig"), sigma=3)
    results = evaluate("baseline:half-viewers", open_data(root), tmp_path / "out", protocol=rules)
    assert results.pictures == Results.read(results.folder).pictures == ("a", odd)
    maps = shutil.copytree(root / "images", tmp_path / "maps")
    assert evaluate(maps, open_data(root), tmp_path / "maps-out", protocol=rules).pictures == ("a", odd)
    if importlib.util.find_spec("pyarrow") is not None:
        from pyarrow import parquet

        names = parquet.read_table(results.folder / "per_picture.parquet")["picture"].to_pylist()
        assert names == ["a", r"caf\udce9"]


def test_only_metrics_that_need_the_center_bias_need_the_training_part(tmp_path):
    for folder in ("images", "fixations"):
        (tmp_path / "salicon" / folder / "val").mkdir(parents=True)
    for number in (1, 2):
        name = f"val/COCO_val_{number}.png"
        Image.new("L", (32, 24), 90).save(tmp_path / "salicon" / "images" / name)
        points = np.zeros((24, 32), np.uint8)
        points[3 * number, 5] = 255
        Image.fromarray(points).save(tmp_path / "salicon" / "fixations" / name)
    data = open_data(tmp_path / "salicon", part="val")
    results = evaluate(Ramp(), data, tmp_path / "nss", protocol=EvaluationProtocol(("nss",)))
    assert np.isfinite(results.columns["nss"]).all()
    with pytest.raises(
        DatasetError, match=r"training part, which cannot be opened \(.*no such folder.*without ig.*--metrics"
    ):
        evaluate(Ramp(), data, tmp_path / "ig", protocol=EvaluationProtocol(("nss", "ig")))
    assert not (tmp_path / "ig").exists()


def test_an_attempt_that_scored_nothing_stands_in_nobodys_way(small, quick, tmp_path):
    data, out = open_data(small({"a": [(5, 6), (20, 9)], "b": [(7, 7), (1, 1)]})), tmp_path / "out"
    with pytest.raises(DatasetError, match=r"give sigma in pixels \(--sigma\)"):
        evaluate("baseline:one-viewer", data, out, protocol=quick)
    assert (out / "evaluation.json").is_file()
    results = evaluate("baseline:one-viewer", data, out, protocol=EvaluationProtocol(("nss",), sigma=4))
    assert list(results.metrics) == ["nss"]


def test_a_release_stated_later_changes_the_record_and_scores_nothing_again(made_up, quick, tmp_path):
    out = tmp_path / "out"
    evaluate(Brightness(), open_data(made_up), out, protocol=quick)
    assert "- dataset: made-up\n" in (out / "summary.md").read_text()

    class Unused(Brightness):
        def predict(self, picture):
            raise AssertionError("everything is scored already")

    results = evaluate(Unused(), open_data(made_up, release="2"), out, protocol=quick)
    assert results.about["dataset"]["release"] == "2"
    assert "- dataset: made-up, release 2\n" in (out / "summary.md").read_text()


def test_a_folder_with_something_else_is_left_alone(made_up, quick, tmp_path):
    (tmp_path / "thesis.tex").write_text("...")
    with pytest.raises(SalganError, match="holds something else"):
        evaluate("baseline:uniform", open_data(made_up), tmp_path, protocol=quick)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_missing_maps_are_an_error_or_counted(made_up, quick, tmp_path):
    maps = shutil.copytree(made_up / "maps", tmp_path / "maps")
    (maps / "0003.png").unlink()
    (maps / "0007.png").unlink()
    with pytest.raises(ModelError, match="no map for 2 of 12 pictures, the first 0003"):
        evaluate(maps, open_data(made_up), tmp_path / "out", protocol=quick)
    assert not (tmp_path / "out").exists()
    results = evaluate(maps, open_data(made_up), tmp_path / "out", protocol=quick, skip_missing=True)
    assert len(results.pictures) == 10
    assert "10 (2 more have no map and were skipped)" in (tmp_path / "out" / "summary.md").read_text()
    for path in maps.iterdir():
        path.rename(maps / f"other-{path.name}")
    with pytest.raises(ModelError, match="are they maps of this set"):
        evaluate(maps, open_data(made_up), tmp_path / "c", protocol=quick, skip_missing=True)


def test_maps_of_another_size_are_resized_and_the_report_says_so(made_up, quick, tmp_path):
    maps = tmp_path / "maps"
    maps.mkdir()
    for path in (made_up / "maps").iterdir():
        density = Image.open(path).convert("F")
        np.save(maps / f"{path.stem}.npy", np.asarray(density.reduce(4)))
    results = evaluate(maps, open_data(made_up), tmp_path / "out", protocol=quick)
    assert (
        "; 12 of 12 resized bilinearly to their picture's size"
        in (tmp_path / "out" / "summary.md").read_text()
    )
    assert results.columns["cc"].mean() > 0.97


def test_pictures_nobody_looked_at_are_left_out_and_counted(small, tmp_path):
    looked = [(5, 5), (20, 12), (6, 5)]
    root = small({"a": looked, "b": [], "c": [(99, 99)], "d": looked, "e": None}, maps=["e"])
    results = evaluate(
        Ramp(), open_data(root), tmp_path / "out", protocol=EvaluationProtocol((*POINTS, "cc"), sigma=None)
    )
    found = rows(tmp_path / "out")
    assert {name: row["fixations"] for name, row in found.items()} == {
        "a": "3",
        "b": "0",
        "c": "0",
        "d": "3",
        "e": "0",
    }
    for name in ("b", "c", "e"):
        assert all(found[name][metric] == "" for metric in POINTS)
        assert "no fixation inside the picture" in found[name]["note"]
    assert float(found["e"]["cc"]) != 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["metrics"]["nss"]["n"] == 2
    assert summary["metrics"]["nss"]["undefined"] == 3
    assert "3 pictures: no fixation inside the picture" in (tmp_path / "out" / "summary.md").read_text()
    assert results.columns["nss"][[0, 3]] == pytest.approx(results.columns["nss"][[3, 0]])


class Ramp:
    name = "ramp"

    def predict(self, picture):
        height, width = picture.shape[:2]
        return np.linspace(0, 1, height * width).reshape(height, width)


@pytest.fixture(autouse=True)
def _densities_of_small_sets_have_a_width(monkeypatch, request):
    """The plain layout knows no degrees; one test needs points and published maps side by side."""
    if request.node.name.startswith("test_pictures_nobody"):
        from salgan.datasets import Stimulus

        monkeypatch.setattr(Stimulus, "pixels_per_degree", property(lambda self: 3.0))


def test_one_picture_alone_has_no_other_fixations(small, tmp_path):
    root = small({"a": [(5, 5), (20, 12)]})
    results = evaluate(Ramp(), open_data(root), tmp_path / "out", protocol=EvaluationProtocol(POINTS))
    assert math.isnan(results.columns["sauc"][0])
    assert math.isnan(results.columns["ig"][0])
    assert np.isfinite(results.columns["nss"][0])
    assert "no other picture has fixations" in results.notes[0]


def test_log_densities_are_scored_where_that_makes_sense(made_up, tmp_path):
    maps = tmp_path / "maps"
    maps.mkdir()
    for path in (made_up / "maps").iterdir():
        np.save(maps / f"{path.stem}.npy", np.log(np.asarray(Image.open(path)) / 65535 + 1e-6))
    results = evaluate(
        maps, open_data(made_up), tmp_path / "out", protocol=EvaluationProtocol(("nss", "kld"))
    )
    assert np.isfinite(results.columns["nss"]).all()
    assert np.isnan(results.columns["kld"]).all()
    assert (
        "12 pictures: kld: saliency has negative values, so it"
        in (tmp_path / "out" / "summary.md").read_text()
    )


def densities(made_up):
    """A density of every picture that is nowhere 0."""
    for path in sorted((made_up / "maps").iterdir()):
        values = np.asarray(Image.open(path), np.float64)
        yield path.stem, 0.9 * values / values.sum() + 0.1 / values.size


@pytest.fixture
def log_densities(made_up, tmp_path):
    maps = tmp_path / "logs"
    maps.mkdir()
    for name, density in densities(made_up):
        np.save(maps / f"{name}.npy", np.log(density).astype(np.float32))
    return maps


def test_a_log_density_is_recognised_and_its_density_scored(made_up, log_densities, tmp_path):
    maps = tmp_path / "maps"
    maps.mkdir()
    for name, density in densities(made_up):
        np.save(maps / f"{name}.npy", density)
    said = []
    rules = EvaluationProtocol(("nss", "kld"))
    logs = evaluate(log_densities, open_data(made_up), tmp_path / "l", protocol=rules, say=said.append)
    plain = evaluate(maps, open_data(made_up), tmp_path / "p", protocol=rules)
    for metric in rules.metrics:
        np.testing.assert_allclose(logs.columns[metric], plain.columns[metric], rtol=1e-4)
    assert len(said) == 1
    assert "log densities" in said[0]
    assert "--maps saliency" in said[0]
    text = (tmp_path / "l" / "summary.md").read_text()
    assert "taken as log densities" in text
    asked = EvaluationProtocol(("nss",), maps="saliency")
    other = evaluate(log_densities, open_data(made_up), tmp_path / "s", protocol=asked)
    assert other.columns["nss"].mean() < logs.columns["nss"].mean() - 0.1


def test_densities_have_a_log_likelihood_and_an_information_gain(made_up, log_densities, tmp_path):
    data = open_data(made_up)
    results = evaluate(log_densities, data, tmp_path / "out")
    assert results.metrics == (*DEFAULT_METRICS, "log_likelihood", "ig_density")
    for name, density in densities(made_up):
        row = rows(results.folder)[name]
        fixated = data.dataset.select([name]).stimuli[0].fixation_map()
        expected = np.log2(density[fixated] * density.size).mean()
        assert float(row["log_likelihood"]) == pytest.approx(expected, abs=1e-4)
    refused = evaluate(
        "baseline:uniform", data, tmp_path / "u", protocol=EvaluationProtocol(("nss", "log_likelihood"))
    )
    assert np.isnan(refused.columns["log_likelihood"]).all()
    assert "these maps are not densities" in refused.notes[0]


def test_a_model_counts_as_a_density_if_asked(made_up, tmp_path):
    from salgan.saliency_map import SaliencyMap

    rules = EvaluationProtocol(("log_likelihood",), maps="density")
    results = evaluate(Brightness(), open_data(made_up), tmp_path / "out", protocol=rules)
    stimulus = open_dataset(made_up).stimuli[2]
    log = SaliencyMap(stimulus.picture().mean(axis=-1).astype(np.float32) / 255).log_density
    expected = (log[stimulus.fixation_map()].mean() + np.log(log.size)) / np.log(2)
    assert results.columns["log_likelihood"][2] == pytest.approx(expected, rel=1e-5)


def test_the_best_map_for_each_metric_scores_no_worse(made_up, log_densities, tmp_path):
    pytest.importorskip("ot")
    metrics = ("auc_judd", "sauc_all", "nss", "cc", "sim", "kld", "log_likelihood")
    data = open_data(made_up)
    plain, best = (
        evaluate(
            log_densities,
            data,
            tmp_path / str(per_metric),
            protocol=EvaluationProtocol(metrics, sigma=12, per_metric=per_metric),
        )
        for per_metric in (False, True)
    )
    for name in ("auc_judd", "nss", "log_likelihood"):
        np.testing.assert_array_equal(best.columns[name], plain.columns[name])
    for name in ("cc", "sim"):
        assert best.columns[name].mean() > plain.columns[name].mean()
    assert best.columns["kld"].mean() < plain.columns["kld"].mean()
    assert best.columns["sauc_all"].mean() != plain.columns["sauc_all"].mean()
    with pytest.raises(ModelError, match="made from a density"):
        evaluate(
            made_up / "maps",
            data,
            tmp_path / "no",
            protocol=EvaluationProtocol(("nss",), per_metric=True),
        )


def test_a_map_of_another_shape_is_an_error(made_up, quick, tmp_path):
    maps = tmp_path / "maps"
    maps.mkdir()
    for name, density in densities(made_up):
        np.save(maps / f"{name}.npy", density.T)
    with pytest.raises(ModelError, match="rows and columns are exchanged; transpose the maps"):
        evaluate(maps, open_data(made_up), tmp_path / "a", protocol=quick)
    for name, density in densities(made_up):
        np.save(maps / f"{name}.npy", density[:, 10:])
    with pytest.raises(ModelError, match="of another shape"):
        evaluate(maps, open_data(made_up), tmp_path / "b", protocol=quick)
    for name, density in densities(made_up):
        np.save(maps / f"{name}.npy", density[:-1:7, ::7])
    results = evaluate(maps, open_data(made_up), tmp_path / "c", protocol=quick)
    assert np.isfinite(results.columns["nss"]).all()


@pytest.mark.parametrize(("suffix", "coloured", "words"), [
    (".png", True, "is a coloured picture"), (".jpg", False, "is a JPEG"), (".png", False, None),
])  # fmt: skip
def test_maps_that_lose_something_are_remarked_on(made_up, quick, tmp_path, suffix, coloured, words):
    maps = tmp_path / "maps"
    maps.mkdir()
    for name, density in densities(made_up):
        grey = (density / density.max() * 255).astype(np.uint8)
        values = np.stack([grey, 255 - grey, grey], axis=-1) if coloured else grey
        Image.fromarray(values).save(maps / f"{name}{suffix}")
    said = []
    evaluate(maps, open_data(made_up), tmp_path / "out", protocol=quick, say=said.append)
    assert len(said) == (words is not None)
    if words:
        assert words in said[0]
        assert f"- remark: {said[0]}" in (tmp_path / "out" / "summary.md").read_text()


def test_a_map_with_nan_scores_nothing_and_is_counted(made_up, quick, tmp_path):
    class Broken(Brightness):
        def predict(self, picture):
            array = picture.mean(axis=-1)
            if picture.shape[0] > 200:
                array[3, 3] = np.nan
            return array

    results = evaluate(Broken(), open_data(made_up), tmp_path, protocol=quick)
    assert np.isnan(results.columns["nss"]).sum() == 4
    assert sum("NaN" in note for note in results.notes) == 4


def test_a_set_without_ground_truth_is_refused(small, quick, tmp_path):
    with pytest.raises(DatasetError, match="ground truth is held back"):
        evaluate(Ramp(), open_data(small({"a": None, "b": None})), tmp_path / "out", protocol=quick)


def test_sigma_must_be_said_where_degrees_are_not_known(small, tmp_path):
    root = small({"a": [(5, 5), (20, 12)], "b": [(5, 5)]})
    with pytest.raises(DatasetError, match=r"^this set does not say .* \(a\); give sigma in pixels"):
        evaluate(Ramp(), open_data(root), tmp_path / "a", protocol=EvaluationProtocol(("cc",)))
    results = evaluate(Ramp(), open_data(root), tmp_path / "b", protocol=EvaluationProtocol(("cc",), sigma=3))
    assert results.columns["sigma"].tolist() == [3.0, 3.0]
    assert "sigma 3.0 px" in (tmp_path / "b" / "summary.md").read_text()


def test_the_report_names_everything_a_number_needs(brightness):
    summary = json.loads((brightness.folder / "summary.json").read_text())
    assert tuple(summary["metrics"]) == DEFAULT_METRICS
    assert set(METRICS) < set(DEFAULT_METRICS)
    for name, found in summary["metrics"].items():
        assert found["low"] <= found["mean"] <= found["high"], name
        assert (found["n"], found["variant"] != "") == (12, True)
    assert set(summary["conditions"]) >= {
        "dataset", "pictures", "density", "maps", "other fixations", "center bias",
        "intervals", "seed", "version",
    }  # fmt: skip
    text = (brightness.folder / "summary.md").read_text()
    assert "| NSS ↑ |" in text
    assert "seed: 0" in text
    assert not (brightness.folder / ".gaze").exists()


def test_results_are_read_back_as_they_were(brightness):
    again = Results.read(brightness.folder)
    assert again.pictures == brightness.pictures
    for name in brightness.columns:
        np.testing.assert_array_equal(again.columns[name], brightness.columns[name])
    with pytest.raises(SalganError, match="holds no evaluation"):
        Results.read(brightness.folder.parent / "nothing")


def test_parquet_is_written_where_pyarrow_is(brightness):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(brightness.folder / "per_picture.parquet")
    np.testing.assert_array_equal(table["nss"].to_numpy(), brightness.columns["nss"])
    assert table["picture"].to_pylist() == list(brightness.pictures)


def test_rules_that_make_no_sense_are_refused():
    for arguments, words in [
        ((("nsss",),), "no metric 'nsss'"),
        (((),), "no metric named"),
        ((("nss", "nss"),), "twice"),
    ]:
        with pytest.raises(MetricError, match=words):
            EvaluationProtocol(*arguments)
    with pytest.raises(MetricError, match="at least 1 other picture"):
        EvaluationProtocol(others=0)


@pytest.mark.shared
def test_baselines_on_real_gaze_are_where_the_field_has_them(shared, tmp_path):
    data = open_data(shared / "data" / "osie", part="val")
    protocol = EvaluationProtocol(("auc_judd", "sauc", "nss", "ig", "cc"))
    bias = evaluate("baseline:center-bias", data, tmp_path / "bias", protocol=protocol)
    half = evaluate("baseline:half-viewers", data, tmp_path / "half", protocol=protocol)
    assert bias.about["center_bias"]["pictures"] == 450
    assert 0.44 < bias.columns["sauc"].mean() < 0.56
    assert 0.6 < bias.columns["nss"].mean() < 1.2
    assert half.columns["nss"].mean() > 2.5
    assert half.columns["ig"].mean() > 1
