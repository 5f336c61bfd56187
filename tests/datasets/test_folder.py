"""Plain folders: what a user can put together by hand."""

import numpy as np
import pytest

from salgan.datasets import open_dataset
from salgan.datasets.check import check
from salgan.datasets.tables import read_csv, read_csv_of_set
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
        ("x,y,viewer\n1,2,anna\n1,3,0\n1,4,ben\n1,5,1\n", [1] * 4, [2, 3, 4, 5], [0, 1, 2, 3], None),
        ("x,y,viewer\n1,2,1\n1,3,\n1,4,0\n", [1, 1, 1], [2, 3, 4], [0, 1, 2], None),
        (f"x,y,viewer\n1,2,{2**55}\n1,3,{2**55 + 1}\n", [1, 1], [2, 3], [2**55, 2**55 + 1], None),
        (f"x,y,viewer\n1,2,{10**25}\n1,3,{10**26}\n", [1, 1], [2, 3], [0, 1], None),
        ("\ufeffx,y\r\n1,2\r\n\r\n", [1], [2], None, None),
        ("x,y\n-5,nan\n", [-5], [float("nan")], None, None),
        ("x\ty\n80.5\t40\n", [80.5], [40], None, None),
        ("x;y\n80,5;40\n", [80.5], [40], None, None),
        ("x y\n80.5 40\n", [80.5], [40], None, None),
        ("x,y\n.,.\n80,40\nNA,NA\n,\n", [np.nan, 80, np.nan], [np.nan, 40, np.nan], None, None),
        ("Participant,Fixation X,Fixation Y,Fixation Duration (ms)\nP01,5,6,200\n", [5], [6], [0], [200]),
        ("CURRENT_FIX_X\tCURRENT_FIX_Y\tsubject\n5,5\t6,25\t3\n", [5.5], [6.25], [3], None),
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


def test_a_table_may_be_in_utf_16(tmp_path):
    (tmp_path / "a.csv").write_bytes("x\ty\n1\t2\n".encode("utf-16"))
    assert table(read_csv(tmp_path / "a.csv")) == ([1], [2])


@pytest.mark.parametrize("lines", ["0.1,0.2\n0.5,0.9\n1,0\n", "0.2,0.3\n1,1\n", "0.5,0.5\n"])
def test_fractions_are_refused_by_name_however_few_they_are(tmp_path, lines):
    (tmp_path / "a.csv").write_text(f"x,y\n{lines}")
    with pytest.raises(DatasetError, match=r"a\.csv: .*coordinates lie between 0 and 1"):
        read_csv(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("x,y\n0,1\n1,1\n0,0\n")
    assert len(read_csv(tmp_path / "b.csv")) == 3


def test_a_look_beyond_the_picture_makes_no_pixels_of_fractions(tmp_path):
    inside = np.random.default_rng(0).random((50, 2))
    table = np.vstack([inside, [[1.02, 0.4]], [[-0.01, 0.5]]])
    np.savetxt(tmp_path / "a.csv", table, delimiter=",", header="x,y", comments="")
    with pytest.raises(DatasetError, match="102 of 104 coordinates lie between 0 and 1"):
        read_csv(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("Gaze point X,Gaze point Y,Fixation point X,Fixation point Y\n1,2,100,200\n",
         "'Gaze point X' and 'Fixation point X' may both be x; leave one out"),
        ("x,y\n12,5,30,2\n", "line 2: has more cells than the first line; decimal commas"),
        ('x,y,viewer\n1,2,"anna\n3,4,ben\n', "not a table that can be read"),
    ],
)  # fmt: skip
def test_a_table_that_can_be_read_in_two_ways_is_refused(tmp_path, content, reason):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DatasetError, match=reason):
        read_csv(tmp_path / "a.csv")


def test_lines_that_name_a_picture_in_different_ways_belong_together(tmp_path):
    trees.picture(tmp_path / "images" / "a.jpg")
    (tmp_path / "fixations.csv").write_text(
        "image,viewer,x,y\na.jpg,anna,1,2\na.JPG,ben,3,4\n./a.jpg,anna,5,6\n"
    )
    dataset = open_dataset(tmp_path)
    assert dataset.stimuli[0].fixations.x.tolist() == [1, 3, 5]
    assert dataset.stimuli[0].fixations.viewer.tolist() == [0, 1, 0]
    assert dataset.unmatched == ()


