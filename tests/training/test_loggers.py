"""Where curves and pictures go: TensorBoard, a table, or a server's own package."""

import csv
import json
import sys
import types

import numpy as np
import pytest
import torch

from salgan.errors import ConfigError, MissingExtraError
from salgan.training import loggers
from salgan.training.config import Config
from salgan.training.loggers import check_logger, open_logger
from tests.training.conftest import SETTINGS, lines


def settings(logger):
    return Config.model_validate(SETTINGS | {"data": "d", "out": "o", "logger": logger})


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_writes_its_curves_into_one_table(run):
    folder = run(logger="csv")
    assert not (folder / "tensorboard").exists()
    rows = table(folder / "curves.csv")
    losses = {int(row["step"]): row["train/content"] for row in rows if row["train/content"]}
    assert losses == {line["step"]: repr(line["content"]) for line in lines(folder, "step")}
    scores = [float(row["validation/cc"]) for row in rows if row["validation/cc"]]
    assert scores == [line["cc"] for line in lines(folder, "validation")]


def test_without_a_logger_only_the_lines_are_left(run):
    folder = run(logger=None)
    assert not (folder / "tensorboard").exists() and not (folder / "curves.csv").exists()
    assert lines(folder, "validation")


def test_a_table_taken_up_again_forgets_what_came_after_the_checkpoint_and_torn_rows(tmp_path):
    first = open_logger(settings("csv"), tmp_path, 0)
    for step in (10, 20, 30):
        first.curves({"train/content": step / 100}, step)
    with (tmp_path / "curves.csv").open("a") as file:
        file.write("4")  # the machine went off
    second = open_logger(settings("csv"), tmp_path, 20)
    second.curves({"train/content": 0.31, "train/generator": 1.0}, 30)
    found = [
        (row["step"], row["train/content"], row["train/generator"]) for row in table(tmp_path / "curves.csv")
    ]
    assert found == [("10", "0.1", ""), ("20", "0.2", ""), ("30", "0.31", "1.0")]


def test_tensorboard_keeps_the_epoch_that_a_run_goes_on_from(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    first = open_logger(settings("tensorboard"), tmp_path, 0)
    for step in (10, 20, 30, 40):
        first.curves({"cc": step / 100}, step)
    first.close(failed=False)
    second = open_logger(settings("tensorboard"), tmp_path, 30)
    second.curves({"cc": 0.5}, 40)
    second.close(failed=False)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Scalars("cc")
    assert [event.step for event in events] == [10, 20, 30, 40]
    assert events[-1].value == 0.5


def test_a_table_that_is_no_text_is_one_line(tmp_path):
    (tmp_path / "curves.csv").write_bytes(b"step,a\n1,\xff\n")
    with pytest.raises(ConfigError, match=r"curves\.csv: cannot be read .*remove it"):
        open_logger(settings("csv"), tmp_path, 20)


def test_a_row_with_too_many_cells_is_left_out(tmp_path):
    (tmp_path / "curves.csv").write_text("step,a\n1,2\n2,3,4\n")
    open_logger(settings("csv"), tmp_path, 20)
    assert [row["step"] for row in table(tmp_path / "curves.csv")] == ["1"]


@pytest.mark.parametrize("content", ["", "{}", "[]", "nonsense"])
def test_a_damaged_name_of_a_servers_run_is_one_line(tmp_path, content):
    (tmp_path / "mlflow.json").write_text(content)
    with pytest.raises(ConfigError, match=r"mlflow\.json: cannot be read .*remove it"):
        loggers._Known(tmp_path / "mlflow.json")


@pytest.mark.parametrize("package", ["wandb", "mlflow"])
def test_a_logger_that_is_not_installed_is_named_in_one_line(package, run, monkeypatch):
    monkeypatch.setattr(loggers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=f"{package} is not installed; run: pip install {package}"
    ) as no:
        run(logger=package)
    assert "\n" not in str(no.value)
    check_logger("tensorboard")
    check_logger(None)


class Server:
    """What Lightning's loggers would send to a server, in a list."""

    def __init__(self, *arguments, **keywords):
        self.given, self.sent = (arguments, keywords), []
        self.experiment = self
        self.id = self.run_id = keywords.get("id") or keywords.get("run_id") or "new-run"

    def log_hyperparams(self, values):
        self.sent.append(("settings", values["seed"]))

    def log_metrics(self, values, step):
        self.sent.append((dict(values), step))

    def log_image(self, *arguments, **keywords):
        self.sent.append(("image", arguments, keywords))

    def finish(self, exit_code):
        self.sent.append(("end", exit_code))

    def finalize(self, status):
        self.sent.append(("end", status))


@pytest.mark.parametrize(("name", "ends"), [("wandb", [0, 1]), ("mlflow", ["success", "failed"])])
def test_a_server_is_told_everything_once_and_a_resumed_run_goes_on_there(name, ends, tmp_path, monkeypatch):
    made = []
    module = types.ModuleType("lightning.pytorch.loggers")
    module.WandbLogger = module.MLFlowLogger = lambda *a, **k: made.append(Server(*a, **k)) or made[-1]
    monkeypatch.setitem(sys.modules, "lightning.pytorch.loggers", module)
    folder = tmp_path / "my-run"
    folder.mkdir()
    for failed in (False, True):
        logger = open_logger(settings(name), folder, 0)
        logger.curves({"train/content": 0.5}, 10)
        logger.pictures(torch.full((3, 4, 6), 0.5), 10)
        logger.close(failed=failed)
    first, second = made
    assert json.loads((folder / f"{name}.json").read_text()) == {"id": "new-run"}
    assert {first.given[1].get("id"), first.given[1].get("run_id")} == {None}
    assert "new-run" in second.given[1].values()
    assert ("settings", 0) in first.sent and ("settings", 0) not in second.sent
    for server, end in zip(made, ends, strict=True):
        assert ({"train/content": 0.5}, 10) in server.sent
        assert server.sent[-1] == ("end", end)
    image = next(each for each in first.sent if each[0] == "image")[1][1]
    shown = np.asarray(image[0] if isinstance(image, list) else image)
    assert shown.shape in ((3, 4, 6), (4, 6, 3))
