"""pysaliency's HDF5 stimuli and fixations: what is written is read back, by us and by pysaliency itself."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from salgan.datasets import Dataset, Fixations, Stimulus, open_dataset
from salgan.datasets.check import check
from salgan.datasets.pysaliency import write_pysaliency
from salgan.errors import DatasetError, SalganError
from tests.datasets import _trees as trees

h5py = pytest.importorskip("h5py")


def dataset(root, *fixations):
    stimuli = []
    for number, each in enumerate(fixations):
        folder = "cats" if number % 2 else "dogs"
        path = trees.picture(root / f"stimuli/{folder}/{number}.png", 40, 30, seed=number)
        stimuli.append(Stimulus(f"{folder}/{number}", path, fixations=each))
    return Dataset("pets", None, tuple(stimuli))


FIRST = Fixations([0, 39.2, 5.4, 3], [0, 28.7, 6, 4], [2, 9, 2, 9], [200, 300, 250.5, 100])
SECOND = Fixations([7.5, 100], [8, 9], [0, 0], [90, 80])
"""The second of these lies outside the picture."""


def table(stimulus):
    """Rows of (viewer, x, y, ms), sorted, since trains are written viewer by viewer."""
    each = stimulus.fixations
    columns = [each.viewer, each.x, each.y, each.duration]
    columns = [np.full(len(each), -1.0) if column is None else column for column in columns]
    return sorted(map(tuple, np.column_stack(columns).round(6).tolist()))


def test_what_is_written_is_read_back(tmp_path):
    write_pysaliency(dataset(tmp_path, FIRST, SECOND, Fixations.none()), tmp_path / "out")
    again = open_dataset(tmp_path / "out")
    assert (again.layout, again.name) == ("pysaliency", "out")
    first, second, third = again
    assert [s.name for s in again] == ["dogs/0", "cats/1", "dogs/2"]
    assert table(first) == [(2, 0, 0, 200), (2, 5.4, 6, 250.5), (9, 3, 4, 100), (9, 39.2, 28.7, 300)]
    assert table(second) == [(0, 7.5, 8, 90)]
    assert len(third.fixations) == 0
    assert np.array_equal(first.picture(), Stimulus("a", tmp_path / "stimuli/dogs/0.png").picture())
    assert check(again).errors == ()


def test_a_fixation_stays_in_the_pixel_that_pysaliency_rounds_it_into(tmp_path):
    x = np.array([0, 0.4, 0.6, 5.49, 5.51, 38.7])
    write_pysaliency(dataset(tmp_path, Fixations(x, x / 2, np.zeros(6))), tmp_path / "out")
    with h5py.File(tmp_path / "out/fixations.hdf5") as file:
        written = file["train_xs"][0]
    assert written.astype(int).tolist() == np.floor(x + 0.5).tolist() == [0, 0, 1, 5, 6, 39]
    assert open_dataset(tmp_path / "out").stimuli[0].fixations.x == pytest.approx(x)


def test_fixations_of_unknown_viewers_stay_so(tmp_path):
    write_pysaliency(dataset(tmp_path, Fixations([1, 2], [3, 4]), Fixations([5], [6])), tmp_path / "out")
    first, second = open_dataset(tmp_path / "out")
    assert (table(first), table(second)) == ([(-1, 1, 3, -1), (-1, 2, 4, -1)], [(-1, 5, 6, -1)])
    assert first.fixations.viewer is None


def test_nothing_is_written_over_or_half(tmp_path):
    data = dataset(tmp_path, FIRST)
    write_pysaliency(data, tmp_path / "out")
    with pytest.raises(DatasetError, match="exists; name another folder"):
        write_pysaliency(data, tmp_path / "out")
    with pytest.raises(DatasetError, match="0: has no fixations"):
        write_pysaliency(dataset(tmp_path, None), tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bound")
def test_a_full_disk_is_one_line_and_leaves_neither_file(tmp_path):
    import resource

    many = np.random.default_rng(0).uniform(0, 29, (2, 5000))
    data = dataset(tmp_path, Fixations(*many, np.arange(5000) % 10))
    bound = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, bound[1]))  # the stimuli fit, the fixations do not
    try:
        with pytest.raises(SalganError, match=r"fixations\.hdf5: cannot be written \(File too large\)"):
            write_pysaliency(data, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, bound)
    assert list((tmp_path / "out").iterdir()) == []
    write_pysaliency(data, tmp_path / "out")


def test_fixations_of_stimuli_that_are_not_there_are_named(tmp_path):
    grey = np.zeros((30, 40), np.uint8)
    store(tmp_path / "stimuli.hdf5", "Stimuli", "1.1", **{"0": grey}, size=1)
    store(tmp_path / "fixations.hdf5", "Fixations", n=[0, 1, -1], x=[1, 2, 3], y=[1, 2, 3])
    data = open_dataset(tmp_path)
    assert len(data.stimuli[0].fixations) == 1
    assert data.unmatched == ("fixations.hdf5: stimulus -1", "fixations.hdf5: stimulus 1")


def store(path, kind, version="1.0", **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["type"], file.attrs["version"] = np.bytes_(kind), np.bytes_(version)
        for name, values in arrays.items():
            if name == "size":
                file.attrs["size"] = values
            else:
                file[name] = values
    return path


def test_stimuli_may_be_arrays_and_fixations_scanpaths(tmp_path):
    grey = np.arange(1200, dtype=np.uint8).reshape(30, 40)
    store(tmp_path / "stimuli.hdf5", "Stimuli", "1.1", **{"0": grey, "1": np.stack([grey] * 3, -1)}, size=2)
    xs = np.array([[0.5, 39.9], [3, np.nan]])
    store(
        tmp_path / "fixations.hdf5", "Scanpaths", xs=xs, ys=xs / 2, n=[1, 0], lengths=[2, 1],
        **{"scanpath_attributes/subject": np.array([4, 7]), "fixation_attributes/durations": xs / 10},
    )  # fmt: skip
    first, second = open_dataset(tmp_path)
    assert (first.name, first.width, first.height) == ("0", 40, 30)
    assert np.array_equal(first.picture(), second.picture())
    assert table(first) == [(1, 2.5, 1, 300)]
    assert table(second) == [(0, 0, -0.25, 50), (0, 39.4, 19.45, 3990)]
    with h5py.File(tmp_path / "fixations.hdf5", "r+") as file:  # as pysaliency's development version has it
        inner = file.create_group("scanpaths")
        for name in ("xs", "ys", "n", "lengths", "scanpath_attributes", "fixation_attributes"):
            file.move(name, f"scanpaths/{name}")
        inner.attrs["type"], file.attrs["type"] = np.bytes_("Scanpaths"), np.bytes_("ScanpathFixations")
    assert table(open_dataset(tmp_path).stimuli[0]) == table(first)


def test_pictures_in_an_hdf5_file_can_be_evaluated_in_other_processes(tmp_path, salgan):
    rng = np.random.default_rng(0)
    pictures = {str(n): rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for n in range(3)}
    store(tmp_path / "set/stimuli.hdf5", "Stimuli", "1.1", **pictures, size=3)
    n = np.repeat([0, 1, 2], 8)
    store(
        tmp_path / "set/fixations.hdf5", "Fixations", n=n, x=rng.uniform(0, 64, 24), y=rng.uniform(0, 48, 24)
    )
    said = salgan(
        "evaluate", "baseline:center-bias", "--data", tmp_path / "set", "-o", tmp_path / "out",
        "--metrics", "nss,cc", "--sigma", "5", "--processes", "2",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert json.loads((tmp_path / "out/summary.json").read_text())["metrics"]["cc"]["n"] == 3


def test_parts_are_files_of_their_own(tmp_path):
    for part in ("train", "validation"):
        trees.picture(tmp_path / f"pictures/{part}.png")
        name = h5py.string_dtype().type(f"pictures/{part}.png")
        store(tmp_path / f"stimuli_{part}.hdf5", "FileStimuli", "2.1", filenames=[name])
        store(tmp_path / f"fixations_{part}.hdf5", "Fixations", n=[0], x=[3.0], y=[4.0])
    assert [s.name for s in open_dataset(tmp_path)] == ["train/train", "val/validation"]
    (only,) = open_dataset(tmp_path, part="val")
    assert (only.name, only.path.name) == ("validation", "validation.png")
    with pytest.raises(DatasetError, match=r"no stimuli_test\.hdf5"):
        open_dataset(tmp_path, part="test")


@pytest.mark.parametrize(
    ("kind", "arrays", "reason"),
    [
        ("Fixations", {"n": [0], "x": [1.0]}, "holds no 'y'"),
        ("Fixations", {"n": [0], "x": [1.0, 2], "y": [1.0, 2]}, "differ in length"),
        ("Sessions", {}, "is of type 'Sessions'"),
        (
            "FixationTrains",
            {"train_xs": [[1.0]], "train_ys": [[1.0]], "train_ns": [0], "train_subjects": [0, 1]},
            "do not fit together",
        ),
        ("Scanpaths", {"xs": [1.0], "ys": [1.0], "n": [0], "lengths": [1]}, "do not fit together"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line_that_names_the_file(tmp_path, kind, arrays, reason):
    store(tmp_path / "stimuli.hdf5", "Stimuli", **{"0": np.zeros((3, 4), np.uint8)}, size=1)
    store(tmp_path / "fixations.hdf5", kind, **arrays)
    with pytest.raises(DatasetError, match=rf"fixations\.hdf5: .*{reason}") as caught:
        open_dataset(tmp_path)
    assert "\n" not in str(caught.value)


def test_broken_stimuli_are_one_line(tmp_path):
    store(tmp_path / "fixations.hdf5", "Fixations", n=[0], x=[1.0], y=[1.0])
    store(tmp_path / "stimuli.hdf5", "Stimuli", **{"0": np.zeros((3, 4), np.uint8)}, size=10**9)
    with pytest.raises(DatasetError, match="says that it holds 1000000000 stimuli"):
        open_dataset(tmp_path)
    (tmp_path / "stimuli.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    with pytest.raises(DatasetError, match=r"stimuli\.hdf5: not an HDF5 file"):
        open_dataset(tmp_path)


THEIRS = """
import json, sys
import numpy as np
np.string_ = np.bytes_  # which pysaliency 0.2.22 still says, and NumPy 2 does not have
try:
    import pysaliency
