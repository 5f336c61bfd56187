"""``salgan crop``: what it writes, what it never overwrites, and how it fails."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan.crop import best
from salgan.errors import NotEnoughMemoryError
from salgan.models.predictor import Predictor


def _photo(path: Path, **options: object) -> Path:
    """120×60, bright, and so salient, at its right end."""
    picture = np.full((60, 120, 3), 20, dtype=np.uint8)
    picture[:, 90:] = 240
    Image.fromarray(picture).save(path, **options)
    return path


def _read(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
    return image


def test_each_ratio_and_size_gives_a_file_of_that_shape(tmp_path, model, salgan):
    photo, out = _photo(tmp_path / "photo.jpg"), tmp_path / "out"
    said = salgan(
        *("crop", photo, "--ratio", "1:1", "--ratio", "16:9", "--size", "40x30", "-o", out, "--model", model)
    )
    assert (said.code, said.err) == (0, "")
    sizes = {path.name: _read(path).size for path in out.iterdir()}
    assert sizes == {
        "photo.crop-1-1.jpg": (60, 60),
        "photo.crop-16-9.jpg": (107, 60),
        "photo.crop-40x30.jpg": (40, 30),
    }
    assert _read(out / "photo.crop-1-1.jpg").format == "JPEG"
    for name in sizes:
        assert str(out / name) in said.out


def test_the_crop_shows_the_salient_part_of_the_picture(tmp_path, model, salgan):
    photo, out = _photo(tmp_path / "photo.png"), tmp_path / "out"
    assert salgan("crop", photo, "--ratio", "1:1", "-o", out, "--model", model).code == 0
    (crop,) = best(Predictor(model).predict(photo), [(60, 60)])
    assert crop.left > 30  # right of the centre
    part = np.asarray(_read(out / "photo.crop-1-1.png"))
    assert np.array_equal(part, np.asarray(_read(photo))[:, crop.left : crop.left + 60])


def test_the_json_holds_places_and_figures(tmp_path, model, salgan):
    photo, out, target = _photo(tmp_path / "photo.png"), tmp_path / "out", tmp_path / "crops.json"
    arguments = ("crop", photo, "--ratio", "1:1", "--size", "20x40", "--model", model, "--json")
    assert salgan(*arguments, target, "-o", out).code == 0
    report = json.loads(target.read_text())
    assert report["schema"] == "salgan.crop/1"
    assert report["picture"] == {"path": str(photo), "width": 120, "height": 60}
    square, tall = report["crops"]
    assert (square["for"], square["file"]) == ("1:1", str(out / "photo.crop-1-1.png"))
    assert (tall["for"], tall["box"]["width"], tall["box"]["height"]) == ("20x40", 30, 60)
    (expected,) = best(Predictor(model).predict(photo), [(60, 60)])
    assert {key: square[key] for key in expected.document()} == expected.document()
    only_figures = json.loads(salgan(*arguments, "-").out)
    assert [each["file"] for each in only_figures["crops"]] == [None, None]
    assert only_figures["crops"][0]["box"] == square["box"]


def test_without_a_folder_nothing_is_written(tmp_path, model, salgan):
    photo = _photo(tmp_path / "photo.png")
    before = sorted(tmp_path.iterdir())
    said = salgan("crop", photo, "--ratio", "1:1", "--model", model)
    assert said.code == 0
    assert said.out.splitlines()[0].split()[:2] == ["crop", "window"]
    assert sorted(tmp_path.iterdir()) == before


def test_results_that_are_there_are_kept_unless_told_otherwise(tmp_path, model, salgan):
    photo, out = _photo(tmp_path / "photo.png"), tmp_path / "out"
    out.mkdir()
    kept = out / "photo.crop-1-1.png"
    kept.write_text("kept")
    arguments = ("crop", photo, "--ratio", "1:1", "--ratio", "2:1", "-o", out, "--model", model)
    said = salgan(*arguments)
    assert said.code == 1
    assert "photo.crop-1-1.png exists already; add --skip-existing or --overwrite" in said.err
    assert [path.name for path in out.iterdir()] == ["photo.crop-1-1.png"]
    assert salgan(*arguments, "--skip-existing").code == 0
    assert "photo.crop-1-1.png and 1 more exist already; add" in salgan(*arguments).err
    assert kept.read_text() == "kept"
    assert (out / "photo.crop-2-1.png").exists()
    assert salgan(*arguments, "--overwrite").code == 0
    assert _read(kept).size == (60, 60)


def test_a_photo_on_its_side_is_cropped_upright_once(tmp_path, model, salgan):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo, out = _photo(tmp_path / "photo.jpg", exif=exif, quality=95), tmp_path / "out"
    assert salgan("crop", photo, "--ratio", "1:1", "--ratio", "1:2", "-o", out, "--model", model).code == 0
    whole = _read(out / "photo.crop-1-2.jpg")
    assert whole.size == (60, 120)
    assert not whole.getexif()
    pixels = np.asarray(whole)
    assert pixels[110, 30].min() > 200  # the right end is at the bottom now
    assert pixels[10, 30].max() < 60


def test_transparency_and_the_colour_profile_are_kept(tmp_path, model, salgan):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.new("RGBA", (80, 40), (250, 0, 0, 0))
    picture.paste((240, 240, 240, 255), (60, 0, 80, 40))
    picture.save(tmp_path / "logo.png", icc_profile=profile)
    out = tmp_path / "out"
    assert salgan("crop", tmp_path / "logo.png", "--size", "20x20", "-o", out, "--model", model).code == 0
    crop = _read(out / "logo.crop-20x20.png")
    assert (crop.mode, crop.size) == ("RGBA", (20, 20))
    assert crop.info["icc_profile"] == profile


@pytest.mark.parametrize(
    ("name", "ending"), [("p.webp", ".webp"), ("p.tif", ".tif"), ("p.gif", ".png"), ("p.bmp", ".png")]
)
def test_the_format_of_the_picture_is_kept_where_it_suits_a_crop(tmp_path, model, salgan, name, ending):
    photo, out = _photo(tmp_path / name), tmp_path / "out"
    assert salgan("crop", photo, "--ratio", "1:1", "--size", "30x20", "-o", out, "--model", model).code == 0
    assert {path.name for path in out.iterdir()} == {f"p.crop-1-1{ending}", f"p.crop-30x20{ending}"}


def test_asking_twice_gives_one_crop(tmp_path, model, salgan):
    photo = _photo(tmp_path / "photo.png")
    said = salgan("crop", photo, "--ratio", "1:1", "--ratio", "1:1", "--model", model, "--json", "-")
    assert len(json.loads(said.out)["crops"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say which crops: --ratio 1:1"),
        (["--ratio", "1x1"], "form WIDTH:HEIGHT"),
        (["--size", "40:30"], "form WIDTHxHEIGHT"),
        (
            ["--size", "400x30"],
            "larger than the picture (120×60), which is never enlarged; ask for the ratio 400:30",
        ),
        (["--ratio", "1:1", "-o", "photo.png"], "is a file; -o names the folder"),
        (["--ratio", "1:1", "--skip-existing", "--overwrite"], "exclude each other"),
        (
            ["--ratio", "1:1", "--skip-existing"],
            "about the crops' files, and none are written; add -o FOLDER",
        ),
        (["--ratio", "1:1", "--json", "photo.png"], "exists already; add --overwrite"),
        (["--ratio", "1:1", "--json", "-", "--csv", "-"], "two tables cannot go to one stdout"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(tmp_path, monkeypatch, salgan, arguments, message):
    monkeypatch.chdir(tmp_path)
    _photo(tmp_path / "photo.png")
    said = salgan("crop", "photo.png", *arguments)
    assert (said.code, said.out) == (1, "")
    assert message in said.err
    assert said.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


def test_a_crop_of_cmyk_without_a_format_of_its_own_is_an_rgb_png(tmp_path, model, salgan):
    design, out = tmp_path / "design.psd", tmp_path / "out"
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 4, 60, 120, 8, 4)  # 4 channels of 8 bits, CMYK
    design.write_bytes(header + bytes(12 + 2) + bytes([255]) * (4 * 60 * 120))
    photo = _photo(tmp_path / "photo.png")
    said = salgan("crop", design, photo, "--ratio", "1:1", "-o", out, "--model", model)
    assert (said.code, said.err) == (0, "")
    made = _read(out / "design.crop-1-1.png")
    assert (made.mode, made.getpixel((0, 0))) == ("RGB", (255, 255, 255))
    assert (out / "photo.crop-1-1.png").exists()


def test_a_picture_that_fails_while_it_is_predicted_leaves_the_others(tmp_path, model, salgan, monkeypatch):
    first, second, out = _photo(tmp_path / "a.png"), _photo(tmp_path / "b.png"), tmp_path / "out"
    table, predict = tmp_path / "crops.csv", Predictor.predict

    def fails_once(self, picture):
        monkeypatch.setattr(Predictor, "predict", predict)
        raise NotEnoughMemoryError("a.png: there is not enough memory for it")

    monkeypatch.setattr(Predictor, "predict", fails_once)
    said = salgan("crop", first, second, "--ratio", "1:1", "-o", out, "--model", model, "--csv", table)
    assert said.code == 1 and "a.png: there is not enough memory" in said.err
    assert [path.name for path in out.iterdir()] == ["b.crop-1-1.png"]
    assert [line.split(",")[0] for line in table.read_text().splitlines()] == ["picture", str(second)]


def test_help_teaches_with_an_example(salgan):
    said = salgan("crop", "--help")
    assert said.code == 0
    assert "--ratio 1:1 --ratio 16:9 --size 400x300 -o out" in " ".join(said.out.split())


def test_a_size_too_large_for_one_of_many_pictures_leaves_its_other_crops(tmp_path, model, salgan):
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    _photo(folder / "a.png")
    Image.new("RGB", (30, 30), "red").save(folder / "small.png")
    arguments = ("--ratio", "1:1", "--size", "40x30", "--model", model)
    said = salgan("crop", folder, *arguments, "-o", out)
    assert {path.name for path in out.iterdir()} == {
        *("a.crop-1-1.png", "a.crop-40x30.png", "small.crop-1-1.png"),
    }
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "small.png: size 40x30 is larger than the picture (30×30)" in said.err


def test_many_pictures_are_cropped_and_a_broken_one_is_named(tmp_path, model, salgan):
    folder, out, table = tmp_path / "photos", tmp_path / "out", tmp_path / "crops.csv"
    (folder / "sub").mkdir(parents=True)
    _photo(folder / "a.png")
    _photo(folder / "sub" / "b.jpg")
    (folder / "broken.png").write_text("no picture")
    report = tmp_path / "crops.json"
    said = salgan(
        *("crop", folder, "--ratio", "1:1", "--ratio", "2:1", "-o", out, "--model", model),
        *("--json", report, "--csv", table),
    )
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "broken.png: is not a picture" in said.err
    made = {str(path.relative_to(out)) for path in out.rglob("*.*")}
    below = str(Path("sub") / "b.crop-1-1.jpg")
    assert made == {"a.crop-1-1.png", "a.crop-2-1.png", below, below.replace("1-1", "2-1")}
    document = json.loads(report.read_text())
    assert document["schema"] == "salgan.crop.many/1"
    assert [len(each["crops"]) for each in document["pictures"]] == [2, 2]
    header, *rows = table.read_text().splitlines()
    assert header == "picture,for,left,top,width,height,kept,centre_kept,focal_x,focal_y,file"
    assert [row.split(",")[1] for row in rows] == ["1:1", "2:1", "1:1", "2:1"]
    assert said.out.splitlines()[0].split()[:2] == ["picture", "crop"]
    again = salgan("crop", folder / "a.png", folder / "sub", "--ratio", "1:1", "-o", out, "--model", model)
    assert again.code == 1
    assert "exists already; add --skip-existing" in again.err
    quiet = salgan("crop", folder / "a.png", "--ratio", "1:1", "--model", model, "--quiet")
    assert (quiet.code, quiet.out) == (0, "")
