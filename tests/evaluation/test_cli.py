"""The verbs, as typed."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from salgan.cli.evaluate import make_protocol
from salgan.datasets import synthetic
from salgan.evaluation import Results
from salgan.evaluation.baselines import BASELINES
from tests._fresh import modules_after
from tests._onnx import tiny_model

RUN = "import sys; from salgan.cli import main; sys.exit(main())"


def test_evaluate_prints_a_table_with_everything_it_needs(salgan, made_up, tmp_path):
    said = salgan(
        "evaluate", made_up / "maps", "--data", made_up, "--metrics", "nss,cc", "-o", tmp_path / "out",
        "--processes", 1,
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "maps on made-up" in said.out
    for words in ("NSS", "seed: 0", "density: published maps", "pictures: 12", "version: salgan"):
        assert words in said.out
    assert str(tmp_path / "out") in said.err
    assert (tmp_path / "out" / "per_picture.csv").is_file()


def test_results_have_a_folder_of_their_own_if_nobody_names_one(salgan, made_up, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = salgan("evaluate", "baseline:uniform", "--data", made_up, "--metrics", "nss", "--processes", 1)
    assert said.code == 0, said.err
    assert (tmp_path / "evaluations" / "baseline-uniform-on-made-up" / "summary.md").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["baseline:unifrom"], "did you mean uniform?"),
        (["nothing"], "no model or file 'nothing'"),
        (["baseline:uniform", "--metrics", "nsss"], "no metric 'nsss'"),
        (["baseline:uniform", "--sigma", "wide"], "write 24 for pixels or 1deg for degrees"),
        (["baseline:uniform", "--sigma", "-1"], "above 0"),
        (["baseline:uniform", "--part", "test"], "comes in one part"),
        (["baseline:uniform", "--layout", "mit1004"], "did you mean mit1003?"),
    ],
)
def test_mistakes_are_answered_in_one_line(salgan, made_up, tmp_path, arguments, words):
    said = salgan("evaluate", *arguments, "--data", made_up, "--out", tmp_path / "out", "--processes", 1)
    assert said.code == 1
    assert said.err.startswith("salgan: error: ")
    assert said.err.count("\n") == 1
    assert words in said.err
    assert not (tmp_path / "out").exists()


def evaluated(salgan, model, data, out, *options):
    said = salgan("evaluate", model, "--data", data, "--out", out, "--processes", 1, *options)
    assert said.code == 0, said.err
    return out


def test_compare_reads_evaluations_and_makes_none(salgan, made_up, tmp_path):
    first, second = (
        evaluated(salgan, model, made_up, tmp_path / name, "--metrics", "nss,kld")
        for name, model in (("first", "baseline:uniform"), ("second", made_up / "maps"))
    )
    said = salgan("compare", first, second, "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert "maps against uniform" in said.out
    assert (tmp_path / "out" / "gallery.pdf").is_file()
    assert "| NSS ↑ |" in (tmp_path / "out" / "comparison.md").read_text()
    said = salgan("compare", first, second, "--gallery", "none", "-o", tmp_path / "bare")
    assert said.code == 0, said.err
    assert sorted(path.name for path in (tmp_path / "bare").iterdir()) == ["comparison.json", "comparison.md"]
    said = salgan("compare", made_up / "maps", first)
    assert said.code == 1
    assert "holds no evaluation; this makes one: salgan evaluate MODEL --data" in said.err


def test_table2_is_printed_and_written(salgan, made_up, tmp_path):
    results = evaluated(
        salgan, "baseline:uniform", made_up, tmp_path / "uniform", "--metrics", "nss,cc", "--release", "2"
    )
    said = salgan("reproduce", "table2", results, "--out", tmp_path)
    assert said.code == 0, said.err
    assert said.out.strip() == (tmp_path / "table2.md").read_text().strip()
    assert "MIT300" in said.out
    assert "## Measured: made-up, release 2" in said.out


def test_table2_takes_experiments_or_evaluations_and_says_which_folder_is_the_other(
    salgan, brightness, tmp_path
):
    (tmp_path / "mlnet" / "runs").mkdir(parents=True)
    said = salgan("reproduce", "table2", tmp_path / "mlnet", brightness.folder)
    assert said.code == 1 and said.out == ""
    assert f"{brightness.folder}: is not an experiment's folder, as {tmp_path / 'mlnet'} is" in said.err
    pytest.importorskip("lightning")
    said = salgan("reproduce", "table2", tmp_path / "mlnet")
    assert said.code == 1 and "mlnet: holds no finished experiment" in said.err


def test_the_experiment_is_run_once_and_drawn_by_one_command_each(salgan, experiment_data, tmp_path):
    pytest.importorskip("lightning")
    data, recipe = experiment_data
    out = tmp_path / "out"
    common = ["--recipe", recipe, "--data", data, "--out", out, "--sigma", 8, "--processes", 1]
    epochs = ["bootstrap.epochs=1", "adversarial.epochs=1"]
    said = salgan("reproduce", "run", *common, *epochs, "--trust")
    assert said.code == 0, said.err
    assert f"salgan reproduce table1 {out}" in said.err
    said = salgan("reproduce", "table1", out)
    assert said.code == 0, said.err
    assert "paper: GAN" in said.out
    said = salgan("reproduce", "figure3", out)
    assert said.code == 0, said.err
    assert (out / "figure3.pdf").is_file()
    said = salgan("reproduce", "figure1", out, "--pictures", "0008,0010")
    assert said.code == 0, said.err
    for name in ("figure1.pdf", "figure1.png", "level-sets.pdf", "smoothness.md", "smoothness.json"):
        assert (out / name).is_file(), name
    assert "| SalGAN |" in (out / "smoothness.md").read_text()


OWN = "tests.training.tiny:Tiny"
"""A network that no recipe of salgan makes."""


@pytest.fixture
def own_recipe(experiment_data):
    """A recipe that names a network of one's own, and short phases."""
    data, recipe = experiment_data
    text = recipe.read_text().replace("tests.evaluation.tiny:network", OWN)
    recipe.write_text(text.replace("epochs: 2", "epochs: 1"))
    return ["--recipe", recipe, "--data", data, "--sigma", 8, "--processes", 1]


