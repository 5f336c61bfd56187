"""Which sources are found, and that nothing which people may miss is passed over in silence."""

import os
from pathlib import Path

import pytest
from PIL import Image

from salgan.errors import ConfigError, ImageError
from salgan.jobs import find_jobs


def _picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6)).save(path)
    return path


def test_files_of_a_folder_that_people_may_miss_are_counted_and_said(tmp_path):
    folder = tmp_path / "in"
    _picture(folder / "a.png")
    for name in ("clip.mp4", "tour.MOV", "logo.svg", "old.jp2", "notes.txt", ".hidden.svg", "a.overlay.mp4"):
        (folder / name).write_bytes(b"...")
    found = find_jobs([str(folder)], tmp_path / "out")
    assert [job.source.name for job in found.jobs] == ["a.png"]
    assert not found.errors
    assert found.left_out == [
        f"{folder}: 1 .mov, 1 .mp4 left out; videos must be named themselves",
        f"{folder}: 1 .svg left out; drawings must be named themselves",
        f"{folder}: 1 .jp2 left out, which are not read",
        f"{folder}: 1 .txt left out, which are not pictures",
    ]


@pytest.mark.parametrize("result", ["a.crop-16-9.png", "a.crop-1.91-1.jpg", "a.crop-400x300.webp"])
def test_crops_are_not_taken_for_pictures_unless_they_are_named(tmp_path, result):
    _picture(tmp_path / "in" / "a.png")
    crop = _picture(tmp_path / "in" / result)
    assert [job.source.name for job in find_jobs([str(tmp_path / "in")], tmp_path).jobs] == ["a.png"]
    assert [job.source.name for job in find_jobs([str(crop)], tmp_path).jobs] == [result]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_linked_folder_is_named_and_not_followed(tmp_path):
    _picture(tmp_path / "in" / "a.png")
    _picture(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "in" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    found = find_jobs([str(tmp_path / "in")], tmp_path / "out")
    assert [job.source.name for job in found.jobs] == ["a.png"]
    assert [line.partition(":")[0] for line in found.left_out] == [
        str(tmp_path / "in" / "loop"),
        str(tmp_path / "in" / "more"),
    ]
    assert len(find_jobs([str(tmp_path / "in" / "more")], tmp_path / "out").jobs) == 1


def test_a_folder_that_cannot_be_read_is_an_error_and_the_others_are_found(tmp_path, monkeypatch):
    _picture(tmp_path / "in" / "a.png")
    _picture(tmp_path / "in" / "closed" / "b.png")
    scan = os.scandir

    def refuse(path="."):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_jobs([str(tmp_path / "in")], tmp_path / "out")
    assert [job.source.name for job in found.jobs] == ["a.png"]
    assert [str(error) for error in found.errors] == [
        f"{tmp_path / 'in' / 'closed'}: cannot be read (Permission denied)"
    ]


def test_a_source_that_gives_nothing_does_not_hide_the_others(tmp_path):
    (tmp_path / "empty").mkdir()
    sources = [tmp_path / "none.jpg", tmp_path / "empty", tmp_path / "*.webp", _picture(tmp_path / "a.png")]
    found = find_jobs([str(source) for source in sources], tmp_path / "out")
    assert len(found.jobs) == 1
    assert [type(error) for error in found.errors] == [ImageError] * 3


def test_the_format_matters_only_for_what_is_saved(tmp_path):
    photo = str(_picture(tmp_path / "a.png"))
    assert find_jobs([photo], tmp_path, save=["overlay"], format="mp4").jobs[0].map_path is None
    with pytest.raises(ConfigError, match="'mp4' is none of npy"):
        find_jobs([photo], tmp_path, save=["map"], format="mp4")