def test_a_picture_with_two_tables_is_refused(tmp_path):
    trees.picture(tmp_path / "images" / "a.jpg")
    (tmp_path / "fixations").mkdir()
    (tmp_path / "fixations" / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "fixations.csv").write_text("image,x,y\na,1,2\n")
    with pytest.raises(DatasetError, match="a has fixations in the table of the whole set and in one of its"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("viewers", [[0.25, 0.9], [np.nan, 1], [1e300, 1]])
def test_a_third_column_that_is_no_viewer_is_refused(tmp_path, viewers):
    trees.picture(tmp_path / "images" / "a.jpg")
    (tmp_path / "fixations").mkdir()
    np.save(tmp_path / "fixations" / "a.npy", np.column_stack([[10.0, 12.0], [11.0, 13.0], viewers]))
    with pytest.raises(DatasetError, match="the third column is who looked, whole numbers"):
        open_dataset(tmp_path).stimuli[0].fixations  # noqa: B018


def test_one_table_may_serve_all_pictures(tmp_path):
    for name in ("a.jpg", "cats/b.png", "c.png"):
        trees.picture(tmp_path / "images" / name)
    (tmp_path / "fixations.csv").write_text(
        "image,subject,x,y\na.jpg,anna,1,2\ncats/b.png,bob,3,4\na.jpg,bob,5,6\nz.jpg,bob,7,8\n"
    )
    dataset = open_dataset(tmp_path)
    a, c, b = (dataset.select([name]).stimuli[0] for name in ("a", "c", "cats/b"))
    assert table(a.fixations) == ([1, 5], [2, 6])
    assert a.fixations.viewer.tolist() == [0, 1]
    assert table(b.fixations) == ([3], [4])
    assert not c.has_fixations
    assert dataset.unmatched == ("fixations.csv: z.jpg",)
    (tmp_path / "fixations.csv").write_text("x,y\n1,2\n")
    with pytest.raises(DatasetError, match="no column names the picture"):
        open_dataset(tmp_path)


def test_upper_case_folders_are_the_same_and_maps_are_no_pictures(tmp_path):
    trees.picture(tmp_path / "Images/a.png")
    trees.blob(tmp_path / "Maps/a.png")
    (a,) = open_dataset(tmp_path)
    assert a.map_path == tmp_path / "Maps/a.png"


@pytest.mark.parametrize("folder", ["heatmaps", "Saliency_Maps", "FIXATIONMAPS", "gt"])
def test_maps_beside_pictures_without_a_folder_of_their_own_are_no_pictures(tmp_path, folder):
    trees.picture(tmp_path / "a.png")
    trees.blob(tmp_path / folder / "a.png")
    (a,) = open_dataset(tmp_path)
    assert a.map_path == tmp_path / folder / "a.png"


def test_a_folder_whose_files_are_called_as_the_pictures_is_asked_about(tmp_path):
    trees.picture(tmp_path / "a.png")
    trees.blob(tmp_path / "results/a.png")
    with pytest.raises(DatasetError, match="if they are maps, call the folder maps"):
        open_dataset(tmp_path)


def test_fixations_of_no_picture_fail_the_check_and_are_named(tmp_path, salgan):
    trees.picture(tmp_path / "stimuli/a.png")
    (tmp_path / "fixations").mkdir()
    (tmp_path / "fixations/a_gaze.csv").write_text("x,y\n1,2\n")
    said = salgan("data", "check", tmp_path)
    assert said.code == 1
    assert "no picture has ground truth" in said.out
    assert "fixations/a_gaze.csv" in said.out


def test_a_folder_of_sets_is_named_as_such(tmp_path):
    for name in ("one", "two"):
        trees.picture(tmp_path / name / "images/a.png")
    with pytest.raises(DatasetError, match="holds sets and is not one itself; name one of one, two"):
        open_dataset(tmp_path)
    trees.picture(tmp_path / "mit/ALLSTIMULI/i1.jpeg")  # which has no folder that plain sets have
    with pytest.raises(DatasetError, match="name one of mit, one, two"):
        open_dataset(tmp_path)


def test_pictures_without_any_ground_truth_fail_the_check(tmp_path):
    trees.picture(tmp_path / "images/a.png")
    assert "no picture has ground truth" in check(open_dataset(tmp_path)).errors[0]


def test_points_may_be_counts_of_people(tmp_path):
    trees.picture(tmp_path / "images/a.png")
    counts = np.zeros((30, 40))
    counts[3, 9], counts[5, 6], counts[20, 30] = 1, 2, 4
    trees.grey(tmp_path / "fixations/a.png", counts)
    (a,) = open_dataset(tmp_path)
    assert sorted(zip(*table(a.fixations), strict=True)) == [(6, 5), (6, 5), (9, 3), *[(30, 20)] * 4]
    trees.blob(tmp_path / "fixations/a.png")
    with pytest.raises(DatasetError, match="a blurred map belongs into maps/"):
        _ = a.fixations


def test_maps_of_another_size_are_resized_if_their_shape_agrees(tmp_path):
    trees.picture(tmp_path / "images/a.png", 40, 30)
    trees.picture(tmp_path / "images/b.png", 40, 30)
    trees.picture(tmp_path / "images/c.png", 40, 30)
    trees.blob(tmp_path / "maps/a.png", 80, 60)
    trees.blob(tmp_path / "maps/b.png", 40, 40)
    np.save(tmp_path / "maps/c.npy", np.ones((1, 30, 40), np.float32))
    a, b, c = open_dataset(tmp_path)
    density = a.published_density()
    assert density.shape == (30, 40)
    assert density.sum() == pytest.approx(1)
    assert np.unravel_index(density.argmax(), density.shape) == pytest.approx((10, 5), abs=1)
    with pytest.raises(DatasetError, match=r"maps/b\.png: the map is 40×40 .*of another shape"):
        b.published_density()
    assert c.published_density() == pytest.approx(np.full((30, 40), 1 / 1200))


def test_a_picture_without_ground_truth_is_named_by_its_file(tmp_path):
    trees.picture(tmp_path / "images/a.png")
    (a,) = open_dataset(tmp_path)
    with pytest.raises(DatasetError, match=r"a: has no fixations and no map; add one for a\.png"):
        a.density(3)


def test_a_viewer_has_one_number_in_all_pictures_of_a_table(tmp_path):
    lines = ["picture,x,y,viewer", "a,1,2,anna", "a,1,3,7", "b,1,2,ben", "b,1,3,7", "c,1,2,7"]
    (tmp_path / "all.csv").write_text("\n".join(lines) + "\n")
    found, _ = read_csv_of_set(tmp_path / "all.csv", ["a", "b", "c"])
    assert {name: each.viewer.tolist() for name, each in found.items()} == {
        "a": [0, 1],
        "b": [2, 1],
        "c": [1],
    }