def test_a_network_of_ones_own_goes_through_the_experiment_and_its_figures_if_it_is_trusted(
    salgan, own_recipe, tmp_path, monkeypatch
):
    pytest.importorskip("lightning")
    out = tmp_path / "out"
    said = salgan("reproduce", "run", *own_recipe, "--out", out)
    assert said.code == 1 and "add --trust" in said.err and not out.exists()
    said = salgan("reproduce", "run", *own_recipe, "--out", out, "--trust")
    assert said.code == 0, said.err
    assert f"next: salgan reproduce table1 {out}\n" in said.err
    assert f"next: salgan reproduce figure1 {out} --trust\n" in said.err

    # Exports have tests of their own.
    monkeypatch.setattr("salgan.export.export_onnx", exported)
    evaluations = [out / "evaluations" / name / "001" for name in ("bce", "gan")]
    for command in (
        ("reproduce", "figure1", out, "--pictures", "0008"),
        ("reproduce", "table2", out),
        ("compare", *evaluations, "--gallery", "nss", "-o", tmp_path / "compared"),
    ):
        said = salgan(*command)
        assert said.code == 1, command
        assert f"made by the code of {OWN}; if you trust that code, add --trust" in said.err
        said = salgan(*command, "--trust")
        assert said.code == 0, said.err
    assert (out / "figure1.pdf").is_file() and (tmp_path / "compared" / "gallery.pdf").is_file()


def exported(network, path):
    path.write_bytes(tiny_model())
    return SimpleNamespace(path=path)


def test_a_network_that_is_named_on_the_command_line_is_trusted_in_the_whole_experiment(
    salgan, own_recipe, tmp_path
):
    pytest.importorskip("lightning")
    said = salgan("reproduce", "run", *own_recipe, "--out", tmp_path / "out", f"network={OWN}")
    assert said.code == 0, said.err


@pytest.mark.parametrize("command", ["table1", "figure3", "figure1"])
def test_drawing_without_an_experiment_says_what_is_missing(salgan, tmp_path, command):
    said = salgan("reproduce", command, tmp_path)
    assert said.code == 1
    assert "holds no finished experiment" in said.err
    assert f"salgan reproduce run --data FOLDER --out {tmp_path}" in said.err
    assert list(tmp_path.iterdir()) == []


def test_an_experiment_needs_data(salgan, experiment_data, tmp_path):
    pytest.importorskip("lightning")
    said = salgan("reproduce", "run", "--out", tmp_path / "out", "--recipe", experiment_data[1])
    assert said.code == 1
    assert "data is not set" in said.err


@pytest.mark.parametrize(
    ("typed", "rules"),
    [
        ("24", (24, None)),
        ("24 px", (24, None)),
        ("1deg", (None, 1)),
        ("0.5°", (None, 0.5)),
        (None, (None, None)),
    ],
)
def test_widths_are_pixels_or_degrees(typed, rules):
    protocol = make_protocol("nss", typed)
    assert (protocol.sigma, protocol.degrees) == rules


