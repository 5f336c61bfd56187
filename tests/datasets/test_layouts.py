"""Every published layout, written small and read back."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan.datasets import LAYOUTS, open_dataset
from salgan.errors import DatasetError
from tests.datasets import _trees as trees


def xy(stimulus):
    fixations = stimulus.fixations
    return list(zip(fixations.x.tolist(), fixations.y.tolist(), strict=True))


# fixations.mat: OSIE, EyeCrowd, MIT1003


def some_fixations_mat(root):
    trees.picture(root / "stimuli/b.jpg")
    trees.picture(root / "stimuli/a.jpg")
    entries = [
        ("b.jpg", [trees.viewer([1.0, 20.5], [1.0, 10], [200, 300]), trees.viewer([40], [30], [99])]),
        ("a.jpg", [trees.viewer([2], [3], [100])]),
    ]
    trees.fixations_mat(root / "eye/fixations.mat", entries)


def test_fixations_mat_is_matched_by_name_and_counted_from_0(tmp_path):
    some_fixations_mat(tmp_path / "myset")
    dataset = open_dataset(tmp_path / "myset")
    assert (dataset.name, dataset.layout, dataset.unmatched) == ("myset", "fixations-mat", ())
    a, b = dataset
    assert (a.name, xy(a)) == ("a", [(1, 2)])
    assert xy(b) == [(0, 0), (19.5, 9), (39, 29)]
    assert b.fixations.viewer.tolist() == [0, 0, 1]
    assert b.fixations.duration.tolist() == [200, 300, 99]
    assert a.pixels_per_degree is None


def test_pictures_and_entries_without_partner_are_kept_and_named(tmp_path):
    some_fixations_mat(tmp_path)
    (tmp_path / "stimuli/b.jpg").rename(tmp_path / "stimuli/c.jpg")
    dataset = open_dataset(tmp_path)
    assert [(s.name, s.has_fixations) for s in dataset] == [("a", True), ("c", False)]
    assert dataset.unmatched == ("fixations.mat: b.jpg",)


def test_viewers_who_saw_nothing_leave_no_fixation(tmp_path):
    trees.picture(tmp_path / "stimuli/a.jpg")
    nobody = trees.viewer([], [], [])
    entries = [("a.jpg", [nobody, np.empty((0, 0)), trees.viewer([5], [6], [70])])]
    trees.fixations_mat(tmp_path / "fixations.mat", entries)
    (a,) = open_dataset(tmp_path)
    assert xy(a) == [(4, 5)]
    assert a.fixations.viewer.tolist() == [2]


def test_a_set_where_nobody_saw_a_picture_opens(tmp_path):
    trees.picture(tmp_path / "stimuli/a.jpg")
    trees.fixations_mat(tmp_path / "fixations.mat", [("a.jpg", [trees.viewer([], [], [])])])
    (a,) = open_dataset(tmp_path)
    assert len(a.fixations) == 0


@pytest.mark.parametrize(
    ("name", "picture", "size", "degree"),
    [
        ("osie", "1001.jpg", (800, 600), 24),
        ("eyecrowd", "001.jpg", (1024, 768), 26),
        ("mit1003", "i05june05_static_street_boston_p1010764.jpeg", (30, 40), 35),
        ("else", "001.jpg", (30, 40), None),
    ],
)
def test_known_sets_are_recognised_by_their_pictures_whatever_the_folder_is_called(
    tmp_path, name, picture, size, degree
):
    trees.picture(tmp_path / "else/stimuli" / picture, *size)
    trees.fixations_mat(tmp_path / "else/eye/fixations.mat", [(picture, [trees.viewer([5], [6], [70])])])
    dataset = open_dataset(tmp_path / "else")
    assert dataset.name == name
    assert dataset.stimuli[0].pixels_per_degree == degree


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"other": 1}, "no variable 'fixations'"),
        ({"fixations": np.arange(3)}, "without the field 'img'"),
        ({"fixations": trees.cell([{"img": 5, "subjects": 1}])}, "not text"),
        ({"fixations": trees.cell([{"img": "a.jpg", "subjects": trees.cell([{"fix_x": 1}])}])}, "'fix_y'"),
        (
            {
                "fixations": trees.cell(
                    [{"img": "a.jpg", "subjects": trees.cell([trees.viewer([1], [1, 2], [1])])}]
                )
            },
            "differ in length",
        ),
        (
            {
                "fixations": trees.cell(
                    [{"img": "a.jpg", "subjects": {"fix_x": "zzz", "fix_y": 1, "fix_duration": 1}}]
                )
            },
            "numbers expected",
        ),
        ({"fixations": trees.cell([{"img": "a.jpg", "subjects": trees.cell([])}] * 2)}, "twice"),
    ],
)
def test_a_malformed_fixations_mat_is_one_line_that_names_the_file(tmp_path, variables, reason):
    trees.picture(tmp_path / "stimuli/a.jpg")
    trees.mat(tmp_path / "fixations.mat", **variables)
    with pytest.raises(DatasetError, match=reason) as caught:
        open_dataset(tmp_path)
    assert "fixations.mat" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_matlab_are_one_line_that_names_them(tmp_path):
    trees.picture(tmp_path / "stimuli/a.jpg")
    path = tmp_path / "fixations.mat"
    whole = trees.fixations_mat(path, [("a.jpg", [trees.viewer([1], [1], [1])])]).read_bytes()
    rng = np.random.default_rng(0)
    broken = [
        b"",
        b"hello",
        whole[:200],
        whole[:-40],
        b"\0" * 500,
        b"MATLAB 7.3 MAT-file" + b" " * 105 + b"\0\2IM",
    ]
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 6):
            damaged[place] = rng.integers(256)
        broken.append(bytes(damaged))
    said = 0
    for content in broken:
        path.write_bytes(content)
        try:
            open_dataset(tmp_path)
        except DatasetError as error:
            said += 1
            assert "fixations.mat" in str(error)
            assert "\n" not in str(error)
    assert said >= 6


def test_a_matlab_73_file_says_how_to_save_it(tmp_path):
    trees.picture(tmp_path / "stimuli/a.jpg")
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    (tmp_path / "fixations.mat").write_bytes(header + b"\0" * 400)
    with pytest.raises(DatasetError, match="'-v7'"):
        open_dataset(tmp_path)


# OSIE's mouse traces


def test_mouse_traces_are_row_then_column_counted_from_1(tmp_path):
    trees.picture(tmp_path / "stimuli/1001.jpg")
    trees.picture(tmp_path / "stimuli/1002.jpg")
    struct = {
        "subj": np.array([[321], [7]]),
        "coord": np.array([[1, 40], [30, 2]]),
        "order": np.array([[1], [2]]),
    }
    trees.mat(tmp_path / "mouse_amt/1001.mat", fixations=struct)
    trees.mat(tmp_path / "mouse_amt/1003.mat", fixations=struct)
    dataset = open_dataset(tmp_path)
    assert (dataset.name, dataset.unmatched) == ("osie-mouse", ("mouse_amt/1003.mat",))
    first, second = dataset
    assert xy(first) == [(39, 0), (1, 29)]
    assert first.fixations.viewer.tolist() == [321, 7]
    assert first.pixels_per_degree == 24
    assert second.fixations is None


def test_osie_with_both_gives_fixations_unless_the_mouse_is_asked_for(tmp_path):
    some_fixations_mat(tmp_path)
    (tmp_path / "mouse_amt").mkdir()
    assert open_dataset(tmp_path).layout == "fixations-mat"
    assert open_dataset(tmp_path, "osie-mouse").layout == "osie-mouse"


def test_mouse_files_that_do_not_add_up_are_refused_when_read(tmp_path):
    trees.picture(tmp_path / "stimuli/1001.jpg")
    trees.mat(tmp_path / "mouse_amt/1001.mat", fixations={"subj": np.ones(3), "coord": np.ones((2, 2))})
    (stimulus,) = open_dataset(tmp_path)
    with pytest.raises(DatasetError, match=r"1001\.mat: 2 points but 3 subjects"):
        _ = stimulus.fixations


# SUN500


def sun500(root, names, rows):
    for name in names:
        trees.picture(root / f"stimuli/{name}.jpg", 100, 50)
    cells = np.empty((len(rows), 3), dtype=object)
    for index, row in enumerate(rows):
        for column in range(3):
            cells[index, column] = np.array(row[column]) if column < len(row) else np.empty((0, 0))
    trees.mat(root / "tidy/fixations.mat", fixations=cells)


def test_sun500_is_y_x_from_the_pictures_edge_in_seconds(tmp_path):
    cell = [[10.5, 20.5, 0.3, 0.25], [0.1, 99.9, 0.6, 0.5]]
    sun500(tmp_path, ["001", "002"], [[cell], [[], [[25.0, 50.0, 0, 1]]]])
    dataset = open_dataset(tmp_path)
    first, second = dataset
    assert (dataset.name, dataset.layout) == ("sun500", "sun500")
    assert xy(first) == [(20, 10), (pytest.approx(99.4), pytest.approx(-0.4))]
    assert len(first.fixations.inside(100, 50)) == 2
    assert first.fixations.duration.tolist() == [250, 500]
    assert second.fixations.viewer.tolist() == [1]
    assert first.pixels_per_degree == pytest.approx(3)


def test_sun500_rows_follow_the_numbers_in_the_names_when_pictures_are_missing(tmp_path):
    rows = [[[[1.5, row + 0.5, 0, 1]]] for row in range(4)]
    sun500(tmp_path, ["002", "004"], rows)
    dataset = open_dataset(tmp_path)
    assert [xy(s) for s in dataset] == [[(1, 1)], [(3, 1)]]
    assert dataset.unmatched == ("fixations.mat: row 1", "fixations.mat: row 3")


def test_sun500_with_other_names_needs_one_row_per_picture(tmp_path):
    sun500(tmp_path, ["beach", "alley"], [[[[1.5, 1.5, 0, 1]]], [[[1.5, 2.5, 0, 1]]]])
    assert [(s.name, xy(s)) for s in open_dataset(tmp_path)] == [("alley", [(1, 1)]), ("beach", [(2, 1)])]
    (tmp_path / "stimuli/beach.jpg").unlink()
    with pytest.raises(DatasetError, match="2 rows for 1 pictures"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("fixations", [np.ones((2, 3)), trees.cell([np.ones((2, 3))]), "text"])
def test_a_malformed_sun500_is_one_line(tmp_path, fixations):
    trees.picture(tmp_path / "stimuli/001.jpg")
    trees.mat(tmp_path / "tidy/fixations.mat", fixations=fixations)
    with pytest.raises(DatasetError, match=r"fixations\.mat"):
        open_dataset(tmp_path)


# SALICON


def salicon(root):
    for part, name in (
        ("train", "train2014_1"),
        ("train", "train2014_2"),
        ("val", "val2014_3"),
        ("test", "test2014_4"),
    ):
        trees.picture(root / f"images/{part}/COCO_{name}.jpg")
    trees.blob(root / "maps/train/COCO_train2014_1.png")
    trees.blob(root / "maps/val/COCO_val2014_3.png")
    trees.mat(
        root / "fixations/train/COCO_train2014_1.mat", gaze=trees.gaze([[1, 1], [40, 30]], [], [[5, 6]])
    )
    trees.points(root / "fixations/val/COCO_val2014_3.png", [(7, 8), (0, 29)])


def test_salicon_reads_mat_fixations_by_viewer_counted_from_0(tmp_path):
    salicon(tmp_path)
    dataset = open_dataset(tmp_path)
    assert [s.name for s in dataset] == [
        "train/COCO_train2014_1",
        "train/COCO_train2014_2",
        "val/COCO_val2014_3",
        "test/COCO_test2014_4",
    ]
    first = dataset.stimuli[0]
    assert xy(first) == [(0, 0), (39, 29), (4, 5)]
    assert first.fixations.viewer.tolist() == [0, 0, 2]
    assert dataset.stimuli[1].fixations is None


def test_salicon_reads_png_fixations(tmp_path):
    salicon(tmp_path)
    (stimulus,) = open_dataset(tmp_path, part="val")
    assert sorted(xy(stimulus)) == [(0, 29), (7, 8)]
    assert stimulus.fixations.viewer is None


def test_salicons_density_is_the_published_map_and_any_sigma_can_be_asked_for(tmp_path):
    salicon(tmp_path)
    stimulus = open_dataset(tmp_path, part="train").stimuli[0]
    assert np.unravel_index(stimulus.density().argmax(), (30, 40)) == (20, 10)
    assert stimulus.density(1.0)[0, 0] > stimulus.density(1.0)[20, 10]


def test_salicons_test_part_has_pictures_only(tmp_path):
    salicon(tmp_path)
    (stimulus,) = open_dataset(tmp_path, part="test")
    assert (stimulus.fixations, stimulus.map_path) == (None, None)


@pytest.mark.parametrize(
    ("folder", "release"), [("SALICON_2015", "2015"), ("salicon2017", "2017"), ("s", None)]
)
def test_salicons_release_is_told_by_the_folders_name(tmp_path, folder, release):
    salicon(tmp_path / folder)
    assert open_dataset(tmp_path / folder).release == release


def test_the_release_can_be_stated_where_the_folders_name_does_not_tell(tmp_path):
    salicon(tmp_path)
    assert open_dataset(tmp_path, release="2015").release == "2015"
    assert open_dataset(tmp_path, part="val", release="2017").release == "2017"
    with pytest.raises(DatasetError, match="no release '2016'; there are 2015, 2017"):
        open_dataset(tmp_path, release="2016")


def test_salicon_names_what_belongs_to_no_picture_and_parts_that_are_not_there(tmp_path):
    salicon(tmp_path)
    trees.blob(tmp_path / "maps/train/COCO_train2014_9.png")
    assert open_dataset(tmp_path).unmatched == ("maps/train/COCO_train2014_9.png",)
    with pytest.raises(DatasetError, match="no part named 'dev'"):
        open_dataset(tmp_path, part="dev")
    (tmp_path / "images/test/COCO_test2014_4.jpg").unlink()
    (tmp_path / "images/test").rmdir()
    with pytest.raises(DatasetError, match="this part of SALICON is not here"):
        open_dataset(tmp_path, part="test")


def test_points_of_another_size_than_the_picture_are_refused(tmp_path):
    salicon(tmp_path)
    trees.points(tmp_path / "fixations/val/COCO_val2014_3.png", [(7, 8)], width=80, height=60)
    (stimulus,) = open_dataset(tmp_path, part="val")
    with pytest.raises(DatasetError, match="points are 80×60 pixels, the picture 40×30"):
        _ = stimulus.fixations


# MIT1003


def test_mit1003_points_are_read_out_of_their_jpegs_exactly(tmp_path):
    rng = np.random.default_rng(0)
    spots = {
        (int(x), int(y)) for x, y in zip(rng.integers(0, 320, 60), rng.integers(0, 240, 60), strict=True)
    }
    trees.picture(tmp_path / "ALLSTIMULI/i1.jpeg", 320, 240)
    trees.picture(tmp_path / "ALLSTIMULI/i2.jpeg", 320, 240)
    trees.points(tmp_path / "ALLFIXATIONMAPS/i1_fixPts.jpg", sorted(spots), 320, 240)
    trees.blob(tmp_path / "ALLFIXATIONMAPS/i1_fixMap.jpg", 320, 240)
    trees.points(tmp_path / "ALLFIXATIONMAPS/i05june05fixPts.jpg", [], 320, 240)
    dataset = open_dataset(tmp_path)
    assert (dataset.name, dataset.unmatched) == ("mit1003", ("ALLFIXATIONMAPS/i05june05fixPts.jpg",))
    first, second = dataset
    assert set(xy(first)) == spots
    assert first.pixels_per_degree == 35
    assert np.unravel_index(first.published_density().argmax(), (240, 320)) == (20, 10)
    assert (second.fixations, second.map_path) == (None, None)


def test_a_picture_of_points_without_a_point_is_no_fixation(tmp_path):
    trees.picture(tmp_path / "ALLSTIMULI/i1.jpeg")
    trees.points(tmp_path / "ALLFIXATIONMAPS/i1_fixPts.jpg", [])
    (stimulus,) = open_dataset(tmp_path)
    assert len(stimulus.fixations) == 0


# CAT2000


def cat2000(root):
    for part in ("trainSet", "testSet"):
        for name in ("Action/001", "Social/002"):
            trees.picture(root / part / f"Stimuli/{name}.jpg")
    trees.picture(root / "trainSet/Stimuli/Action/Output/001_SaliencyMap.jpg")
    trees.blob(root / "trainSet/FIXATIONMAPS/Action/001.jpg")
    trees.blob(root / "trainSet/FIXATIONMAPS/Action/Output/001.jpg")
    locations = np.zeros((30, 40), np.uint8)
    locations[12, 34] = 1
    trees.mat(root / "trainSet/FIXATIONLOCS/Action/001.mat", fixLocs=locations)


def test_cat2000_reads_locations_by_category_and_passes_over_output(tmp_path):
    cat2000(tmp_path)
    dataset = open_dataset(tmp_path, part="train")
    assert [s.name for s in dataset] == ["train/Action/001", "train/Social/002"]
    first, second = dataset
    assert xy(first) == [(34, 12)]
    assert first.pixels_per_degree is None
    assert np.unravel_index(first.density().argmax(), (30, 40)) == (20, 10)
    assert second.fixations is None
    assert dataset.unmatched == ()


def test_cat2000_opens_whole_or_from_one_of_its_parts(tmp_path, monkeypatch):
    cat2000(tmp_path)
    monkeypatch.chdir(tmp_path / "testSet")
    assert open_dataset(Path()).layout == "cat2000"
    assert len(open_dataset(tmp_path)) == 4
    assert [s.name for s in open_dataset(tmp_path / "trainSet")] == ["Action/001", "Social/002"]
    assert len(open_dataset(tmp_path / "testSet", part="test")) == 2
    with pytest.raises(DatasetError, match="no part named 'val'"):
        open_dataset(tmp_path, part="val")
    with pytest.raises(DatasetError, match="not here"):
        open_dataset(tmp_path / "testSet", part="train")


def test_cat2000_locations_of_another_size_are_refused(tmp_path):
    cat2000(tmp_path)
    trees.mat(tmp_path / "trainSet/FIXATIONLOCS/Action/001.mat", fixLocs=np.ones((40, 30)))
    with pytest.raises(DatasetError, match=r"001\.mat: fixLocs has shape \(40, 30\)"):
        _ = open_dataset(tmp_path, part="train").stimuli[0].fixations


# All


def test_an_unknown_layout_suggests_a_close_one(tmp_path):
    with pytest.raises(DatasetError, match="did you mean salicon"):
        open_dataset(tmp_path, "salcon")
    with pytest.raises(DatasetError, match="there are salicon, cat2000"):
        open_dataset(tmp_path, "qqq")


def test_a_missing_folder_a_file_and_a_folder_without_pictures_are_told_apart(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        open_dataset(tmp_path / "none")
    with pytest.raises(DatasetError, match="is a file"):
        open_dataset(trees.picture(tmp_path / "a.png"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="looks like no layout"):
        open_dataset(tmp_path / "empty")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_forced_on_a_folder_that_lacks_it_is_one_line(tmp_path, layout):
    with pytest.raises(DatasetError) as caught:
        open_dataset(tmp_path, layout)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_set_in_one_part_refuses_a_part(tmp_path):
    some_fixations_mat(tmp_path / "myset")
    with pytest.raises(DatasetError, match="dataset myset comes in one part"):
        open_dataset(tmp_path / "myset", part="train")


def test_files_a_mac_leaves_behind_are_no_pictures(tmp_path):
    some_fixations_mat(tmp_path)
    (tmp_path / "stimuli/._a.jpg").write_bytes(b"\0\5\26\7")
    assert [s.name for s in open_dataset(tmp_path)] == ["a", "b"]


def test_two_pictures_of_one_name_are_refused(tmp_path):
    some_fixations_mat(tmp_path)
    Image.new("RGB", (3, 3)).save(tmp_path / "stimuli/a.png")
    with pytest.raises(DatasetError, match="share a name"):
        open_dataset(tmp_path)
