"""The made-up set: reproducible, openable, and its fixations follow its density."""

import numpy as np
import pytest

from salgan.datasets import _synthetic, open_dataset, synthetic
from salgan.errors import DatasetError


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(tmp_path):
    def content(root):
        return {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}

    first = content(synthetic(tmp_path / "a", 3, seed=5))
    assert len(first) == 9
    assert content(synthetic(tmp_path / "b", 3, seed=5)) == first
    assert content(synthetic(tmp_path / "c", 3, seed=6)) != first


def test_it_opens_with_several_viewers_sizes_and_fixations_inside(tmp_path):
    dataset = open_dataset(synthetic(tmp_path / "set", 6))
    assert dataset.layout == "folder"
    assert dataset.unmatched == ()
    assert {(s.width > s.height) for s in dataset} == {True, False}
    for stimulus in dataset:
        fixations = stimulus.fixations
        assert len(fixations.inside(stimulus.width, stimulus.height)) == len(fixations) >= 40
        assert set(fixations.viewer) == set(range(8))
        assert (fixations.duration > 0).all()


def test_fixations_are_drawn_from_the_known_density(tmp_path):
    dataset = open_dataset(synthetic(tmp_path / "set", 30))
    gained, expected = [], []
    for stimulus in dataset:
        density = stimulus.density()
        at = np.log(density[stimulus.fixation_map()] * density.size)
        gained.extend(at)
        inside = density > 0
        expected.append((density[inside] * np.log(density[inside] * density.size)).sum())
    # The mean log-likelihood of samples is the density's negative entropy; 30 × 60 samples spread it by 0.04.
    assert np.mean(gained) == pytest.approx(np.mean(expected), abs=0.2)
    assert np.mean(expected) > 0.5


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(DatasetError, match="holds something already"):
        synthetic(tmp_path, 2)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled_and_nothing_else_is_left(tmp_path):
    (tmp_path / "new").mkdir()
    synthetic(tmp_path / "new", 1)
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_a_run_that_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    real, calls = _synthetic._write, []

    def failing(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        real(*arguments)

    monkeypatch.setattr(_synthetic, "_write", failing)
    with pytest.raises(DatasetError, match="No space left"):
        synthetic(tmp_path / "set", 5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("n", "seed"), [(0, 0), (1, -1)])
def test_numbers_out_of_range_are_refused(tmp_path, n, seed):
    with pytest.raises(DatasetError, match="n of at least 1"):
        synthetic(tmp_path / "set", n, seed)
