"""``salgan.toml``: what an owner says of a set, and the parts and folds that come of it."""

import os
import sys

import pytest

from salgan.datasets import open_dataset
from salgan.datasets.initialise import initialise
from salgan.datasets.split import folds_of, parse_fold
from salgan.errors import DatasetError
from salgan.evaluation import open_data
from tests.datasets import _trees as trees


@pytest.fixture
def mine(tmp_path):
    """Twelve pictures in two folders, with one table of fixations whose viewers' column has an odd name."""
    root = tmp_path / "mine"
    rows = ["image,who,x,y"]
    for number in range(12):
        folder = "cats" if number < 4 else "dogs"
        trees.picture(root / f"images/{folder}/{number}.png")
        rows += [f"{folder}/{number}.png,anna,3,4", f"{folder}/{number}.png,bob,5,6"]
    (root / "fixations.csv").write_text("\n".join(rows) + "\n")
    return root


def toml(root, text):
    (root / "salgan.toml").write_text(text, encoding="utf-8")


def names(dataset):
    return [stimulus.name for stimulus in dataset]


def test_the_file_says_what_the_set_is_called_and_how_wide_a_degree_and_who_looked(mine):
    toml(mine, 'name = "pets"\nrelease = 2024\npixels_per_degree = 2.5\nviewers = "who"\nlicence = "CC0"\n')
    dataset = open_dataset(mine)
    assert (dataset.name, dataset.release, dataset.description.licence) == ("pets", "2024", "CC0")
    first = dataset.stimuli[0]
    assert first.pixels_per_degree == 2.5
    assert first.fixations.viewer.tolist() == [0, 1]
    assert first.density() == pytest.approx(first.density(2.5))
    assert open_dataset(mine, release="2025").release == "2025"


def test_parts_are_lists_patterns_names_folds_and_what_is_left(mine):
    (mine / "lists").mkdir()
    (mine / "lists/test.txt").write_text("# held out\ndogs/4.png\n\n5\n", encoding="utf-8")
    toml(mine, '[parts]\ntrain = "rest"\nval = ["cats/*.png", "dogs/7"]\ntest = "lists/test.txt"\n')
    assert names(open_dataset(mine, part="val")) == ["cats/0", "cats/1", "cats/2", "cats/3", "dogs/7"]
    assert names(open_dataset(mine, part="test")) == ["dogs/4", "dogs/5"]
    assert names(open_dataset(mine, part="train")) == [f"dogs/{n}" for n in (10, 11, 6, 8, 9)]
    toml(mine, 'seed = 5\n[parts]\nval = "fold 1/3"\ntrain = ["fold 2/3", "fold 3/3"]\n')
    val, train = (names(open_dataset(mine, part=part)) for part in ("val", "train"))
    assert tuple(sorted(val)) == folds_of(names(open_dataset(mine)), 3, 5)[0]
    assert sorted(val + train) == sorted(names(open_dataset(mine)))


