"""Recipes: typed, every key known, every setting explained."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from salgan.errors import ConfigError
from salgan.training import Config, load_config

RECIPES = sorted((Path(__file__).parents[2] / "src" / "salgan" / "recipes").glob("*.yaml"))
PLACES = ["data=gaze", "out=runs/x"]


@pytest.fixture
def recipe(tmp_path):
    def write(text):
        path = tmp_path / "recipe.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_of_the_project_is_valid(path):
    assert load_config(path, PLACES).out == "runs/x"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_of_the_project_goes_by_its_name_anywhere(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_config(path.stem, PLACES) == load_config(path, PLACES)


def test_a_file_of_the_same_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("paper").write_text("seed: 99")
    assert load_config("paper", PLACES).seed == 99


def test_the_former_name_of_device_is_read_with_a_line_that_names_the_present_one(recipe):
    path = recipe("accelerator: gpu")
    with pytest.warns(UserWarning, match="yaml: accelerator is called device now; read as device=cuda"):
        assert load_config(path, PLACES).device == "cuda"
    with pytest.warns(UserWarning, match="command line: accelerator is called device now; .*device=cpu"):
        assert load_config(recipe("device: cuda"), [*PLACES, "accelerator=cpu"]).device == "cpu"


def test_there_are_recipes_to_check():
    assert {"paper", "released-code"} <= {path.stem for path in RECIPES}


def test_the_defaults_are_the_papers(recipe):
    config = load_config(recipe(""), PLACES)
    assert (config.batch_size, config.downsample, config.size) == (32, 4, [192, 256])
    assert (config.bootstrap.epochs, config.bootstrap.epochs + config.adversarial.epochs) == (15, 120)
    optimiser = config.bootstrap.optimiser
    assert (optimiser.name, optimiser.lr, optimiser.weight_decay) == ("adagrad", 3e-4, 1e-4)
    assert (config.adversarial.alpha, config.content.bce, config.content.mse) == (0.05, 1, 0)


def test_the_recipe_paper_only_spells_out_the_defaults():
    paper = load_config(Path(RECIPES[0].parent / "paper.yaml"), PLACES)
    default = Config.model_validate({"data": "gaze", "out": "runs/x", "network": {"weights": "timm"}})
    assert paper == default


def test_the_released_code_differs_as_its_authors_left_it():
    config = load_config(RECIPES[0].parent / "released-code.yaml", PLACES)
    first, second = config.bootstrap, config.adversarial
    assert (first.epochs, second.epochs) == (301, 301)
    assert (first.optimiser.name, first.optimiser.momentum, first.optimiser.lr) == ("sgd", 0.5, 1e-3)
    assert first.optimiser.weight_decay == second.optimiser.weight_decay == 0
    assert (second.discriminator.first_kernel, second.discriminator.first_pool) == (1, 4)
    assert second.discriminator.weight_norm and second.discriminator.picture_scale == 1


@pytest.mark.parametrize(
    ("text", "path", "close"),
    [
        ("batchsize: 8", "batchsize", "batch_size"),
        ("bootstrap: {optimiser: {lrr: 1}}", "bootstrap.optimiser.lrr", "bootstrap.optimiser.lr"),
        ("sources: [{path: a}, {path: b, degree: 2}]", "sources.1.degree", "sources.1.degrees"),
        (
            "adversarial: {optimiser: {moment: 1}}",
            "adversarial.optimiser.moment",
            "adversarial.optimiser.momentum",
        ),
        ("network: {encodr: vgg16}", "network.encodr", "network.encoder"),
    ],
)
def test_an_unknown_key_is_named_with_its_path_and_the_closest_one(recipe, text, path, close):
    with pytest.raises(ConfigError, match=rf"unknown key {path}; did you mean {close}\?"):
        load_config(recipe(text), PLACES)


def test_an_unknown_key_on_the_command_line_is_named_too(recipe):
    with pytest.raises(
        ConfigError, match=r"command line: unknown key content\.kdl; did you mean content\.kld"
    ):
        load_config(recipe(""), [*PLACES, "content.kdl=1"])


def test_overrides_reach_into_groups_and_lists(recipe):
    text = "sources: [{path: a}, {path: b}]\ncontent: {bce: 1}"
    overrides = [
        "sources.1.degrees=1.5",
        "content.kld=2",
        "bootstrap.optimiser.lr=3e-4",
        "ema=null",
        "size=[96, 128]",
    ]
    config = load_config(recipe(text), [*PLACES, *overrides])
    assert [source.degrees for source in config.sources] == [None, 1.5]
    assert (config.content.bce, config.content.kld) == (1, 2)
    assert config.bootstrap.optimiser.lr == 3e-4
    assert config.size == [96, 128]


def test_a_later_override_wins(recipe):
    assert load_config(recipe("seed: 1"), [*PLACES, "seed=2", "seed=3"]).seed == 3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("batch_size", "an override is key=value"),
        ("batch_size=many", "batch_size"),
        ("batch_size=[", "not a YAML value"),
        ("sources.7.degrees=1", "no position in a list of 1"),
        ("downsample=3", "downsample"),
        ("size=[190, 256]", "must divide by downsample 4"),
        ("bootstrap.optimiser.lr=.nan", "bootstrap.optimiser.lr"),
        ("bootstrap.optimiser.lr=-1", "bootstrap.optimiser.lr"),
        ("content.bce=0", "at least one term"),
        ("network=nonsense", "network"),
        ("sources.0.train=null", "none has a train part"),
    ],
)
def test_a_value_that_makes_no_sense_is_an_error_in_one_line(recipe, override, message):
    with pytest.raises(ConfigError, match=message) as raised:
        load_config(recipe("sources: [{path: a}]"), [*PLACES, override])
    assert "\n" not in str(raised.value)


def test_data_and_out_must_be_said(recipe):
    with pytest.raises(ConfigError, match="out is not set; add out=FOLDER"):
        load_config(recipe(""), ["data=gaze"])


@pytest.mark.parametrize("text", ["- a list", "a: [", "just text"])
def test_a_file_that_is_no_recipe_is_an_error_with_its_name(recipe, text):
    with pytest.raises(ConfigError, match=r"recipe\.yaml"):
        load_config(recipe(text), PLACES)


def test_a_missing_recipe_is_an_error_with_its_name(tmp_path):
    with pytest.raises(
        ConfigError, match=r"gone\.yaml: no such recipe; .*: lite, mlnet.* paper, released-code"
    ):
        load_config(tmp_path / "gone.yaml", PLACES)


def test_the_merged_configuration_reads_back_as_itself(recipe, tmp_path):
    config = load_config(recipe("network: tests.training.tiny:Tiny"), [*PLACES, "content.cc=0.5", "ema=0.9"])
    merged = tmp_path / "merged.yaml"
    merged.write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(merged) == config


def test_every_setting_is_explained():
    def settings(model):
        for name, field in model.model_fields.items():
            yield f"{model.__name__}.{name}", field.description
            for part in (field.annotation, *get_args(field.annotation)):
                if isinstance(part, type) and issubclass(part, BaseModel):
                    yield from settings(part)

    silent = [name for name, description in settings(Config) if not description]
    assert silent == []


def test_betas_of_an_optimiser_without_any_are_an_error(recipe):
    with pytest.raises(
        ConfigError, match=r"betas are adamw's, and the optimiser is adagrad; add name: adamw"
    ):
        load_config(recipe("adversarial: {discriminator_optimiser: {betas: [0.5, 0.999]}}"), PLACES)


def test_momentum_of_an_optimiser_without_any_is_an_error(recipe):
    with pytest.raises(ConfigError, match=r"momentum is sgd's, and the optimiser is adagrad; add name: sgd"):
        load_config(recipe("bootstrap: {optimiser: {momentum: 0.9}}"), PLACES)


@pytest.mark.parametrize("key", ["batch_size", "bootstrap.epochs", "bootstrap.optimiser.lr", "ema"])
def test_yes_is_no_number(recipe, key):
    with pytest.raises(ConfigError, match="true is no number"):
        load_config(recipe(""), [*PLACES, f"{key}=true"])


def test_turns_without_the_generator_are_an_error(recipe):
    with pytest.raises(ConfigError, match="the generator has none; add generator or both"):
        load_config(recipe("adversarial: {turns: [discriminator]}"), PLACES)


@pytest.mark.parametrize("name", ["2017", "2024-05-01", "no", "1_1_1", "007", "1:30", "9" * 5000])
def test_a_folders_name_is_text_whatever_yaml_makes_of_it(recipe, name):
    read = load_config(recipe(f"sources: [{{path: {name}}}]"), ["data=d", f"out={name}"])
    assert (read.sources[0].path, read.out) == (name, name)


def test_a_name_that_is_written_as_a_number_with_a_point_is_asked_about(recipe):
    with pytest.raises(ConfigError, match=r"path: 1000\.0 is read as a number; if it is a name, quote it"):
        load_config(recipe("sources: [{path: 1e3}]"), PLACES)
    assert load_config(recipe("sources: [{path: '1e3'}]"), PLACES).sources[0].path == "1e3"


def test_numbers_and_switches_are_still_read_as_such(recipe):
    text = (
        "batch_size: 4\nbootstrap: {optimiser: {lr: 3e-4, clip: .5}}\ncompile: yes\nema: null\nkeep_best: ~\n"
    )
    read = load_config(recipe(text), PLACES)
    assert (read.batch_size, read.bootstrap.optimiser.lr, read.bootstrap.optimiser.clip) == (4, 3e-4, 0.5)
    assert (read.compile, read.ema, read.keep_best) == (True, None, None)


def test_a_key_given_twice_is_refused_with_both_lines(recipe):
    with pytest.raises(ConfigError, match="batch_size is given twice, in lines 1 and 3"):
        load_config(recipe("batch_size: 4\nseed: 1\nbatch_size: 8\n"), PLACES)


@pytest.mark.parametrize(
    "value", ["!!bool 7", "!!timestamp 2001-99-99", "!!int x", "!!python/object:os.system x"]
)
def test_tags_that_do_not_fit_are_one_line(recipe, value):
    with pytest.raises(ConfigError, match="not YAML") as caught:
        load_config(recipe(f"seed: {value}"), PLACES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "override",
    [
        "network.weights=none",
        "cache=none",
        "init=None",
        "keep_best=NONE",
        "sources.0.val=none",
        "logger=none",
    ],
)
def test_none_is_a_word_and_nothing_is_null(recipe, override):
    with pytest.raises(ConfigError, match="is a word in YAML; write null for nothing"):
        load_config(recipe("sources: [{path: a}]"), [*PLACES, override])


@pytest.mark.parametrize("name", ["paper", "paper.yaml", "recipes/paper.yaml"])
def test_a_recipe_that_comes_along_is_found_by_every_name_that_pages_have_given_it(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert load_config(name, PLACES) == load_config("paper", PLACES)
    (tmp_path / "paper.yaml").write_text("seed: 7\n")
    assert load_config("paper.yaml", PLACES).seed == 7
