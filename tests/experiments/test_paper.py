"""The paper's experiment on its way to another machine and back."""

import io
import signal
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from salgan.datasets import open_dataset, synthetic
from salgan.errors import ModelError
from salgan.networks import Generator, load_network, save_network
from salgan.preprocessing import Preprocessing
from tests._scripts import script_at

HOME = Path(__file__).parents[2] / "experiments/paper"


def script(name):
    return script_at(HOME / f"{name}.py")


@pytest.fixture(scope="module")
def reduced(tmp_path_factory):
    """A synthetic dataset, and the same as it comes out of the archive with 64 pixels on the longer side."""
    pack = script("pack")
    root = tmp_path_factory.mktemp("pack")
    original = open_dataset(synthetic(root / "set", n=3, seed=5) or root / "set")
    pack.SIDES = {"small": 64}
    with tarfile.open(root / "small.tar", "w") as archive:
        pack.add_pictures(archive, "small", original, quality=90)
        pack.add_fixations(archive, "small", original)
    with tarfile.open(root / "small.tar") as archive:
        archive.extractall(root, filter="data")
    return original, open_dataset(root / "small", "folder")


def test_a_packed_set_is_opened_by_the_projects_reader_with_reduced_pictures(reduced):
    original, small = reduced
    assert [stimulus.name for stimulus in small] == [stimulus.name for stimulus in original]
    for before, after in zip(original, small, strict=True):
        assert max(after.width, after.height) == 64
        assert after.width / after.height == pytest.approx(before.width / before.height, rel=0.02)
        expected = Image.fromarray(before.picture()).resize(
            (after.width, after.height), Image.Resampling.BICUBIC
        )
        assert np.abs(np.asarray(expected, dtype=float) - after.picture()).mean() < 6


def test_fixations_stay_at_their_place_in_the_picture(reduced):
    for before, after in zip(*reduced, strict=True):
        inside = before.fixations.inside(before.width, before.height)
        assert len(after.fixations.inside(after.width, after.height)) == len(inside) > 10
        for old, new, scale in (
            (inside.x, after.fixations.x, before.width / after.width),
            (inside.y, after.fixations.y, before.height / after.height),
        ):
            # Half a reduced pixel at the border, 1/16 of one elsewhere.
            assert np.abs((np.sort(new) + 0.5) * scale - 0.5 - np.sort(old)).max() <= 0.32 * scale


def test_the_density_of_a_packed_set_is_the_reduced_density(reduced):
    for before, after in zip(*reduced, strict=True):
        sigma = 0.06 * max(before.width, before.height)
        expected = Image.fromarray(before.density(sigma).astype(np.float32)).resize(
            (after.width, after.height), Image.Resampling.BOX
        )
        given = after.density(sigma * after.width / before.width)
        assert np.corrcoef(np.asarray(expected).ravel(), given.ravel())[0, 1] > 0.999


@pytest.fixture
def experiment(tmp_path):
    """What train.py leaves, with a small network."""
    torch.manual_seed(0)
    network = Generator("test_resnet", preprocessing=Preprocessing(height=64, width=96))
    run = tmp_path / "there" / "runs" / "gan"
    run.mkdir(parents=True)
    save_network(network, run / "last.safetensors", metadata={"salgan.epoch": "45"})
    (run / "metrics.jsonl").write_text('{"kind": "step"}\n')
    return tmp_path / "there", network


@pytest.fixture
def brought(experiment, tmp_path, monkeypatch):
    bring = script("bring")
    bring.PART = 200_000
    monkeypatch.setattr(sys, "argv", ["bring.py", str(experiment[0]), "gan", str(tmp_path / "bag")])
    bring.main()
    return tmp_path / "bag"


