"""Readers of sets that people have: each on a small tree in the layout in which the set is published."""

import json

import numpy as np
import pytest

from salgan.datasets import open_dataset
from salgan.datasets.check import check
from salgan.errors import DatasetError
from tests.datasets import _trees as trees


def xy(stimulus):
    fixations = stimulus.fixations
    return list(zip(fixations.x.tolist(), fixations.y.tolist(), strict=True))


def sound(dataset):
    """Everything can be read, and all fixations lie inside."""
    report = check(dataset)
    return (report.errors, report.outside) == ((), ())


# Toronto


def toronto(root):
    cells = []
    for number, (x, y) in enumerate([(39, 0), (3, 29)], 1):
        trees.picture(root / f"fixdens/Original Image Set/{number}.jpg")
        cells.append(np.zeros((30, 40), np.uint8))
        cells[-1][y, x] = number
    trees.mat(root / "fixdens/origfixdata.mat", white=trees.cell(cells))


@pytest.mark.parametrize("below", ["", "fixdens", ".."])
def test_toronto_has_a_matrix_of_fixated_pixels_per_picture(tmp_path, below):
    root = tmp_path / "eyetrackingdata"
    toronto(root)
    dataset = open_dataset(root / below)
    assert (dataset.name, dataset.layout, dataset.unmatched) == ("toronto", "toronto", ())
    assert [(s.name, xy(s)) for s in dataset] == [("1", [(39, 0)]), ("2", [(3, 29)])]
    assert dataset.stimuli[0].fixations.viewer is None
    assert sound(dataset)


def test_toronto_names_what_does_not_fit(tmp_path):
    toronto(tmp_path)
    (tmp_path / "fixdens/Original Image Set/2.jpg").unlink()
    trees.picture(tmp_path / "fixdens/Original Image Set/1.jpg", 30, 40)
    dataset = open_dataset(tmp_path)
    assert dataset.unmatched == ("origfixdata.mat: matrix 2",)
    with pytest.raises(
        DatasetError, match=r"the matrix for 1\.jpg has shape \(30, 40\), the picture \(40, 30\)"
    ):
        _ = dataset.stimuli[0].fixations
    trees.picture(tmp_path / "fixdens/Original Image Set/cat.jpg")
    with pytest.raises(DatasetError, match=r"called 1\.jpg to 2\.jpg"):
        open_dataset(tmp_path)


# PASCAL-S


ROWS = np.array([[1, 40, 1], [30, 1, 1], [6, 5, 12]], float)
"""Of [y, x, viewer], counted from 1."""


@pytest.mark.parametrize("version", ["7.3", "7"])
def test_pascal_s_is_y_x_and_viewer_counted_from_1(tmp_path, version):
    root = tmp_path / "datasets"
    for number in (1, 2, 10):
        trees.picture(root / f"imgs/pascal/{number}.jpg")
    cells = [ROWS, np.empty((0, 3)), *[ROWS[:1]] * 8]
    file = root / "fixations/pascalFix.mat"
    if version == "7":
        trees.mat(file, fixCell=trees.cell(cells))
    else:
        trees.mat73(file, "fixCell", cells)
    dataset = open_dataset(tmp_path)
    assert (dataset.name, [s.name for s in dataset]) == ("pascal-s", ["1", "2", "10"])
    first, second, tenth = dataset
    assert xy(first) == [(39, 0), (0, 29), (4, 5)]
    assert first.fixations.viewer.tolist() == [1, 1, 12]
    assert (len(second.fixations), xy(tenth)) == (0, [(39, 0)])
    assert dataset.unmatched == tuple(f"pascalFix.mat: cell {n}" for n in range(3, 10))


def test_the_gold_standard_of_pascal_s_leaves_one_viewer_out(tmp_path, salgan):
    rng = np.random.default_rng(0)
    cells = []
    for number in range(1, 4):
        trees.picture(tmp_path / f"imgs/pascal/{number}.jpg", 80, 60)
        places = np.clip(rng.normal((20 * number, 30), 6, (24, 2)).round(), 1, 60)[:, ::-1]
        cells.append(np.column_stack([places, np.repeat([1, 2, 3, 4], 6)]))
    trees.mat73(tmp_path / "fixations/pascalFix.mat", "fixCell", cells)
    said = salgan(
        "evaluate", "baseline:gold", "--data", tmp_path, "-o", tmp_path / "out", "--metrics", "ig_density"
    )
    assert said.code == 0, said.err
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["metrics"]["ig_density"]["n"] == 3
    # Viewers who look at the same place predict each other better than other pictures' fixations do.
    assert summary["metrics"]["ig_density"]["mean"] > 0.3


