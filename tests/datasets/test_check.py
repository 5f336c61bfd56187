"""``salgan data check``: everything odd, by name, and a contact sheet to look at."""

import numpy as np
import pytest
from PIL import Image

from salgan.datasets import Dataset, Fixations, Stimulus, open_dataset, synthetic
from salgan.datasets.check import check
from salgan.datasets.sheet import contact_sheet
from salgan.errors import DatasetError, SalganError
from tests.datasets import _trees as trees


@pytest.fixture
def messy(tmp_path):
    """A plain folder in which everything that can be wrong is."""
    root = tmp_path / "messy"
    for name in ("broken", "empty", "good", "lonely", "mapless", "offside", "small_map", "text"):
        trees.picture(root / f"images/{name}.png")
        if name != "mapless":
            trees.blob(root / f"maps/{name}.png")
    (root / "fixations").mkdir()
    for name in ("broken", "good", "mapless", "small_map"):
        (root / f"fixations/{name}.csv").write_text("x,y,viewer\n1,2,0\n3,4,1\n")
    (root / "fixations/offside.csv").write_text("x,y,viewer\n1,2,0\n-9,4,1\n3,nan,1\n")
    (root / "fixations/empty.csv").write_text("x,y,viewer\n")
    (root / "fixations/text.csv").write_text("x,y\nhello,1\n")
    (root / "fixations/stray.csv").write_text("x,y\n1,1\n")
    (root / "images/broken.png").write_bytes((root / "images/broken.png").read_bytes()[:500])
    trees.blob(root / "maps/small_map.png", 20, 20)
    return root


def test_the_report_names_everything_that_is_odd(messy):
    ticks = []
    report = check(open_dataset(messy), on_progress=lambda *told: ticks.append(told))
    assert len(ticks) == len(report.findings) == 8
    assert report.without_fixations == ("lonely",)
    assert report.without_map == ("mapless",)
    assert report.empty == ("empty",)
    assert report.outside == (("offside", 2),)
    assert report.dataset.unmatched == ("fixations/stray.csv",)
    broken, small, text = report.errors
    assert "broken.png" in broken
    assert "small_map.png: the map is 20×20 pixels" in small
    assert "text.csv, line 2: x is 'hello'" in text


def test_the_report_counts(messy):
    text = "\n".join(check(open_dataset(messy)).lines())
    assert text.startswith("messy, layout folder: 8 pictures\nsizes: 1, most often 40×30 (7)\n")
    assert "fixations: 9 on 5 pictures, 0 to 3 (median 2) each; 2 outside the picture" in text
    assert "fewest: empty (0), good (2)" in text
    assert "viewers: 0 to 2 per picture" in text
    assert "maps: 7" in text
    assert "pictures with fixations outside: 1\n  offside (2)" in text


def test_long_lists_are_cut_and_say_so(tmp_path):
    for index in range(5):
        trees.picture(tmp_path / f"images/{index}.png")
    text = "\n".join(check(open_dataset(tmp_path)).lines(limit=2))
    assert "pictures without fixations: 5\n  0\n  1\n  and 3 more" in text


def test_the_command_prints_the_report_writes_the_sheet_and_fails_on_what_cannot_be_read(
    messy, tmp_path, salgan
):
    said = salgan("data", "check", messy, "--sheet", tmp_path / "sheet.png")
    assert said.code == 1
    assert "cannot be used: 3" in said.out
    assert "Traceback" not in said.out + said.err
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 4 * 2 * 240


def test_the_command_is_content_with_a_good_set(tmp_path, salgan):
    assert salgan("data", "synthetic", tmp_path / "set", "-n", 4).code == 0
    said = salgan("data", "check", tmp_path / "set", "--layout", "folder")
    assert said.code == 0
    assert "set, layout folder: 4 pictures" in said.out
    assert "maps: 4" in said.out


def test_the_commands_say_a_users_mistake_in_one_line(tmp_path, salgan):
    for arguments in (
        ("check", tmp_path / "none"),
        ("check", tmp_path, "--layout", "salcon"),
        ("synthetic", trees.picture(tmp_path / "a.png")),
    ):
        said = salgan("data", *arguments)
        assert said.code == 1
        assert said.err.startswith("salgan: error: ")
        assert said.err.count("\n") == 1


def test_a_picture_that_is_not_there_does_not_stop_the_sheet(tmp_path):
    stimuli = tuple(
        Stimulus(name, path, fixations=Fixations([3], [3]), degree_of_longer_side=0.05)
        for name, path in (("a", trees.picture(tmp_path / "a.png")), ("b", tmp_path / "gone.png"))
    )
    contact_sheet(Dataset("two", None, stimuli), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 2 * 2 * 240


def test_the_sheet_shows_the_density_where_the_fixations_are(tmp_path):
    root = tmp_path / "set"
    (root / "images").mkdir(parents=True)
    Image.new("RGB", (238, 100), (0, 0, 255)).save(root / "images/a.png")
    (root / "fixations").mkdir()
    (root / "fixations/a.csv").write_text("x,y\n" + "200,50\n" * 5)
    out = contact_sheet(open_dataset(root), tmp_path / "sheet.png", sigma=8.0)
    with Image.open(out) as sheet:
        whole = np.asarray(sheet).astype(int)
    assert whole.shape[1] == 480
    title, pixels = whole[:44], whole[44:]
    assert (title.sum(axis=-1) < 200).sum() > 300  # two lines of text
    assert pixels[50, 200].tolist() == [255, 230, 0]
    assert pixels[50, 20].tolist() == [0, 0, 255]
    heat = pixels[:100, 240:478]
    assert heat[50, 200, 0] > 150
    assert heat[50, 20].tolist() == [0, 0, 255]
    # The overlay has one colour from the 99.5th percentile on: its middle is where people looked.
    top = np.argwhere(heat[..., 0] == heat[..., 0].max())
    assert top.mean(axis=0) == pytest.approx((50, 200), abs=1)


def test_the_sheets_title_names_the_set_the_number_and_the_density(tmp_path):
    from salgan.datasets.sheet import _title

    dataset = open_dataset(synthetic(tmp_path / "set", 3))
    shown = list(dataset)[:2]
    assert _title(dataset, shown, None) == ["set: 2 of 3 pictures", "density: published maps"]
    assert _title(dataset, shown, 8.0)[1] == "density: fixations, Gaussian of sigma 8 px"
    degrees = [stimulus.with_pixels_per_degree(31) for stimulus in shown]
    assert _title(dataset, degrees, None)[1] == "density: fixations, Gaussian of sigma 1 degree (31.0 px)"


def test_the_sheet_takes_pictures_from_all_over_the_set(tmp_path):
    dataset = open_dataset(synthetic(tmp_path / "set", 9))
    with Image.open(contact_sheet(dataset, tmp_path / "a.png", n=3)) as sheet:
        assert sheet.width == 3 * 2 * 240
    with Image.open(contact_sheet(dataset, tmp_path / "b.png", n=50)) as sheet:
        assert sheet.height > 3 * 150


def test_a_sheet_that_cannot_be_made_says_why(tmp_path):
    dataset = open_dataset(synthetic(tmp_path / "set", 1))
    with pytest.raises(DatasetError, match="at least one picture"):
        contact_sheet(dataset.select([]), tmp_path / "a.png")
    with pytest.raises(SalganError, match="cannot be written"):
        contact_sheet(dataset, tmp_path / "none" / "a.png")
