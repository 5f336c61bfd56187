"""Validation scores: NumPy's numbers, what needs fixations, and what a recipe may ask for."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric

import salgan.metrics as exact
from salgan.datasets import open_dataset, synthetic
from salgan.errors import ConfigError
from salgan.evaluation.center_bias import CenterBias
from salgan.evaluation.ground_truth import marked
from salgan.preprocessing import Preprocessing
from salgan.training import load_config, train
from salgan.training.cache import limited, prepare
from salgan.training.config import Score
from salgan.training.data import Pool
from salgan.training.validate import CONTENT, VALIDATION_SCORES, Validator, lower_is_better
from tests.training.conftest import lines
from tests.training.tiny import Tiny

EVERY = sorted(VALIDATION_SCORES)


def pools(config):
    record = Preprocessing(height=32, width=48)
    data, cache = config.data, config.cache
    prepared = [prepare(source, Path(data), record, Path(cache)) for source in config.sources]
    return record, *(Pool(prepared, part, torch.device("cpu")) for part in ("train", "val"))


def test_every_score_is_numpys_mean_over_the_pictures(config):
    made = config(validation_scores=EVERY, batch_size=3)
    record, training, validation = pools(made)
    torch.manual_seed(0)
    network = Tiny().eval()
    found = Validator(made, training, validation, record, Fabric(accelerator="cpu"))(network)
    assert list(found) == [*EVERY, CONTENT]

    batch = validation.batch(np.arange(len(validation)))
    maps = network(batch.pictures).detach().numpy()[:, 0].astype(np.float64)
    bias = CenterBias.fit([training.fixated(row) for row in range(len(training))], "")
    places = [validation.fixated(row) for row in range(len(validation))]
    expected = {name: [] for name in EVERY}
    for row, saliency in enumerate(maps):
        others = np.concatenate([each for other, each in enumerate(places) if other != row])
        truth = {
            "fixations": batch.fixations[row, 0].numpy(),
            "density": batch.density[row, 0].numpy(),
            "baseline": bias.density(32, 48),
            "other_fixations": marked(others, 32, 48),  # four pictures: the others are all others
        }
        for name, score in exact.score(saliency, metrics=EVERY, **truth).items():
            expected[name].append(score)
    for name in EVERY:
        assert found[name] == pytest.approx(np.mean(expected[name]), rel=2e-5, abs=2e-6), name


def test_the_recipe_may_ask_for_exactly_the_scores_that_there_are():
    assert set(get_args(get_args(Score)[0])) == set(VALIDATION_SCORES)
    assert {name for name in [*VALIDATION_SCORES, CONTENT] if lower_is_better(name)} == {"kld", CONTENT}
    assert lower_is_better("osie/kld") and not lower_is_better("osie/cc")


def test_printed_names_of_metrics_are_understood(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("validation_scores: [AUC-Judd, 'sAUC (all thresholds)', CC]\nkeep_best: AUC-Judd\n")
    config = load_config(recipe, ["data=d", "out=o"])
    assert config.validation_scores == ["auc_judd", "sauc_all", "cc"]
    assert config.keep_best == "auc_judd"
    assert load_config(recipe, ["data=d", "out=o", "keep_best=osie/KLD"]).keep_best == "osie/kld"
    with pytest.raises(ConfigError, match="validation_scores"):
        load_config(recipe, ["data=d", "out=o", "validation_scores=[emd]"])


def test_a_metric_that_is_not_measured_cannot_choose_the_network(run):
    with pytest.raises(
        ConfigError, match="'auc_judd' is not measured; choose one of nss, cc, sim, kld, content"
    ):
        run(keep_best="auc_judd")


def test_the_network_can_be_chosen_by_an_area_under_the_curve(run):
    folder = run(validation_scores=["sauc", "ig"], keep_best="ig", bootstrap={"epochs": 3})
    scores = [line["ig"] for line in lines(folder, "validation")]
    chosen = [line["best"] for line in lines(folder, "validation")]
    assert chosen == [score > max(scores[:n], default=-np.inf) for n, score in enumerate(scores)]


@pytest.fixture
def maps_only(tmp_path):
    """A set with published maps and no fixations."""
    root = synthetic(tmp_path / "maps", n=6, seed=3)
    for path in (root / "fixations").iterdir():
        path.unlink()
    return tmp_path


def test_scores_that_need_fixations_are_left_out_where_there_are_none_and_that_is_said_once(
    config, maps_only
):
    said = []
    sources = [{"path": "maps", "train": "all", "val": "all"}]
    train(config(data=str(maps_only), sources=sources, validation_scores=EVERY), say=said.append)
    needing = "auc_judd, ig, nss, sauc, sauc_all"
    assert said.count(f"not measured, since fixations are missing: {needing}") == 1
    epochs = [line for line in said if line.startswith("epoch")]
    assert len(epochs) == 2 and all("cc " in line and "nan" not in line.lower() for line in epochs)
    assert not any(set(needing.split(", ")) & set(line) for line in lines(Path(config().out)))


@pytest.fixture
def partly_seen(tmp_path):
    """Two sets, ``seen`` with fixations and ``maps`` with published maps alone."""
    synthetic(tmp_path / "seen", n=6, seed=3)
    for path in (synthetic(tmp_path / "maps", n=6, seed=4) / "fixations").iterdir():
        path.unlink()
    return tmp_path


@pytest.mark.parametrize(
    ("training", "validation", "chosen", "instead"),
    [
        ("seen", ["seen", "maps"], "maps/nss", "nss, cc, sim, kld, sauc, ig, content, seen/nss"),
        ("maps", ["seen"], "ig", "nss, cc, sim, kld, sauc, content"),
        ("seen", ["one"], "sauc", "nss, cc, sim, kld, ig, content"),
        ("seen", ["one", "maps"], "sauc", "nss, cc, sim, kld, ig, content, one/nss"),
    ],
    ids=["one source has maps alone", "no center bias", "no other picture", "none but the maps'"],
)
def test_a_score_that_no_picture_will_have_cannot_choose_the_network_and_others_are_named(
    config, partly_seen, training, validation, chosen, instead
):
    # "one" is a set in which a single picture was looked at.
    (partly_seen / "one").mkdir()
    for kind in ("images", "fixations", "maps"):
        (partly_seen / "one" / kind).mkdir()
        first = min((partly_seen / "seen" / kind).iterdir())
        (partly_seen / "one" / kind / first.name).write_bytes(first.read_bytes())
    sources = [
        {"path": training, "name": "training", "train": "all", "val": None},
        *({"path": name, "train": None, "val": "all"} for name in validation),
    ]
    made = config(
        data=str(partly_seen),
        sources=sources,
        validation_scores=["nss", "cc", "sim", "kld", "sauc", "ig"],
        keep_best=chosen,
    )
    with pytest.raises(ConfigError) as raised:
        train(made)
    said = f"keep_best: {chosen} is not measured, since fixations are missing; add them, or choose one of "
    assert str(raised.value).startswith(said + instead)
    assert not Path(made.out).exists()


def test_the_scores_of_a_source_without_fixations_are_left_out_and_that_is_said(config, partly_seen):
    said = []
    sources = [{"path": name, "train": "all", "val": "all"} for name in ("seen", "maps")]
    train(config(data=str(partly_seen), sources=sources, keep_best="seen/nss"), say=said.append)
    assert "not measured, since fixations are missing: maps/nss" in said
    (first, _) = lines(Path(config().out), "validation")
    assert {"nss", "seen/nss", "seen/cc", "maps/cc"} <= first.keys() and "maps/nss" not in first


def test_a_limit_takes_pictures_from_all_over_every_source(config, gaze):
    stimuli = list(open_dataset(gaze / "train"))
    assert [each.name for each in limited(stimuli, 3)] == ["0000", "0006", "0013"]
    assert limited(stimuli, 99) == limited(stimuli, None) == stimuli
    record = Preprocessing(height=32, width=48)
    made = config(limit=2)
    prepared = [
        prepare(source, Path(made.data), record, Path(made.cache), limit=made.limit)
        for source in made.sources
    ]
    assert [(len(each.train), len(each.val)) for each in prepared] == [(2, 0), (0, 2)]


def test_a_run_with_a_limit_is_a_run_on_those_pictures(run):
    folder = run(limit=2, bootstrap={"epochs": 1})
    assert len(lines(folder, "step")) == 1  # one batch of two pictures


def test_predictions_are_shown_on_the_scale_of_the_truth(run, monkeypatch):
    from salgan.training.loggers import _TensorBoard

    shown = []
    monkeypatch.setattr(_TensorBoard, "pictures", lambda self, image, step: shown.append(image))
    monkeypatch.setattr("tests.training.tiny.Tiny.forward", dim_forward)
    run(image_rows=2, bootstrap={"epochs": 1})
    (image,) = shown
    width = image.shape[2] // 3
    for row in image.split(image.shape[1] // 2, dim=1):
        truth, prediction = row[:, :, width : 2 * width], row[:, :, 2 * width :]
        assert truth.max() == pytest.approx(1, abs=1e-3)
        assert prediction.max() == pytest.approx(1, abs=1e-3)


def dim_forward(self, pictures):
    """Maps of at most .02, as training on KLD may make them."""
    return 0.02 * torch.sigmoid(self.head(self.encoder(pictures / 255 - 0.5)))