@pytest.mark.parametrize(
    "content", [b"", b"\x89HDF\r\n\x1a\n" + b"\0" * 600, b"MATLAB 7.3".ljust(512) + b"\x89HDF"]
)
def test_a_broken_pascal_s_is_one_line(tmp_path, content):
    trees.picture(tmp_path / "imgs/pascal/1.jpg")
    (tmp_path / "fixations").mkdir()
    (tmp_path / "fixations/pascalFix.mat").write_bytes(content)
    with pytest.raises(DatasetError, match=r"pascalFix\.mat") as caught:
        open_dataset(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("soft", [False, True])
def test_values_outside_an_hdf5_file_are_not_read(tmp_path, soft):
    h5py = pytest.importorskip("h5py")
    trees.picture(tmp_path / "imgs/pascal/1.jpg")
    (tmp_path / "fixations").mkdir()
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["fixCell"] = ROWS
    with h5py.File(tmp_path / "fixations/pascalFix.mat", "w") as file:
        file["other"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/")
        outside = h5py.ExternalLink(str(tmp_path / "other.h5"), "fixCell")
        file["fixCell"] = h5py.SoftLink("/other/fixCell") if soft else outside
    with pytest.raises(DatasetError, match="fixCell is a link, which is not followed"):
        open_dataset(tmp_path)


# DUT-OMRON


def test_dut_omron_is_x_y_viewer_after_a_row_with_the_size(tmp_path):
    for name in ("sun_a", "im2"):
        trees.picture(tmp_path / f"DUT-OMRON-image/{name}.jpg")
    rows = np.array([[40, 30, 0], [0, 0, 1], [39, 29, 1], [5, 6, 3]])
    trees.mat(tmp_path / "DUT-OMRON-eye-fixations/mat/sun_a.mat", s=rows)
    trees.mat(tmp_path / "DUT-OMRON-eye-fixations/mat/gone.mat", s=rows)
    dataset = open_dataset(tmp_path)
    bare, first = dataset
    assert (dataset.name, first.name, bare.fixations) == ("dut-omron", "sun_a", None)
    assert xy(first) == [(0, 0), (39, 29), (5, 6)]
    assert first.fixations.viewer.tolist() == [1, 1, 3]
    assert dataset.unmatched == ("DUT-OMRON-eye-fixations/mat/gone.mat",)


# FIGRIM


def figrim_entry(name, category, *viewers):
    users = np.empty((1, len(viewers)), dtype=[("trial", "O"), ("fixations", "O")])
    for place, rows in enumerate(viewers):
        users[0, place] = (np.empty((0, 0)), np.empty((0, 0)))
        if rows is not None:
            seen = np.empty((1, 1), dtype=[("enc", "O"), ("rec", "O")])
            seen[0, 0] = (np.array(rows, float), np.array([[9.0, 9.0]]))
            users[0, place] = (3, seen)
    return (name, category, users)


def figrim_mat(path, *entries):
    array = np.empty((1, len(entries)), dtype=[("filename", "O"), ("category", "O"), ("userdata", "O")])
    for place, entry in enumerate(entries):
        array[0, place] = entry
    return trees.mat(path, allImages=array)


@pytest.mark.parametrize("folder", ["", "targetData/"])
def test_figrim_reads_what_viewers_fixated_when_they_saw_a_picture_first(tmp_path, folder):
    trees.picture(tmp_path / "Targets/highway/sun_a.jpg")
    trees.picture(tmp_path / "Fillers/house/sun_b.jpg")
    trees.blob(tmp_path / "FIXATIONMAPS/highway/sun_a.jpg")
    figrim_mat(
        tmp_path / f"{folder}allImages_release.mat",
        figrim_entry("sun_a.jpg", "highway", [[1, 1], [40, 30]], None, [[5.5, 6]]),
        figrim_entry("sun_z.jpg", "highway", [[1, 1]]),
    )
    figrim_mat(tmp_path / "allImages_fillers.mat", figrim_entry("sun_b.jpg", "house", None, [[2, 3]]))
    dataset = open_dataset(tmp_path)
    first, second = dataset
    assert (dataset.name, first.name, second.name) == (
        "figrim",
        "Targets/highway/sun_a",
        "Fillers/house/sun_b",
    )
    assert xy(first) == [(0, 0), (39, 29), (4.5, 5)]
    assert first.fixations.viewer.tolist() == [0, 0, 2]
    assert np.unravel_index(first.published_density().argmax(), (30, 40)) == (20, 10)
    assert (xy(second), second.fixations.viewer.tolist()) == ([(1, 2)], [1])
    assert dataset.unmatched == ("allImages_release.mat: highway/sun_z",)
    assert sound(dataset)


# COCO-FreeView


def scanpath(name, subject, x, y, split="train", **more):
    return {"name": name, "subject": subject, "X": x, "Y": y, "T": [200] * len(x), "split": split, **more}


def coco(
    root,
    entries,
    pictures=("images/bottle/1.jpg", "images/bowl/1.jpg", "images/bowl/2.jpg"),
    size=(1680, 1050),
):
    for picture in (*pictures, "coco_search18_images_TA/bowl/3.jpg"):
        trees.picture(root / picture, *size)
    (root / "COCOFreeView_fixations_trainval.json").write_text(json.dumps(entries))


def test_coco_freeview_joins_the_scanpaths_of_a_picture_in_whatever_task_folder(tmp_path):
    coco(
        tmp_path,
        [
            scanpath("1.jpg", 4, [0, 1679.5], [1.5, 1049]),
            scanpath("1.jpg", 7, [3], [4]),
            scanpath("2.jpg", 4, [5], [6], "valid"),
            scanpath("9.jpg", 4, [5], [6], "valid"),
        ],
    )
    dataset = open_dataset(tmp_path)
    assert (dataset.name, [s.name for s in dataset]) == ("coco-freeview", ["1", "2", "3"])
    assert dataset.unmatched == ("COCOFreeView_fixations_trainval.json: 9",)
    (first,) = open_dataset(tmp_path, part="train")
    assert xy(first) == [(0, 1.5), (1679.5, 1049), (3, 4)]
    assert (first.fixations.viewer.tolist(), first.fixations.duration.tolist()) == ([4, 4, 7], [200] * 3)
    assert [s.name for s in open_dataset(tmp_path, part="val")] == ["2"]
    (test,) = open_dataset(tmp_path, part="test")
    assert (test.name, test.fixations) == ("3", None)
    with pytest.raises(DatasetError, match="no part named 'valid'"):
        open_dataset(tmp_path, part="valid")


def test_coco_freeview_refuses_the_unpadded_pictures_of_coco(tmp_path):
    coco(tmp_path, [scanpath("1.jpg", 4, [0], [1])], size=(64, 48))
    with pytest.raises(DatasetError, match=r"is 64×48, but the fixations are on pictures of 1680×1050"):
        _ = open_dataset(tmp_path).stimuli[0].fixations


@pytest.mark.parametrize(
    "content",
    ["", "[" * 100_000, "{}", "[3]", '[{"name": "1.jpg"}]', json.dumps([scanpath("1.jpg", 1, [1], [1, 2])]),
     json.dumps([scanpath("1.jpg", "anna", [1], [1])]), json.dumps([scanpath("1.jpg", 1, ["a"], [1])]),
     json.dumps([scanpath("1.jpg", 1, [10**400], [1])]), json.dumps([scanpath("1.jpg", 10**30, [1], [1])])],
)  # fmt: skip
def test_a_malformed_coco_freeview_is_one_line(tmp_path, content):
    trees.picture(tmp_path / "images/bowl/1.jpg")
    (tmp_path / "COCOFreeView_fixations_trainval.json").write_text(content)
    with pytest.raises(DatasetError, match=r"COCOFreeView_fixations_trainval\.json: ") as caught:
        open_dataset(tmp_path)
    assert "\n" not in str(caught.value)


# UEyes


def log(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    heading = "MEDIA_ID,MEDIA_NAME,CNT,TIME(2022/04/13 16:49:44.313),FPOGX,FPOGY,FPOGD,BPOGX,BPOGY,BPOGV"
    lines = [f"0,{name},1,0.1,0,0,{seconds},{x},{y},{valid}" for name, seconds, x, y, valid in rows]
    path.write_text("\n".join([heading, *lines, "0,cut"]) + "\n")


def test_ueyes_places_are_fractions_of_the_screen_on_which_the_picture_is_centred(tmp_path):
    # At 1920×1200, a picture of 60×120 is 600×1200 in the middle, one of 192×60 is 1920×600.
    trees.picture(tmp_path / "images/phone.png", 60, 120)
    trees.picture(tmp_path / "images/page.png", 192, 60)
    logs = tmp_path / "eyetracker_logs"
    log(logs / "00_KH005_fixations.csv", ("phone.png", 0.25, 0.5, 0.5, 1), ("phone.png", 1, 0.1, 0.5, 1))
    log(logs / "01_kh041_fixations.csv", ("phone.png", 1, 0.5, 0, 0), ("page.png", 0.5, 0.25, 0.25, 1))
    log(logs / "01_kh041_all_gaze.csv", ("page.png", 0.5, 0.9, 0.9, 1))
    log(logs / "02_kh007_fixations.csv", ("gone.png", 0.5, 0.25, 0.25, 1))
    trees.blob(tmp_path / "saliency_maps/heatmaps_7s/page.png", 192, 60)
    dataset = open_dataset(tmp_path)
    page, phone = dataset
    assert (dataset.name, dataset.unmatched) == ("ueyes", ("eyetracker_logs: gone.png",))
    assert xy(phone) == [
        (pytest.approx(29.5), pytest.approx(59.5)),
        (pytest.approx(-47.3), pytest.approx(59.5)),
    ]
    assert len(phone.fixations.inside(60, 120)) == 1
    assert (phone.fixations.viewer.tolist(), phone.fixations.duration.tolist()) == ([5, 5], [250, 1000])
    assert xy(page) == [(pytest.approx(47.5), pytest.approx(-0.5))]
    assert page.fixations.viewer.tolist() == [41]
    assert (phone.pixels_per_degree, page.pixels_per_degree) == (4, 4)
    assert (phone.map_path, page.map_path is not None) == (None, True)


def test_ueyes_parts_are_those_of_its_table(tmp_path):
    for name in ("a.png", "b.jpg", "c.png"):
        trees.picture(tmp_path / "images" / name)
    (tmp_path / "eyetracker_logs").mkdir()
    with pytest.raises(DatasetError, match=r"no image_types\.csv"):
        open_dataset(tmp_path, part="train")
    (tmp_path / "image_types.csv").write_text(
        "Image Name;Category;Block;Train/Test\na.png;web;0;Train\nb.jpg;poster;1;Test\nc.png;mobile;1;Train\n"
    )
    assert [s.name for s in open_dataset(tmp_path, part="train")] == ["a", "c"]
    assert [s.name for s in open_dataset(tmp_path, part="test")] == ["b"]
    with pytest.raises(DatasetError, match="no part named 'val'"):
        open_dataset(tmp_path, part="val")


def test_ueyes_names_the_line_that_is_not_understood(tmp_path):
    trees.picture(tmp_path / "images/a.png")
    file = tmp_path / "eyetracker_logs/00_kh005_fixations.csv"
    log(file, ("a.png", 0.25, 0.5, 0.5, 1), ("a.png", 0.25, "left", 0.5, 1))
    with pytest.raises(DatasetError, match=r"00_kh005_fixations\.csv, line 3"):
        open_dataset(tmp_path)
    file.write_text("MEDIA_NAME,BPOGX\n")
    with pytest.raises(DatasetError, match="no column BPOGY"):
        open_dataset(tmp_path)


# FiWI


@pytest.mark.parametrize("below", ["", "webpage_dataset"])
def test_fiwi_has_a_picture_of_points_of_all_viewers_beside_every_page(tmp_path, below):
    root = tmp_path / below
    for name in ("apple(3)", "bbc", "new"):
        trees.picture(root / f"stimuli/{name}.png")
    (root / "stimuli/Thumbs.db").write_bytes(b"windows")
    trees.points(root / "eyeMaps/all5/apple(3).png", [(0, 0), (39, 29)])
    trees.points(root / "eyeMaps/all5/bbc.png", [(7, 3)])
    trees.points(root / "eyeMaps/all5/gone.png", [(7, 3)])
    trees.points(root / "eyeMaps/all3/bbc.png", [(1, 1)])  # looked at in another time, not read
    dataset = open_dataset(tmp_path)
    assert (dataset.name, dataset.layout) == ("fiwi", "fiwi")
    apple, bbc, new = dataset
    assert (apple.name, xy(apple), xy(bbc), new.fixations) == ("apple(3)", [(0, 0), (39, 29)], [(7, 3)], None)
    assert apple.fixations.viewer is None
    assert dataset.unmatched == ("eyeMaps/all5/gone.png",)
    assert sound(dataset)


def test_fiwi_refuses_a_blurred_map_for_points(tmp_path):
    trees.picture(tmp_path / "stimuli/bbc.png")
    trees.blob(tmp_path / "eyeMaps/all5/bbc.png")
    with pytest.raises(DatasetError, match=r"bbc\.png: .* neither points nor counts"):
        _ = open_dataset(tmp_path).stimuli[0].fixations


# All fixations of a set in one file


def packed(root, **changes):
    trees.picture(root / "stimuli/a(1).png")
    trees.picture(root / "stimuli/b.png")
    arrays = {
        "names": np.array(["a(1).png", "b.png", "c.png"]),
        "offsets": np.array([0, 2, 2, 3]),
        "xy": np.array([[0.5, 1], [39, 29], [5, 5]], np.float32),
        "viewer": np.array([0, 3, 1], np.int16),
    }
    arrays |= changes
    np.savez(root / "fixations.npz", **{name: array for name, array in arrays.items() if array is not None})


def test_packed_fixations_belong_to_pictures_by_their_offsets(tmp_path):
    packed(tmp_path)
    dataset = open_dataset(tmp_path)
    a, b = dataset
    assert (dataset.layout, dataset.name, dataset.unmatched) == (
        "packed",
        tmp_path.name,
        ("fixations.npz: c.png",),
    )
    assert (xy(a), a.fixations.viewer.tolist(), len(b.fixations)) == ([(0.5, 1), (39, 29)], [0, 3], 0)
    packed(tmp_path, viewer=None)
    assert open_dataset(tmp_path).stimuli[0].fixations.viewer is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"xy": None}, "no array 'xy'"),
        ({"offsets": np.array([0, 2, 3])}, "do not fit together"),
        ({"offsets": np.array([0, 2, 1, 3])}, "offsets must rise"),
        ({"offsets": np.array([0, 2, 2, 9])}, "offsets must rise"),
        ({"names": np.array([{}, {}, {}])}, "not an npz file"),
        ({"xy": np.ones((3, 3))}, "do not fit together"),
        ({"names": np.array(["a/1.png", "b/1.png", "c.png"])}, "names 1.png twice"),
        ({"xy": np.array([[0.5, 1], [0.1, 0.2], [0.7, 0.3]])}, "coordinates lie between 0 and 1"),
    ],
)
def test_packed_fixations_that_do_not_add_up_are_refused(tmp_path, changes, reason):
    packed(tmp_path, **changes)
    with pytest.raises(DatasetError, match=rf"fixations\.npz: .*{reason}"):
        open_dataset(tmp_path)


@pytest.mark.shared
def test_fiwi_as_it_is_passed_on_is_read(shared):
    dataset = open_dataset(shared / "data/designs/fiwi51")
    assert (dataset.name, dataset.layout, len(dataset), dataset.unmatched) == ("fiwi51", "packed", 26, ())
    assert sum(len(stimulus.fixations) for stimulus in dataset) == 5149
    assert max(len(np.unique(stimulus.fixations.viewer)) for stimulus in dataset) == 11
