"""Reading videos: upright frames with their times, damage, and files that are none."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from salgan.errors import VideoError
from salgan.video import Video
from tests.video import clips

ORIENTATIONS = [(a, 0, 0, d) for a in (1, -1) for d in (1, -1)] + [
    (0, b, c, 0) for b in (1, -1) for c in (1, -1)
]


def _read(path):
    with Video(path) as video:
        frames = [(frame.picture, frame.time) for frame in video.frames()]
        return [picture for picture, _ in frames], [time for _, time in frames], video


def _close(picture, expected, tolerance=10):
    """Whether two pictures agree but for what compression does; edges, which blur, are left out."""
    assert picture.shape == expected.shape
    inner = np.abs(picture.astype(int) - expected)[4:-4:5, 4:-4:5]
    return np.median(inner) <= tolerance / 2 and np.percentile(inner, 80) <= tolerance


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("c.mp4", "libx264"),
        ("c.mkv", "libx264"),
        ("c.webm", "libvpx"),
        ("c.avi", "mpeg4"),
        ("c.ts", "libx264"),
    ],
)
def test_every_container_gives_its_frames_in_order_with_their_times(tmp_path, name, codec):
    levels = [30, 60, 90, 120, 150, 180, 210]
    path = clips.make(tmp_path / name, [clips.flat(level) for level in levels], codec=codec)
    pictures, times, video = _read(path)
    assert [round(float(picture.mean()) / 30) * 30 for picture in pictures] == levels
    assert all(picture.dtype == np.uint8 and picture.shape == (48, 64, 3) for picture in pictures)
    assert np.allclose([float(time) for time in times], np.arange(7) / 25, atol=0.002)
    assert (video.width, video.height, video.damage) == (64, 48, None)
    assert video.frame_count == pytest.approx(7, abs=1)


def test_colours_come_out_alike_whatever_matrix_and_range_the_file_uses(tmp_path):
    picture = clips.quarters()
    for number, options in enumerate([{}, {"bt709": True}, {"full_range": True}]):
        path = clips.make(tmp_path / f"{number}.mp4", [picture] * 3, **options)
        assert _close(_read(path)[0][0], picture), options


@pytest.mark.parametrize(("a", "b", "c", "d"), ORIENTATIONS)
def test_rotated_and_mirrored_frames_are_shown_upright(tmp_path, a, b, c, d):
    picture = clips.quarters((64, 32))
    path = clips.turn(clips.make(tmp_path / "c.mp4", [picture] * 2), a, b, c, d)
    rows, columns = np.mgrid[:32, :64]
    x, y = a * columns + c * rows, b * columns + d * rows
    x, y = x - x.min(), y - y.min()
    shown = np.empty((y.max() + 1, x.max() + 1, 3), dtype=np.uint8)
    shown[y, x] = picture
    pictures, _, video = _read(path)
    assert _close(pictures[0], shown)
    assert (video.width, video.height) == shown.shape[1::-1]


def test_variable_frame_rates_keep_every_time(tmp_path):
    ticks = [0, 40, 80, 500, 510, 1900]
    path = clips.make(tmp_path / "c.mkv", [clips.flat(99)] * 6, ticks=ticks, tick=Fraction(1, 1000))
    assert _read(path)[1] == [Fraction(tick, 1000) for tick in ticks]


def test_a_stream_without_times_gets_those_of_its_rate(tmp_path):
    path = clips.make(tmp_path / "c.h264", [clips.flat(99)] * 5, format="h264")
    times = _read(path)[1]
    assert times[0] == 0
    assert np.allclose(np.diff([float(time) for time in times]), 1 / 25)


def test_frames_of_an_avi_file_that_refer_to_later_ones_have_the_times_they_are_shown_at(tmp_path):
    pictures = [np.roll(clips.quarters(), 3 * n, axis=1) for n in range(30)]
    source = clips.make(tmp_path / "c.avi", pictures, later_frames=3)
    with Video(source) as video:
        frames = [(frame.time, frame.picture) for frame in video.frames()]
    assert [time for time, _ in frames] == [Fraction(n, clips.RATE) for n in range(30)]
    for (_, shown), picture in zip(frames, pictures, strict=True):
        assert np.abs(shown.astype(int) - picture).mean() < 12


def test_times_start_at_the_start_of_the_file(tmp_path):
    path = clips.make(tmp_path / "c.mkv", [clips.flat(99)] * 3, ticks=[250, 251, 252])
    assert [float(time) for time in _read(path)[1]] == pytest.approx([0, 0.04, 0.08])


def test_a_stream_that_changes_its_size_and_turns_its_clock_back_goes_on(tmp_path):
    first = clips.make(tmp_path / "a.ts", [clips.quarters((64, 48))] * 10)
    second = clips.make(tmp_path / "b.ts", [clips.quarters((96, 80))] * 10)
    path = tmp_path / "c.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    pictures, times, _ = _read(path)
    assert len(pictures) >= 18
    assert all(_close(picture, clips.quarters((64, 48)), 20) for picture in pictures)
    assert all(later > earlier for earlier, later in pairwise(times))


def test_odd_sizes_are_read_whole(tmp_path):
    path = clips.make(tmp_path / "c.mp4", [clips.quarters((65, 47))] * 2, pixels="yuv444p")
    assert _close(_read(path)[0][0], clips.quarters((65, 47)))


@pytest.mark.parametrize(("name", "codec"), [("c.mp4", "libx264"), ("c.mkv", "libx264"), ("c.avi", "mpeg4")])
def test_of_a_file_that_was_cut_off_everything_up_to_there_is_read(tmp_path, name, codec):
    pictures = [clips.noise(number) for number in range(50)]
    path = clips.cut(clips.make(tmp_path / name, pictures, codec=codec, sound="mp3", first_early=True), 0.5)
    read, times, video = _read(path)
    assert 15 < len(read) < 35
    assert times[-1] < Fraction(3, 2)
    assert "of 2.0 s" in video.damage


def test_a_hole_in_the_middle_is_passed_over(tmp_path):
    path = clips.make(tmp_path / "c.mp4", [clips.noise(n) for n in range(60)], first_early=True)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 30_000] = bytes(30_000)
    path.write_bytes(content)
    pictures, times, video = _read(path)
    assert 20 < len(pictures) < 60
    assert times[-1] > 2  # it went on behind the hole
    assert "damaged" in video.damage


def test_frames_of_too_many_pixels_are_refused_at_the_start_and_on_the_way(tmp_path, monkeypatch):
    small = clips.make(tmp_path / "a.ts", [clips.quarters((64, 48))] * 10)
    large = clips.make(tmp_path / "b.ts", [clips.quarters((96, 80))] * 10)
    monkeypatch.setattr("salgan.video.reading.MAX_PIXELS", 5000)
    with pytest.raises(VideoError, match=r"megapixels \(96×80\)"):
        Video(large)
    path = tmp_path / "c.ts"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    pictures, _, video = _read(path)
    assert 8 <= len(pictures) <= 10
    assert "damaged" in video.damage


def _text(path):
    path.write_text("no video at all\n" * 100)


def _folder(path):
    path.mkdir()


def _only_a_header(path):
    path.write_bytes(b"YUV4MPEG2 W64 H48 F25:1 C420jpeg\n")


def _picture(path):
    from PIL import Image

    Image.fromarray(clips.quarters()).save(path, format="PNG")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.touch(), "is empty"),
        (_text, "is not a video in a known format"),
        (_folder, "is a folder"),
        (_only_a_header, "no frame that can be decoded"),
        (_picture, "is not a video"),
        (lambda path: clips.music(path, "aac"), "holds sound but no video"),
    ],
)
def test_what_is_no_video_is_refused_in_one_line(tmp_path, make, words):
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(VideoError, match=words) as caught:
        Video(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_an_mp4_file_whose_end_with_the_index_is_missing_is_refused(tmp_path):
    path = clips.cut(clips.make(tmp_path / "c.mp4", [clips.noise(n) for n in range(10)]), 0.6)
    with pytest.raises(VideoError, match="damaged or cut off"):
        Video(path)


def test_the_cover_of_a_piece_of_music_is_no_video(tmp_path):
    path = clips.music(tmp_path / "c.mp4", "aac", cover=True)
    with pytest.raises(VideoError, match="sound but no video"):
        Video(path)


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
    ],
)
def test_a_playlist_cannot_make_us_open_another_file(tmp_path, playlist):
    secret = clips.make(tmp_path / "secret.ts", [clips.flat(99)] * 3)
    for target in (secret.name, str(secret), secret.as_uri()):
        path = tmp_path / "clip.mp4"
        path.write_text(playlist.format(target))
        with pytest.raises(VideoError):
            Video(path)