def test_the_center_bias_of_a_part_is_fitted_on_the_part_called_train(mine):
    toml(mine, '[parts]\ntrain = "rest"\nval = "cats/*"\n')
    data = open_data(mine, part="val")
    assert (len(data.dataset), len(data.training()), data.share) == (4, 8, "val")
    toml(mine, '[parts]\nval = "cats/*"\n')
    assert open_data(mine, part="val").training is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name = mine", "is not TOML"),
        ('licens = "MIT"', "no key 'licens'; did you mean licence"),
        ("pixels_per_degree = -3", "pixels_per_degree is -3; it must be a number above 0"),
        ("pixels_per_degree = inf", "must be a number above 0"),
        (f"pixels_per_degree = 1{'0' * 400}", "must be a number above 0"),
        (f"seed = 1{'0' * 5000}", "is not TOML"),
        ("name = 5", "name is 5; it must be text in quotes"),
        ("seed = 1.5", "seed is 1.5; it must be a whole number"),
        ("folds = 1", "folds is 1; it must be a whole number from 2"),
        ('layout = "salikon"', "did you mean salicon"),
        ('viewers = "whom"', "no column is called 'whom'.*did you mean who?"),
        ('parts = "val"', "parts must be a table"),
        ("[parts]\nval = 3", "part val is 3"),
        ('[parts]\nval = ["rest", "cats/*"]', '"rest" stands alone'),
        ('[parts]\nval = "rest"\ntrain = "rest"', 'two parts are "rest"'),
        ('[parts]\nval = "fold 4/3"', "part val: there is no fold 4/3"),
        ('[parts]\nall = "cats/*"', "cannot be called 'all'"),
        ('[parts]\nval = "birds/*"', r"part val: no picture is called 'birds/\*'"),
        ('[parts]\nval = "cats/9.png"', "no picture is called 'cats/9.png'"),
        ('[parts]\nval = "list.txt"', "list.txt: no such file"),
        ('[parts]\nval = "../../list.txt"', "is outside the set's folder"),
        ('[parts]\nval = "cats/*"\ntrain = "*"', "cats/0 is both in part val and in part train"),
        ('[parts]\nval = "*"\ntrain = "rest"', "part train has no picture"),
    ],
)
def test_what_is_not_understood_is_one_line_that_names_the_file(mine, text, reason):
    toml(mine, text)
    with pytest.raises(DatasetError, match=reason) as caught:
        open_dataset(mine, part="val")
    assert str(mine) in str(caught.value) or "salikon" in text
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_list_that_is_a_pipe_is_not_waited_for(mine):
    os.mkfifo(mine / "list.txt")
    toml(mine, '[parts]\nval = "list.txt"')
    with pytest.raises(DatasetError, match=r"part val: .*list\.txt: "):
        open_dataset(mine, part="val")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such name")
def test_a_folder_whose_name_is_no_text_asks_for_a_name(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    trees.picture(folder / "a.png")
    with pytest.raises(DatasetError, match="not UTF-8 text; give the set a name: name=NAME"):
        initialise(folder, [])
    initialise(folder, ["name=cafe"])


def test_a_list_may_not_be_a_link_out_of_the_sets_folder(mine, tmp_path):
    (tmp_path / "secret.txt").write_text("cats/1\n")
    (mine / "list.txt").symlink_to(tmp_path / "secret.txt")
    toml(mine, '[parts]\nval = "list.txt"')
    with pytest.raises(DatasetError, match="outside the set's folder"):
        open_dataset(mine, part="val")


def test_parts_of_a_published_set_take_the_place_of_its_own(tmp_path):
    for name in ("train2014_1", "train2014_2"):
        trees.picture(tmp_path / f"images/train/COCO_{name}.jpg")
    toml(tmp_path, '[parts]\nval = "COCO_train2014_2.jpg"\ntrain = "rest"')
    assert names(open_dataset(tmp_path, part="val")) == ["train/COCO_train2014_2"]
    with pytest.raises(DatasetError, match="no part named 'test'"):
        open_dataset(tmp_path, part="test")


def test_folds_divide_a_set_the_same_way_every_time(mine):
    dataset = open_dataset(mine)
    held_out = []
    for number in range(1, 6):
        others, fold = dataset.fold(f"{number}/5")
        assert len(fold) in (2, 3)
        assert sorted(names(others) + names(fold)) == sorted(names(dataset))
        held_out += names(fold)
    assert sorted(held_out) == sorted(names(dataset))
    # Made once and never changed: a fold that moved would make old results incomparable.
    assert names(dataset.fold("2/5")[1]) == FOLD
    toml(mine, "seed = 1\nfolds = 5\n")
    assert names(open_dataset(mine).fold("2/5")[1]) != FOLD
    with pytest.raises(DatasetError, match="this set has 5 folds"):
        open_dataset(mine).fold("2/4")
    data = open_data(mine, fold="1/5")
    assert (len(data.dataset), len(data.training), data.share) == (3, 9, "fold 1/5")


FOLD = ["dogs/10", "dogs/4", "dogs/7"]


@pytest.mark.parametrize("text", ["", "2", "0/5", "6/5", "1/1", "2/5/6", "a/b", "-1/5"])
def test_what_is_no_fold_is_refused(text):
    with pytest.raises(DatasetError, match="fold"):
        parse_fold(text)
    with pytest.raises(DatasetError, match="cannot be divided into 3 folds"):
        folds_of(["a", "b"], 3)


# salgan data init


def test_init_writes_what_the_files_tell_and_what_it_is_told(mine, salgan):
    said = salgan("data", "init", mine, "pixels_per_degree=31.5", 'licence=CC BY 4.0, "mine"', "viewers=who")
    assert said.code == 0, said.err
    assert said.out.strip() == str(mine / "salgan.toml")
    assert "12 pictures" in said.err
    assert "parts: train 8, val 2, test 2" in said.err
    dataset = open_dataset(mine)
    said = dataset.description
    assert (dataset.name, said.layout, said.pixels_per_degree) == ("mine", "folder", 31.5)
    assert said.licence == 'CC BY 4.0, "mine"'
    assert dataset.stimuli[0].fixations.viewer.tolist() == [0, 1]
    assert len(open_dataset(mine, part="train")) == 8
    said = salgan("data", "check", mine, "--part", "val")
    assert (said.code, "mine, layout folder: 2 pictures" in said.out) == (0, True)
    assert 'licence: CC BY 4.0, "mine"' in said.out
    assert "parts in salgan.toml: train, val, test" in said.out


def test_init_finds_the_viewers_column_and_lists_and_folders_of_parts(mine):
    table = mine / "fixations.csv"
    table.write_text(table.read_text().replace("who", "Participant"))
    (mine / "val.txt").write_text("cats/1\n")
    (mine / "train.txt").write_text("cats/2\ndogs/5\n")
    initialise(mine)
    assert open_dataset(mine).description.viewers == "Participant"
    assert names(open_dataset(mine, part="train")) == ["cats/2", "dogs/5"]
    (mine / "salgan.toml").unlink()
    (mine / "val.txt").unlink()
    (mine / "train.txt").unlink()
    (mine / "images/cats").rename(mine / "images/val")
    (mine / "images/dogs").rename(mine / "images/train")
    _, remarks = initialise(mine, ["name=pets"])
    assert "the parts are the folders of their names" in remarks
    assert any("pixels_per_degree is not known" in line for line in remarks)
    assert len(open_dataset(mine, part="val")) == 4
    assert open_dataset(mine).name == "pets"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["pixels_per_degre=3"], "did you mean pixels_per_degree"),
        (["licence"], "is not KEY=VALUE"),
        (["folds=many"], "must be a number"),
        (["pixels_per_degree=0"], "must be a number above 0"),
        (["layout=qqq"], "no layout named 'qqq'"),
        (["parts.val=birds/*"], "no picture is called"),
    ],
)
def test_init_refuses_what_does_not_fit_and_writes_nothing(mine, salgan, settings, reason):
    said = salgan("data", "init", mine, *settings)
    assert said.code == 1
    assert reason in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not (mine / "salgan.toml").exists()


