"""Plain folders: what a user can put together by hand."""

import numpy as np
import pytest

from salgan.datasets import open_dataset
from salgan.datasets.folder import read_csv
from salgan.errors import DatasetError
from tests.datasets import _trees as trees


def table(fixations):
    return fixations.x.tolist(), fixations.y.tolist()


def test_maps_and_fixations_are_found_by_name_in_folders_below_too(tmp_path):
    root = tmp_path / "mine"
    trees.picture(root / "images/a.jpg")
    trees.picture(root / "images/cats/b.png")
    trees.picture(root / "images/cats/c.png")
    trees.blob(root / "maps/a.png")
    (root / "fixations/cats").mkdir(parents=True)
    (root / "fixations/cats/b.csv").write_text("x,y\n3,4\n")
    trees.blob(root / "maps/d.png")
    dataset = open_dataset(root)
    assert (dataset.name, dataset.layout, dataset.unmatched) == ("mine", "folder", ("maps/d.png",))
    a, b, c = dataset
    assert [s.name for s in dataset] == ["a", "cats/b", "cats/c"]
    assert a.fixations is None
    assert a.density().shape == (30, 40)
    assert table(b.fixations) == ([3], [4])
    assert (c.fixations, c.map_path) == (None, None)


def test_pictures_may_lie_in_the_folder_itself_beside_maps_and_fixations(tmp_path):
    trees.picture(tmp_path / "a.jpg")
    trees.blob(tmp_path / "maps/a.png")
    trees.points(tmp_path / "fixations/a.png", [(5, 6)])
    (a,) = open_dataset(tmp_path)
    assert a.name == "a"
    assert a.map_path is not None
    assert table(a.fixations) == ([5], [6])


def test_fixations_as_npy_are_a_table_or_points_of_the_pictures_shape(tmp_path):
    for name in "abc":
        trees.picture(tmp_path / f"images/{name}.png")
    (tmp_path / "fixations").mkdir()
    np.save(tmp_path / "fixations/a.npy", np.array([[1.5, 2.5, 7, 250], [3, 4, 8, 100]]))
    points = np.zeros((30, 40), bool)
    points[3, 9] = True
    np.save(tmp_path / "fixations/b.npy", points)
    np.save(tmp_path / "fixations/c.npy", np.zeros((30, 41)))
    a, b, c = open_dataset(tmp_path)
    assert table(a.fixations) == ([1.5, 3], [2.5, 4])
    assert (a.fixations.viewer.tolist(), a.fixations.duration.tolist()) == ([7, 8], [250, 100])
    assert table(b.fixations) == ([9], [3])
    with pytest.raises(DatasetError, match=r"c\.npy: shape \(30, 41\)"):
        _ = c.fixations


def test_a_pickle_in_an_npy_file_is_never_opened(tmp_path):
    trees.picture(tmp_path / "images/a.png")
    (tmp_path / "fixations").mkdir()
    np.save(tmp_path / "fixations/a.npy", np.array([{"x": 1}]), allow_pickle=True)
    (a,) = open_dataset(tmp_path)
    with pytest.raises(DatasetError, match=r"a\.npy: not a npy file"):
        _ = a.fixations


@pytest.mark.parametrize(
    ("text", "x", "y", "viewer", "duration"),
    [
        ("x,y\n1,2\n3.5,4\n", [1, 3.5], [2, 4], None, None),
        ("1,2\n3,4\n", [1, 3], [2, 4], None, None),
        ("1,2,7,250\n", [1], [2], [7], [250]),
        ("duration,Y, x ,note\n250,2,1,hello\n", [1], [2], None, [250]),
        ("x,y,viewer\n1,2,anna\n1,3,bob\n1,4,anna\n", [1, 1, 1], [2, 3, 4], [0, 1, 0], None),
        ("\ufeffx,y\r\n1,2\r\n\r\n", [1], [2], None, None),
        ("x,y\n-5,nan\n", [-5], [float("nan")], None, None),
        ("x,y\n", [], [], None, None),
        ("", [], [], None, None),
    ],
)
def test_csv_tables_are_read_as_people_write_them(tmp_path, text, x, y, viewer, duration):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8", newline="")
    fixations = read_csv(path)
    np.testing.assert_array_equal(fixations.x, x)
    np.testing.assert_array_equal(fixations.y, y)
    for found, expected in ((fixations.viewer, viewer), (fixations.duration, duration)):
        if expected is None:
            assert found is None or len(found) == 0
        else:
            assert found.tolist() == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"x,y\n1,2\n3,oops\n", r"line 3: y is 'oops'"),
        (b"x,y\n1\n", r"line 2: y is ''"),
        (b"5\n", "needs at least the columns x and y"),
        (b"\xff\xfe\0", "not a table"),
        (b"col1,col2\n1,2\n", "line 1: x is 'col1'"),
    ],
)
def test_a_csv_that_cannot_be_understood_names_the_line(tmp_path, content, reason):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=reason) as caught:
        read_csv(path)
    assert "a.csv" in str(caught.value)