def test_a_network_comes_home_in_parts_and_is_the_same_in_half_precision(experiment, brought, tmp_path):
    parts = sorted(brought.glob("gan.[0-9]*"))
    assert len(parts) > 1
    assert max(part.stat().st_size for part in parts) <= 200_000
    (tmp_path / "home").mkdir()
    written = script("collect").collect(brought, tmp_path / "home")
    assert written == [tmp_path / "home" / "gan.safetensors", tmp_path / "home" / "records"]
    home, away = load_network(written[0]).state_dict(), experiment[1].state_dict()
    assert home.keys() == away.keys()
    for name, value in away.items():
        assert home[name].dtype == value.dtype
        expected = value.half().float() if value.is_floating_point() else value
        assert torch.equal(home[name], expected), name
    records = [path.relative_to(written[1]).as_posix() for path in written[1].rglob("*") if path.is_file()]
    assert records == ["runs/gan/metrics.jsonl"]


def test_a_part_that_is_missing_or_spoiled_is_named(brought, tmp_path):
    collect = script("collect")
    spoiled = brought / "gan.1"
    spoiled.write_bytes(b"x" + spoiled.read_bytes()[1:])
    with pytest.raises(ModelError, match=r"gan\.1: has sha256"):
        collect.collect(brought, tmp_path)
    spoiled.unlink()
    with pytest.raises(ModelError, match=r"gan\.1: is missing"):
        collect.collect(brought, tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


def _archive(path, member):
    with tarfile.open(path, "w:xz") as archive:
        content = b"weights"
        info = tarfile.TarInfo(member)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return path


def test_an_archive_is_unpacked_once_and_whole(tmp_path):
    train = script("train")
    archive = _archive(tmp_path / "a.tar.xz", "vgg16.safetensors")
    folder = train.unpack(archive, tmp_path)
    (folder / "vgg16.safetensors").write_bytes(b"kept")
    assert train.unpack(archive, tmp_path) == folder
    assert (folder / "vgg16.safetensors").read_bytes() == b"kept"


def test_an_archive_that_reaches_out_of_its_folder_is_refused_and_leaves_nothing(tmp_path):
    archive = _archive(tmp_path / "a.tar.xz", "../../evil")
    with pytest.raises(tarfile.TarError):
        script("train").unpack(archive, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    assert not (tmp_path / "evil").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of POSIX")
def test_a_run_is_told_to_leave_at_its_time_limit(capfd):
    train = script("train")
    code = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(1)); time.sleep(60)"
    assert train.run([sys.executable, "-c", code], 1.0) == train.STOPPED
    assert "the same command goes on" in capfd.readouterr().err
    assert train.run([sys.executable, "-c", "raise SystemExit(4)"], 60) == 4


@pytest.mark.parametrize("name", ["mouse", "three-sets"])
def test_the_experiments_recipes_are_the_papers_but_for_data_and_length(name):
    from salgan.training import load_config

    given = ["data=.", "out=."]
    own = load_config(HOME / f"{name}.yaml", given).model_dump()
    paper = load_config(HOME.parents[1] / "src/salgan/recipes/paper.yaml", given).model_dump()
    different = {key for key in own if own[key] != paper[key]}
    assert different == {"sources", "network", "adversarial"}
    assert own["network"] | {"weights": None} == paper["network"] | {"weights": None}
    assert own["adversarial"] | {"epochs": 0} == paper["adversarial"] | {"epochs": 0}


@pytest.mark.parametrize(
    ("name", "changed"),
    [("mouse-cpu", {}), ("three-sets-cpu", {"alpha": 0.05, "discriminator_optimiser": None})],
)
def test_on_a_cpu_what_is_compared_is_still_the_papers(name, changed):
    from salgan.training import load_config

    given = ["data=.", "out=."]
    own = load_config(HOME / f"{name}.yaml", given)
    paper = load_config(HOME.parents[1] / "src/salgan/recipes/paper.yaml", given)
    for setting in ("size", "content", "downsample", "augmentation", "ema", "keep_best"):
        assert getattr(own, setting) == getattr(paper, setting), setting
    assert own.network.model_copy(update={"weights": None}) == paper.network.model_copy(
        update={"weights": None}
    )
    # The second phase has the paper's optimiser, from a fresh state, since the bootstrap's is another one.
    assert own.adversarial.optimiser == paper.bootstrap.optimiser
    fresh = {"epochs": 0, "optimiser": None} | changed
    assert own.adversarial.model_copy(update=fresh) == paper.adversarial.model_copy(update=fresh)