@pytest.mark.parametrize("format", ["npy", "png16", "png8", "tiff"])
def test_our_own_output_can_be_evaluated(salgan, made_up, tmp_path, format):
    maps = tmp_path / "maps"
    said = salgan("predict", made_up / "images", "-o", maps, "--format", format)
    assert said.code == 0, said.err
    assert len(list(maps.glob("*.saliency.*"))) == len(list(maps.glob("*.overlay.png"))) == 12
    direct = evaluated(salgan, "lite", made_up, tmp_path / "direct", "--metrics", "nss")
    saved = evaluated(salgan, maps, made_up, tmp_path / "saved", "--metrics", "nss")
    nss = [Results.read(folder).columns["nss"] for folder in (direct, saved)]
    np.testing.assert_allclose(*nss, atol=0.05 if format == "png8" else 1e-3)


def test_submit_packs_maps(salgan, tmp_path, monkeypatch):
    from salgan.evaluation import submissions
    from tests.evaluation.test_submissions import SMALL, pictures

    monkeypatch.setitem(submissions.SUBMISSIONS, "mit300", SMALL["mit300"])
    folder = pictures(tmp_path / "pictures", "mit300")
    maps = tmp_path / "mine"
    maps.mkdir()
    for name in ("i1", "i2", "i300"):
        np.save(maps / f"{name}.saliency.npy", np.random.default_rng(0).random((30, 40)))
    said = salgan("submit", "mit300", folder, "-o", tmp_path / "a.zip", "--model", maps)
    assert said.code == 0, said.err
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["mine/i1.jpg", "mine/i2.jpg", "mine/i300.jpg"]
    said = salgan("submit", "mit300", tmp_path, "-o", tmp_path / "b.zip", "--model", maps)
    assert said.code == 1
    assert "salgan: error:" in said.err


@pytest.mark.parametrize("name", BASELINES)
def test_what_cannot_predict_is_refused_by_submit_in_one_line(salgan, tmp_path, monkeypatch, name):
    from salgan.evaluation import submissions
    from tests.evaluation.test_submissions import SMALL, pictures

    monkeypatch.setitem(submissions.SUBMISSIONS, "mit300", SMALL["mit300"])
    folder = pictures(tmp_path / "pictures", "mit300")
    said = salgan("submit", "mit300", folder, "-o", tmp_path / "a.zip", "--model", f"baseline:{name}")
    if name == "spectral-residual":
        assert said.code == 0 or "opencv-contrib" in said.err
        return
    assert said.code == 1
    assert said.err.startswith("salgan: error: ")
    assert said.err.count("\n") == 1
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_a_killed_evaluation_keeps_its_rows_and_goes_on(tmp_path):
    data = synthetic(tmp_path / "many", 120)
    out = tmp_path / "out"
    command = [
        sys.executable, "-c", RUN, "evaluate", str(data / "maps"), "--data", str(data),
        "--out", str(out), "--processes", "2", "--metrics", "nss,cc,sauc,sim",
    ]  # fmt: skip
    table = out / "per_picture.csv"
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if table.exists() and table.read_bytes().count(b"\n") > 10:
            break
        time.sleep(0.002)
    os.killpg(process.pid, 0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # The workers go, too.
    for _ in range(500):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.01)
    else:
        pytest.fail("worker processes outlive a killed evaluation")
    killed = table.read_bytes()
    first = killed.split(b"\n")[1]
    assert killed.count(b"\n") > 10
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = table.read_bytes().split(b"\n")
    assert first in rows
    assert len(rows) == 122
    assert not (out / ".gaze").exists()


def test_an_interrupted_evaluation_says_how_to_go_on(salgan, made_up, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("salgan.evaluation.evaluate", interrupted)
    arguments = ("evaluate", made_up / "maps", "--data", made_up, "-o", tmp_path / "out")
    said = salgan(*arguments)
    assert said.code == 130
    assert f"stopped; what is scored is in {tmp_path / 'out'}; go on with the same command\n" in said.err
    assert salgan(*arguments, "--overwrite").err.endswith("the same command, without --overwrite\n")


def test_the_benchmark_is_light_to_import():
    heavy = {"torch", "lightning", "matplotlib", "scipy", "h5py", "onnxruntime", "ot", "cv2", "pyarrow"}
    assert not modules_after("import salgan.evaluation") & heavy
    assert not modules_after("import salgan.cli") & (heavy | {"numpy"})