except ImportError as error:
    sys.exit(f"SKIP {error}")
stimuli = pysaliency.read_hdf5(sys.argv[1] + "/stimuli.hdf5")
fixations = pysaliency.read_hdf5(sys.argv[1] + "/fixations.hdf5")
facts = {
    "sizes": [list(map(int, size)) for size in stimuli.sizes],
    "pixels": [np.asarray(pixels).tolist() for pixels in stimuli.stimuli],
    "rows": [[int(n), int(who), int(x), int(y)] for n, who, x, y in
             zip(fixations.n, fixations.subjects, fixations.x_int, fixations.y_int)],
    "duration": [float(each) for each in getattr(fixations, "duration", [])],
}
stimuli.to_hdf5(sys.argv[2] + "/stimuli.hdf5")
fixations.to_hdf5(sys.argv[2] + "/fixations.hdf5")
print(json.dumps(facts))
"""


@pytest.mark.parametrize("viewers", [True, False])
def test_pysaliency_reads_what_we_write_and_we_read_what_it_writes(tmp_path, viewers):
    first, second = FIRST, SECOND
    if not viewers:
        first, second = Fixations(FIRST.x, FIRST.y), Fixations(SECOND.x, SECOND.y)
    write_pysaliency(dataset(tmp_path, first, second), tmp_path / "ours")
    (tmp_path / "theirs").mkdir()
    command = [sys.executable, "-W", "ignore", "-c", THEIRS, tmp_path / "ours", tmp_path / "theirs"]
    done = subprocess.run(command, capture_output=True, text=True)
    if "SKIP" in done.stderr:
        pytest.skip(f"pysaliency cannot be imported: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    ours = open_dataset(tmp_path / "ours")
    assert facts["sizes"] == [[30, 40], [30, 40]]
    assert facts["pixels"] == [stimulus.picture().tolist() for stimulus in ours]
    expected = [[0, 2, 0, 0], [0, 2, 5, 6], [0, 9, 39, 29], [0, 9, 3, 4], [1, 0, 8, 8]]
    if not viewers:
        expected = [[0, 0, 0, 0], [0, 0, 39, 29], [0, 0, 5, 6], [0, 0, 3, 4], [1, 0, 8, 8]]
    assert facts["rows"] == expected
    assert facts["duration"] == pytest.approx([0.2, 0.2505, 0.3, 0.1, 0.09] if viewers else [])
    again = open_dataset(tmp_path / "theirs")
    assert [s.name for s in again] == [s.name for s in ours]
    assert [table(stimulus) for stimulus in again] == [table(stimulus) for stimulus in ours]
