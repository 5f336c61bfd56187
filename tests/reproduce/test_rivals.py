"""Table 2 as an experiment: what is trained beside the branches, and how networks are compared."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from salgan.errors import ConfigError
from salgan.evaluation import EvaluationProtocol
from salgan.evaluation.compare import compare

pytest.importorskip("lightning")

from salgan.export import Exported
from salgan.networks import load_network
from salgan.networks.mlnet import MLNet
from salgan.networks.salicon_net import SaliconNet
from salgan.networks.salnet import SalNet
from salgan.reproduce import rows as module
from salgan.reproduce.experiment import EXPERIMENT_METRICS, Experiment, branches
from salgan.reproduce.rivals import Cost, _gmac, costs, is_experiment, read_trained, rivals_table
from salgan.reproduce.rows import read_table2_rows, table2_rows
from salgan.training import load_config
from tests._onnx import tiny_model

HERE = Path(__file__).parents[2] / "experiments/table2"
NAMES = ("light", "mlnet", "salicon-net", "salgan", "salnet")
OWN = {"mlnet": "mlnet", "salicon-net": "kld", "salnet": "salnet"}
SHORT = ("bootstrap.epochs=1", "adversarial.epochs=1")


@pytest.fixture
def trained(experiment_data, tmp_path, monkeypatch):
    """A tiny network's experiment whose published loss is taken to be KLD."""
    data, recipe = experiment_data
    recipe.write_text(
        recipe.read_text().replace(
            '"tests.evaluation.tiny:network"', "{encoder: mobilenetv3_small_050, decoder: {width: 8}}"
        )
    )
    monkeypatch.setitem(module._OWN_LOSS, "mobilenetv3_small_050", "kld")
    rules = EvaluationProtocol(EXPERIMENT_METRICS, sigma=8)
    experiment = Experiment(recipe, (f"data={data}", *SHORT), tmp_path / "tiny", protocol=rules)
    branches(experiment)
    return experiment, table2_rows(experiment)


def exported(network, path):
    path.write_bytes(tiny_model())
    return Exported(path, 0.0, 0.0, (), path.stat().st_size)


def lines_of(path):
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def test_own_loss_and_papers_gan_go_through_as_many_updates_as_bce_and_are_put_side_by_side(
    trained, tmp_path, monkeypatch
):
    experiment, rows = trained
    assert {name: row.epochs for name, row in rows.items()} == {"own": [2], "gan-paper": [2]}
    configs = {
        name: load_config(experiment.out / "runs" / name / "config.yaml")
        for name in ("bootstrap", "bce", "own", "gan-paper")
    }
    assert (configs["own"].content.kld, configs["own"].content.bce) == (1, 0)
    # Seeds decide which pictures come when.
    assert configs["own"].seed == configs["gan-paper"].seed == configs["bce"].seed
    assert configs["own"].adversarial.control and not configs["gan-paper"].adversarial.control
    assert configs["own"].init.endswith("runs/bootstrap/checkpoints/last.pt")
    assert configs["gan-paper"].init.endswith("runs/bootstrap/last.safetensors")

    again = read_table2_rows(experiment.out)
    assert {name: row.title for name, row in again.items()} == {
        "own": "own loss",
        "gan-paper": "the paper's GAN",
    }
    before = {path: path.stat().st_mtime_ns for path in experiment.out.rglob("*.safetensors")}
    table2_rows(experiment)
    assert {path: path.stat().st_mtime_ns for path in experiment.out.rglob("*.safetensors")} == before

    other = tmp_path / "=other"
    shutil.copytree(experiment.out, other)
    found = read_trained([experiment.out, other])
    assert [each.name for each in found] == ["tiny", "=other"]
    # Exports have their own tests, and this one would take longer than everything else.
    monkeypatch.setattr("salgan.export.export_onnx", exported)
    measured = costs(found[:1])
    network = load_network(found[0].weights)
    assert measured["tiny"].parameters == sum(weight.numel() for weight in network.parameters())
    assert measured["tiny"].size == (32, 64) and measured["tiny"].ms > 0
    measured["=other"] = Cost(1_000, (48, 64), 2.5, 30.0, (192, 256), 40.0)

    text = rivals_table(found, measured, tmp_path / "out")
    assert text == (tmp_path / "out/table2.md").read_text("utf-8")
    runs = [line.split(" | ")[1] for line in text.splitlines() if line.startswith("| tiny | ")]
    assert [run for run in runs if "B" in run or "own" in run or "boot" in run] == [
        "bootstrap",
        "own loss",
        "BCE",
        "BCE + GAN",
        "BCE + the paper's GAN",
    ]
    assert (
        "| tiny | 64×32 | 2 + 1 | 4 | adamw 0.002 |" in text
    )  # on each second batch, the discriminator learns
    changes = lines_of(tmp_path / "out/differences.csv")
    assert {line["network"] for line in changes} == {"tiny", "'=other"}
    expected = compare(found[0].runs["bce"], found[0].runs["own"]).differences
    for line, want in zip(
        [each for each in changes if (each["network"], each["first"]) == ("tiny", "own")],
        expected,
        strict=True,
    ):
        assert line["metric"] == want.metric and line["second"] == "bce"
        for column, value in (
            ("first - second", want.difference.mean),
            ("low", want.difference.low),
            ("high", want.difference.high),
            ("p", want.p),
        ):
            assert float(line[column]) == pytest.approx(value, abs=6e-5)
    scores = lines_of(tmp_path / "out/scores.csv")
    gan = next(line for line in scores if (line["network"], line["run"]) == ("tiny", "gan"))
    assert float(gan["nss"]) == pytest.approx(np.nanmean(found[0].runs["gan"].columns["nss"]), abs=6e-5)
    assert (tmp_path / "out/costs.csv").read_text("utf-8").splitlines()[
        2
    ] == "'=other,1000,64×48,2.50,30.0,256×192,40.0"
    assert (tmp_path / "out/table2.png").stat().st_size > 10_000

    with pytest.raises(ConfigError, match="two folders are called tiny"):
        read_trained([experiment.out, experiment.out])
    shutil.rmtree(other / "evaluations" / "bce")
    with pytest.raises(ConfigError, match="holds no finished experiment"):
        read_trained([experiment.out, other])