def test_init_never_replaces_a_file(mine, salgan):
    toml(mine, 'name = "mine"')
    said = salgan("data", "init", mine)
    assert (said.code, "exists; edit it" in said.err) == (1, True)
    assert salgan("data", "init", mine / "none").code == 1


def test_parts_and_folds_reach_training_and_the_evaluation(mine, salgan, tmp_path):
    pytest.importorskip("pydantic")
    from salgan.training.cache import parts_of
    from salgan.training.config import DataSource

    toml(mine, 'pixels_per_degree = 4\n[parts]\ntrain = "rest"\nval = "cats/*"\n')
    train, val = parts_of(DataSource(path="mine"), mine)
    assert (len(train), len(val)) == (8, 4)
    (tmp_path / "other.toml").write_text('[parts]\ntrain = "cats/*"\nval = "rest"')
    train, val = parts_of(DataSource(path="mine", split=str(tmp_path / "other.toml")), mine)
    assert (len(train), len(val)) == (4, 8)
    train, val = parts_of(DataSource(path="mine", fold="2/5"), mine)
    assert [stimulus.name for stimulus in val] == FOLD
    again = DataSource(**DataSource(path="mine", fold="2/5").model_dump())  # as a resumed run reads it
    assert again.fold == "2/5"
    with pytest.raises(ValueError, match="fold takes the place of split"):
        DataSource(path="mine", fold="2/5", train="all")
    out = tmp_path / "out"
    said = salgan(
        "evaluate", "baseline:center-bias", "--data", mine, "--fold", "2/5", "-o", out, "--metrics", "nss"
    )
    assert said.code == 0, said.err
    assert "mine, fold 2/5" in said.out
    assert "other folds of mine" in said.out
    from salgan.evaluation import Results
    from salgan.evaluation.gallery import data_of

    assert names(data_of(Results.read(out)).dataset) == FOLD
