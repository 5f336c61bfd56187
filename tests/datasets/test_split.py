"""Splits: by name, seeded, the same for ever."""

import pytest

from salgan.datasets import load_split, make_split, open_dataset
from salgan.datasets.split import SIZES
from salgan.errors import DatasetError


@pytest.mark.parametrize("name", SIZES)
def test_the_committed_parts_have_their_sizes_and_share_no_picture(name):
    parts = load_split(name)
    assert {part: len(names) for part, names in parts.items()} == dict(SIZES[name])
    everything = [stimulus for names in parts.values() for stimulus in names]
    assert len(set(everything)) == len(everything)
    assert all(list(names) == sorted(names) for names in parts.values())


@pytest.mark.parametrize("name", SIZES)
def test_the_generator_makes_the_committed_split_again_from_its_names_in_any_order(name):
    parts = load_split(name)
    names = sorted((stimulus for part in parts.values() for stimulus in part), key=lambda n: n[::-1])
    assert make_split(names, SIZES[name]) == parts


@pytest.mark.shared
@pytest.mark.parametrize("name", SIZES)
def test_the_generator_makes_the_committed_split_again_from_the_data(shared, name):
    dataset = open_dataset(shared / "data" / name)
    assert make_split((s.name for s in dataset), SIZES[name]) == load_split(name)


def test_another_seed_makes_another_split():
    names = [str(n) for n in range(100)]
    sizes = {"train": 80, "test": 20}
    assert make_split(names, sizes, seed=1) != make_split(names, sizes, seed=2)


def test_sizes_that_do_not_add_up_and_unknown_sets_are_refused():
    with pytest.raises(DatasetError, match="parts of 2, 2 stimuli do not divide 3"):
        make_split("abc", {"train": 2, "test": 2})
    with pytest.raises(DatasetError, match="no split named 'salicon'; there are osie"):
        load_split("salicon")
