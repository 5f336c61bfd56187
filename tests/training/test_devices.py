"""Several processes that share every batch, and the choices of device and precision."""

import os
import subprocess
import sys

import pytest
import torch

from salgan.networks import read_checkpoint
from tests.training.conftest import lines


def test_two_processes_train_as_one_does(config, run, tmp_path):
    settings = {
        "network": "tests.training.tiny:Prior",
        "bootstrap": {"epochs": 1, "optimiser": {"name": "sgd", "lr": 1.0}},
        "adversarial": {"epochs": 1, "discriminator_optimiser": {"name": "sgd", "lr": 0.01}},
    }
    recipe = tmp_path / "two.yaml"
    recipe.write_text(config("two", **settings, devices=2).to_yaml(), encoding="utf-8")
    # Fabric starts the second process by running the script again, so there must be one.
    script = tmp_path / "salgan_command.py"
    script.write_text("import sys\nfrom salgan.cli import main\nsys.exit(main())\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script, "train", recipe, "--trust"],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(["", *sys.path])},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    one = run("one", **settings)
    ours, theirs = (
        read_checkpoint(tmp_path / name / "checkpoints" / "last.pt")["salgan"] for name in ("two", "one")
    )
    for part in ("generator", "discriminator"):
        for name, weight in ours[part].items():
            assert torch.allclose(weight, theirs[part][name], atol=1e-5), (part, name)
    for ours, theirs in zip(lines(tmp_path / "two", "validation"), lines(one, "validation"), strict=True):
        assert ours["cc"] == pytest.approx(theirs["cc"], abs=1e-4)


def test_mixed_precision_trains_too(run):
    folder = run(precision="bf16-mixed", adversarial={"epochs": 1})
    assert all(torch.isfinite(torch.tensor(line["content"])) for line in lines(folder, "validation"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_run_reports_its_share_of_peak_and_resumes(run, config):
    folder = run(device="cuda", precision="auto", adversarial={"epochs": 1})
    assert all("share_of_peak" in line for line in lines(folder, "validation"))
