"""Runs that are resumed although somebody has changed what is in their folders."""

import copy
import io
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("lightning", reason="the extra train is not installed")

from salgan.datasets import synthetic  # noqa: E402
from salgan.training import Config, train  # noqa: E402
from tests.fuzz.damage import answers, damaged, deep, slowest_fuzz  # noqa: E402
from tests.training.conftest import SETTINGS  # noqa: E402

VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from([[], {}, (), [1], {"a": 1}, {0: {}}])
    | st.sampled_from(
        [torch.zeros(0), torch.ones(1), torch.ones(2, 2), torch.tensor(True), torch.ones(3).to(torch.int8)]
    )
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Config:
    """Those of a run that stands in its first of two epochs' middle."""
    root = tmp_path_factory.mktemp("tampered")
    synthetic(root / "gaze", n=6, seed=1)
    config = Config.model_validate(
        SETTINGS
        | {
            "data": str(root),
            "cache": str(root / "cache"),
            "out": str(root / "run"),
            "sources": [{"path": "gaze", "train": "all", "val": None, "sigma": 12}],
            "batch_size": 3,
            "checkpoint_every": 1,
            "ema": 0.9,
            "bootstrap": {"epochs": 1, "optimiser": {"name": "adamw", "lr": 0.01}},
            "adversarial": {"epochs": 1, "discriminator_optimiser": {"lr": 0.001}, "warmup": {"epochs": 1}},
            "image_rows": 0,
        }
    )
    train(config.model_copy(update={"time_limit": 1e-9}))
    return config.model_copy(update={"resume": True, "time_limit": 1e-9})


@st.composite
def tampered(draw: st.DrawFn, value: object) -> object:
    """A tree of values in which one was replaced, or a part removed, renamed or added."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value, key=str)))
        changed = dict(value)
        what = draw(st.sampled_from(["inside", "inside", "inside", "remove", "add"]))
        if what == "remove":
            del changed[key]
        elif what == "add":
            changed[draw(st.sampled_from(["", "a", 0]))] = draw(VALUES)
        else:
            changed[key] = draw(tampered(value[key]))
        return changed
    if isinstance(value, list | tuple) and 0 < len(value) < 50 and draw(st.integers(0, 4)):
        changed = list(value)
        place = draw(st.integers(0, len(value) - 1))
        changed[place] = draw(tampered(value[place]))
        return type(value)(changed)
    return draw(VALUES)


@pytest.fixture
def untouched(settings):
    """What the run folder holds; put back after every attempt."""
    folder = Path(settings.out)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def again():
        for path in folder.rglob("*"):
            if path.is_file() and path not in before:
                path.unlink()
        for path, content in before.items():
            path.write_bytes(content)
        return folder

    return again


def resume(config: Config) -> None:
    with warnings.catch_warnings(action="ignore"):
        train(config)


def test_checkpoints(settings, untouched):
    folder = untouched()
    good = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    resume(settings)

    @slowest_fuzz
    @given(tampered(good))
    def reads(state):
        buffer = io.BytesIO()
        torch.save(copy.copy(state), buffer)
        untouched()
        (folder / "checkpoints" / "last.pt").write_bytes(buffer.getvalue())
        answers(resume, settings)

    reads()


def test_other_files_of_a_run(settings, untouched):
    folder = untouched()
    names = ["config.yaml", "environment.json", "metrics.jsonl", "checkpoints/last.pt"]
    good = {name: (folder / name).read_bytes() for name in names}

    @slowest_fuzz
    @given(
        st.sampled_from(names).flatmap(lambda name: st.tuples(st.just(name), damaged([good[name]]) | deep))
    )
    def reads(change):
        name, content = change
        untouched()
        (folder / name).write_bytes(content)
        answers(resume, settings)

    reads()
