"""The page about datasets: its commands run, and it has a tree for every layout and knows every key."""

import re
import shlex
import tomllib

import pytest
import typer

from salgan.cli import app
from salgan.datasets import LAYOUTS
from salgan.datasets.catalogue import KNOWN
from salgan.datasets.description import parse_description
from salgan.datasets.initialise import SETTINGS
from tests import _fenced

PAGE = "docs/data.md"


@pytest.fixture(scope="module")
def text():
    return _fenced.text_of(PAGE)


def test_the_commands_run_as_they_are_written(salgan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in _fenced.code(PAGE, "").splitlines():
        said = salgan(*shlex.split(command, comments=True)[1:])
        assert said.code == 0, said.err
    assert (tmp_path / "sheet.png").is_file()
    assert (tmp_path / "pets/salgan.toml").is_file()


def test_every_layout_has_its_place_and_every_set_its_row(text):
    for layout in LAYOUTS:
        assert f"`{layout}`" in text or f'"{layout}"' in text, layout
        assert any(layout in each.layout.split(", ") for each in KNOWN), layout
    for each in KNOWN[:-2]:
        assert each.name in text, each.name
        assert all((each.pictures, each.viewers, each.task, each.licence, each.where)), each.name
        assert set(each.layout.split(", ")) <= set(LAYOUTS)


def test_the_list_on_the_terminal_has_them_all(salgan):
    said = salgan("data", "list")
    assert said.code == 0
    for each in KNOWN:
        assert each.name in said.out


def test_the_example_of_salgan_toml_is_one_and_has_every_key(tmp_path):
    example = _fenced.code(PAGE, "toml")
    said = parse_description(example, tmp_path / "salgan.toml")
    assert set(tomllib.loads(example)) == {*SETTINGS, "parts"}
    assert (said.name, said.viewers, said.folds) == ("pets", "who", 5)


def test_the_table_of_words_is_what_the_commands_say(text):
    command = typer.main.get_command(app)

    def words(*verbs):
        found = command
        for verb in verbs:
            found = found.commands[verb]
        return {parameter.name: parameter.metavar for parameter in found.params}

    for verb in ("check", "init", "convert"):
        assert words("data", verb)["folder"] == "FOLDER"
    assert words("evaluate")["data"] == "FOLDER"
    assert (words("reproduce", "run")["test"], words("reproduce", "run")["data"]) == ("FOLDER", "DATASETS")
    assert words("submit")["pictures"] == "PICTURES"
    table = text.partition("## Which folder")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| ([A-Z]+) \|", table, re.MULTILINE)) == {
        *("FOLDER", "DATASETS", "PICTURES", "RUN", "EVALUATION")
    }