def test_a_recipe_whose_content_loss_is_not_bce_is_refused(experiment_data, tmp_path):
    data, recipe = experiment_data
    experiment = Experiment(recipe, (f"data={data}", "content.mse=1"), tmp_path)
    with pytest.raises(ConfigError, match="Table 2 compares with BCE") as caught:
        table2_rows(experiment)
    assert "\n" not in str(caught.value)


def test_evaluations_and_experiments_are_told_apart(brightness, tmp_path):
    assert not is_experiment(brightness.folder)
    (tmp_path / "runs").mkdir()
    assert is_experiment(tmp_path)


@pytest.mark.parametrize(
    ("kind", "gmac"),
    [(SalNet, 133.7), (MLNet, 123.0), (SaliconNet, 183.1)],
    ids=["salnet", "mlnet", "salicon-net"],
)
def test_the_rivals_cost_what_was_counted_at_their_published_sizes(kind, gmac):
    assert _gmac(kind(), kind.published_size) == pytest.approx(gmac, abs=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_the_recipes_of_the_experiment_differ_in_the_network_its_size_and_its_rates_alone(name):
    if not HERE.is_dir():
        pytest.skip("the experiments are not part of this source distribution")
    config, light = (load_config(HERE / f"{each}.yaml", ["data=x", "out=y"]) for each in (name, "light"))
    assert [side // config.downsample for side in config.size] == [48, 64]
    assert config.adversarial.discriminator.downsample == config.downsample
    given = {"size": light.size, "network": light.network, "downsample": light.downsample}
    same = config.model_copy(update=given, deep=True)
    same.bootstrap.optimiser.lr = light.bootstrap.optimiser.lr
    same.adversarial.optimiser.lr = light.adversarial.optimiser.lr
    same.adversarial.discriminator.downsample = light.adversarial.discriminator.downsample
    assert same == light
    assert module._OWN_LOSS.get(config.network.encoder) == OWN.get(name)


def test_the_papers_gan_has_the_settings_of_the_recipe_paper():
    paper = load_config("paper", ["data=x", "out=y"])
    settings = module._AS_THE_PAPER
    assert settings["adversarial.alpha"] == paper.adversarial.alpha
    assert settings["adversarial.warmup.epochs"] == paper.adversarial.warmup.epochs
    assert paper.adversarial.optimiser is paper.adversarial.discriminator_optimiser is None
    optimiser = paper.bootstrap.optimiser.model_dump()
    assert settings["adversarial.optimiser"].items() <= optimiser.items()
