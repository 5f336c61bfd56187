"""From a video to its files: overlays with sound, stacks of maps, shares over time."""

import csv
import errno
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from salgan import render
from salgan.errors import ConfigError, ModelError, SalganError
from salgan.models.predictor import Predictor
from salgan.regions import parse_box, shares
from salgan.saliency_map import SaliencyMap
from salgan.video import (
    DamagedVideoError,
    Video,
    VideoFiles,
    partial_path,
    predict_frames,
    predict_video,
)
from salgan.video.sound import Sound
from tests._onnx import tiny_model
from tests.video import clips


def _predict(source, files, predictor=None, **options):
    return list(predict_video(source, predictor or clips.Brightness(), files, **options))


def _packets(path):
    with av.open(str(path)) as container:
        return [
            (bytes(packet), float(packet.pts * packet.time_base))
            for packet in container.demux(audio=0)
            if packet.size
        ]


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def _keep(picture, saliency):
    """An overlay without heat, to compare with the source."""
    return picture


def test_the_overlay_is_the_source_with_heat_over_every_frame(tmp_path):
    pictures = [np.roll(clips.quarters(), 4 * step, axis=1) for step in range(6)]
    source = clips.make(tmp_path / "c.mp4", pictures)
    steps = _predict(source, VideoFiles(overlay=tmp_path / "o.mp4"))
    assert [(step.frames, step.total) for step in steps] == [(number, 6) for number in range(1, 7)]
    shown, times = clips.read(tmp_path / "o.mp4")
    assert times == clips.read(source)[1]
    with Video(source) as video:
        for frame, overlay in zip(video.frames(), shown, strict=True):
            expected = render.overlay(frame.picture, clips.Brightness().predict(frame.picture))
            assert np.median(np.abs(overlay.astype(int) - expected)) <= 8
            assert np.median(np.abs(overlay.astype(int) - frame.picture)) > 8


@pytest.mark.parametrize("options", [{}, {"bt709": True}, {"full_range": True}])
def test_colours_survive_the_way_into_the_overlay(tmp_path, options):
    source = clips.make(tmp_path / "c.mp4", [clips.quarters()] * 3, **options)
    _predict(source, VideoFiles(overlay=tmp_path / "o.mp4"), draw=_keep)
    assert np.percentile(np.abs(clips.read(tmp_path / "o.mp4")[0][0].astype(int) - clips.quarters()), 75) <= 8
    with av.open(str(tmp_path / "o.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.pix_fmt, context.colorspace, context.color_range) == ("yuv420p", 1, 1)


def test_variable_frame_rates_are_kept_in_the_overlay_and_the_table(tmp_path):
    ticks = [0, 40, 80, 500, 510, 1900]
    source = clips.make(tmp_path / "c.mkv", [clips.flat(99)] * 6, ticks=ticks, tick=Fraction(1, 1000))
    _predict(source, VideoFiles(overlay=tmp_path / "o.mp4", table=tmp_path / "t.csv"))
    assert clips.read(tmp_path / "o.mp4")[1] == [Fraction(tick, 1000) for tick in ticks]
    table = np.loadtxt(tmp_path / "t.csv", delimiter=",", skiprows=1)
    assert np.array_equal(table, [[number, tick / 1000] for number, tick in enumerate(ticks)])


def test_rotation_is_applied_once(tmp_path):
    source = clips.turn(clips.make(tmp_path / "c.mp4", [clips.quarters((64, 32))] * 2), 0, 1, -1, 0)
    _predict(source, VideoFiles(overlay=tmp_path / "o.mp4", maps=tmp_path / "m.npy"), draw=_keep)
    with av.open(str(tmp_path / "o.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (32, 64, 0)
    upright = np.rot90(clips.quarters((64, 32)), -1)
    assert np.percentile(np.abs(frame.to_ndarray(format="rgb24").astype(int) - upright), 75) <= 10
    assert np.load(tmp_path / "m.npy").shape == (2, 64, 32)


def test_an_odd_size_gets_its_last_row_and_column_twice_in_the_overlay_only(tmp_path):
    source = clips.make(tmp_path / "c.mp4", [clips.quarters((65, 47))] * 2, pixels="yuv444p")
    _predict(source, VideoFiles(overlay=tmp_path / "o.mp4", maps=tmp_path / "m.npy"), draw=_keep)
    shown = clips.read(tmp_path / "o.mp4")[0][0].astype(int)
    assert shown.shape == (48, 66, 3)
    assert np.percentile(np.abs(shown[:47, :65] - clips.quarters((65, 47))), 75) <= 10
    assert np.abs(shown[:, 65] - shown[:, 64]).mean() <= 6
    assert np.abs(shown[47] - shown[46]).mean() <= 6
    assert np.load(tmp_path / "m.npy").shape == (2, 47, 65)


def test_the_shape_of_pixels_is_kept(tmp_path):
    source = clips.make(tmp_path / "c.mp4", [clips.flat(99)] * 2, pixel_aspect=Fraction(4, 3))
    _predict(source, VideoFiles(overlay=tmp_path / "o.mp4"))
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize(("name", "codec"), [("c.mp4", "aac"), ("c.mkv", "libopus"), ("c.mkv", "libmp3lame")])
def test_sound_is_copied_byte_for_byte_at_its_time(tmp_path, name, codec):
    source = clips.make(tmp_path / name, [clips.flat(99)] * 30, sound=codec)
    _predict(source, VideoFiles(overlay=tmp_path / "o.mp4"))
    before, after = _packets(source), _packets(tmp_path / "o.mp4")
    assert [content for content, _ in after] == [content for content, _ in before]
    assert np.allclose([time for _, time in after], [time for _, time in before], atol=0.002)
    assert np.allclose(
        np.array(clips.read(tmp_path / "o.mp4")[1], float), np.array(clips.read(source)[1], float), atol=0.002
    )


@pytest.mark.parametrize(("name", "codec"), [("c.mov", "pcm_s16le"), ("c.mkv", "mp2")])
def test_sound_that_players_do_not_expect_in_an_mp4_file_is_encoded_anew(tmp_path, name, codec):
    source = clips.make(tmp_path / name, [clips.flat(99)] * 30, sound=codec)
    _predict(source, VideoFiles(overlay=tmp_path / "o.mp4"))
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(samples) / 48_000 == pytest.approx(30 / 25, abs=0.05)
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() * 48_000 / len(samples) == pytest.approx(440, abs=3)


def test_sound_that_an_mp4_file_does_not_take_is_encoded_anew(tmp_path):
    source = clips.make(tmp_path / "c.avi", [clips.flat(99)] * 30, sound="libmp3lame", sound_rate=8000)
    _predict(source, VideoFiles(overlay=tmp_path / "o.mp4"))
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        assert sum(1 for _ in container.decode(audio=0)) > 40


def test_sound_of_an_unknown_codec_is_left_out_and_said(tmp_path):
    source = clips.make(tmp_path / "c.mov", [clips.flat(99)] * 10, sound="aac")
    clips.with_unknown_sound(source)
    said = []
    list(predict_video(source, clips.Brightness(), VideoFiles(tmp_path / "o.mp4"), say=said.append))
    assert said == [f"{source}: the sound of stream 1 is left out (FFmpeg does not know its codec)"]
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert not container.streams.audio
    assert len(clips.read(tmp_path / "o.mp4")[0]) == 10


def test_sound_that_cannot_be_written_on_the_way_does_not_cost_the_pictures(tmp_path, monkeypatch):
    source = clips.make(tmp_path / "c.mp4", [clips.flat(99)] * 30, sound="aac")
    whole, packets = [], Sound.packets

    def refuse_the_fifth(self, packet):
        whole.append(packet)
        if len(whole) == 5:
            raise av.error.ArgumentError(22, "Invalid argument")
        return packets(self, packet)

    monkeypatch.setattr(Sound, "packets", refuse_the_fifth)
    said = []
    list(predict_video(source, clips.Brightness(), VideoFiles(tmp_path / "o.mp4"), say=said.append))
    assert said == [f"{source}: the sound of stream 1 is left out (it cannot be written: Invalid argument)"]
    assert len(clips.read(tmp_path / "o.mp4")[0]) == 30


def test_a_full_disk_is_said_with_the_name_that_was_asked_for(tmp_path, monkeypatch):
    def full(self, packet):
        raise av.error.OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Sound, "packets", full)
    source = clips.make(tmp_path / "c.mp4", [clips.flat(99)] * 5, sound="aac")
    (tmp_path / "out").mkdir()
    overlay = tmp_path / "out" / "o.mp4"
    with pytest.raises(SalganError) as raised:
        _predict(source, VideoFiles(overlay=overlay))
    assert str(raised.value) == f"{overlay}: cannot be written (No space left on device)"
    assert _names(tmp_path / "out") == []


def test_a_recording_that_starts_late_starts_at_zero_with_sound_and_picture_in_step(tmp_path):
    ticks = range(5, 35)
    source = clips.make(tmp_path / "c.ts", [clips.flat(99)] * 30, ticks=ticks, sound="aac", late=7.0)
    with av.open(str(source)) as container:
        assert container.start_time >= 6_900_000
    _predict(source, VideoFiles(overlay=tmp_path / "o.mp4"))
    lag = [_packets(path)[0][1] - float(clips.read(path)[1][0]) for path in (source, tmp_path / "o.mp4")]
    assert lag[0] == pytest.approx(-0.2, abs=0.05)
    assert lag[1] == pytest.approx(lag[0], abs=0.002)
    assert min(_packets(tmp_path / "o.mp4")[0][1], clips.read(tmp_path / "o.mp4")[1][0]) == 0


def test_the_stack_holds_the_maps_that_the_predictor_gives(tmp_path):
    predictor = Predictor(tiny_model())
    source = clips.make(tmp_path / "c.mp4", [np.roll(clips.quarters(), 5 * n, axis=0) for n in range(4)])
    _predict(source, VideoFiles(maps=tmp_path / "m.npy"), predictor)
    stack = np.load(tmp_path / "m.npy", mmap_mode="r")
    assert (stack.dtype, stack.shape) == (np.float32, (4, 48, 64))
    with Video(source) as video:
        for saliency, frame in zip(stack, video.frames(), strict=True):
            assert np.array_equal(saliency, predictor.predict(frame.picture).array)


def test_the_grey_video_shows_the_maps(tmp_path):
    class Ramp:
        def predict(self, picture):
            return SaliencyMap(np.broadcast_to(np.linspace(0, 1, 64), (48, 64)))

    source = clips.make(tmp_path / "c.mp4", [clips.flat(99)] * 4, sound="aac")
    _predict(source, VideoFiles(maps=tmp_path / "m.mp4"), Ramp())
    pictures, times = clips.read(tmp_path / "m.mp4")
    assert times == clips.read(source)[1]
    for picture in pictures:
        assert np.abs(picture - np.linspace(0, 255, 64)[None, :, None]).max() <= 4
    with av.open(str(tmp_path / "m.mp4")) as container:
        assert not container.streams.audio


def test_a_stride_leaves_frames_out_of_the_maps_but_not_out_of_the_overlay(tmp_path):
    source = clips.make(tmp_path / "c.mp4", [clips.flat(level) for level in range(40, 250, 30)])
    files = VideoFiles(tmp_path / "o.mp4", tmp_path / "m.npy", tmp_path / "t.csv")
    seen = []

    def draw(picture, saliency):
        seen.append((round(float(picture.mean()), -1), round(float(saliency.array.mean()) * 255, -1)))
        return picture

    predictor = clips.Brightness()
    _predict(source, files, predictor, stride=3, draw=draw)
    assert predictor.asked == 3
    assert seen == [(40, 40), (70, 40), (100, 40), (130, 130), (160, 130), (190, 130), (220, 220)]
    assert len(clips.read(files.overlay)[1]) == 7
    assert np.allclose(np.load(files.maps).mean(axis=(1, 2)) * 255, [40, 130, 220], atol=3)
    assert files.table.read_text() == "frame,seconds\n0,0.000000\n3,0.120000\n6,0.240000\n"


class _Batches(clips.Brightness):
    """A predictor that wants three pictures together."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def at_once(self, height, width):
        return 3

    def predict_batch(self, pictures):
        self.sizes.append(len(pictures))
        return [self.predict(picture) for picture in pictures]


@pytest.mark.parametrize(("stride", "sizes"), [(1, [3, 3]), (2, [3])])
def test_frames_go_through_a_network_together_where_it_wants_that_and_keep_their_maps(
    tmp_path, stride, sizes
):
    source = clips.make(tmp_path / "c.mp4", [clips.flat(level) for level in range(40, 250, 30)])
    found = {}
    for predictor in (clips.Brightness(), _Batches()):
        with Video(source) as video:
            found[predictor.name, type(predictor)] = [
                (frame.index, saliency.array)
                for frame, saliency in predict_frames(video.frames(), predictor, stride=stride, smooth=0.1)
            ]
    alone, together = found.values()
    assert [index for index, _ in together] == [index for index, _ in alone] == list(range(7))
    assert all(np.array_equal(one, other) for (_, one), (_, other) in zip(alone, together, strict=True))
    assert predictor.sizes == sizes  # a frame that is left alone at the end needs no batch


class _Step:
    """A predictor whose map goes from 0 to 1 after the first frame."""

    def __init__(self):
        self.level = 0.0

    def predict(self, picture):
        level, self.level = self.level, 1.0
        return SaliencyMap(np.full(picture.shape[:2], level))


@pytest.mark.parametrize("stride", [1, 2])
def test_smoothing_answers_a_step_as_an_exponential_of_time_whatever_the_frame_rate(tmp_path, stride):
    ticks = [0, 40, 80, 500, 510, 900, 1300]
    source = clips.make(tmp_path / "c.mkv", [clips.flat(99)] * 7, ticks=ticks, tick=Fraction(1, 1000))
    with Video(source) as video:
        levels = [
            (float(frame.time), float(saliency.array.mean()))
            for frame, saliency in predict_frames(video.frames(), _Step(), smooth=0.4, stride=stride)
            if frame.index % stride == 0
        ]
    for time, level in levels:
        assert level == pytest.approx(1 - np.exp(-time / 0.4), abs=1e-6)


def test_the_table_has_each_regions_share_of_each_map_and_the_timeline_shows_them(tmp_path):
    regions = [parse_box("logo, left:0,0,0.5,1"), parse_box("cta:40px,10px,20px,30px")]
    source = clips.make(tmp_path / "c.mp4", [np.roll(clips.quarters(), 6 * n, axis=1) for n in range(9)])
    files = VideoFiles(maps=tmp_path / "m.npy", table=tmp_path / "t.csv", timeline=tmp_path / "t.png")
    _predict(source, files, regions=regions)
    with files.table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["frame", "seconds", "share:logo, left", "share:cta"]
    for row, array in zip(rows, np.load(files.maps), strict=True):
        report = shares(SaliencyMap(array), regions)
        assert float(row["share:logo, left"]) == pytest.approx(report["logo, left"].share, rel=1e-6)
        assert float(row["share:cta"]) == pytest.approx(report["cta"].share, rel=1e-6)
    plot = np.asarray(Image.open(files.timeline).convert("RGB"))
    for colour in ((0, 114, 178), (213, 94, 0)):
        assert (plot == colour).all(axis=2).sum() > 200


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such name")
def test_names_that_are_no_formulas_and_no_text_are_drawn_all_the_same(tmp_path):
    source = clips.make(tmp_path / "c.mp4", [clips.quarters()])
    named = source.rename(tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    regions = [parse_box("off $\\x$:0,0,.5,.5"), parse_box("from $5 to $9:0,0,.5,1")]
    files = VideoFiles(table=tmp_path / "t.csv", timeline=tmp_path / "t.png")
    _predict(named, files, regions=regions)
    assert files.timeline.exists()


def test_a_cut_off_video_gives_its_files_and_then_says_so(tmp_path):
    source = clips.make(tmp_path / "c.mkv", [clips.noise(n) for n in range(50)])
    clips.cut(source, 0.5)
    files = VideoFiles(tmp_path / "o.mp4", tmp_path / "m.npy", tmp_path / "t.csv")
    with pytest.raises(DamagedVideoError, match=r"ends after 1\.\d of 2.0 s"):
        _predict(source, files)
    count = len(clips.read(files.overlay)[0])
    assert 15 < count < 40
    assert np.load(files.maps).shape == (count, 48, 64)
    assert len(files.table.read_text().splitlines()) == 1 + count


def test_what_is_stopped_is_playable_and_called_partial(tmp_path):
    source = clips.make(tmp_path / "c.mp4", [clips.noise(n) for n in range(30)], sound="aac")
    out = tmp_path / "out"
    out.mkdir()
    files = VideoFiles(out / "o.mp4", out / "m.npy", out / "t.csv", out / "t.png")
    steps = predict_video(source, clips.Brightness(), files, regions=[parse_box("cta:0,0,1,0.5")])
    for _ in range(12):
        next(steps)
    assert not any(path.exists() for path in files.paths)
    steps.close()
    assert _names(out) == ["m.partial.npy", "o.partial.mp4", "t.partial.csv"]
    assert len(clips.read(partial_path(files.overlay))[0]) == 12
    assert np.load(partial_path(files.maps)).shape == (12, 48, 64)
    assert len(partial_path(files.table).read_text().splitlines()) == 13


def test_a_failure_on_the_way_leaves_nothing_behind(tmp_path):
    class Failing(clips.Brightness):
        def predict(self, picture):
            if self.asked == 3:
                raise ModelError("the model cannot be run")
            return super().predict(picture)

    source = clips.make(tmp_path / "c.mp4", [clips.flat(99)] * 6, sound="aac")
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ModelError):
        _predict(source, VideoFiles(out / "o.mp4", out / "m.npy", out / "t.csv"), Failing())
    assert _names(out) == []


def test_a_folder_that_is_missing_is_said_in_one_line(tmp_path):
    source = clips.make(tmp_path / "c.mp4", [clips.flat(99)] * 2)
    for files in (VideoFiles(overlay=tmp_path / "no/o.mp4"), VideoFiles(table=tmp_path / "no/t.csv")):
        with pytest.raises(SalganError, match=r"cannot be written \(No such file"):
            _predict(source, files)


def test_maps_too_large_for_the_disk_are_refused_before_the_work(tmp_path, monkeypatch):
    source = clips.make(tmp_path / "c.mp4", [clips.flat(99)] * 10)
    need = 10 * 48 * 64 * 4
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": need - 1}))
    predictor = clips.Brightness()
    with pytest.raises(ConfigError, match="larger --stride"):
        _predict(source, VideoFiles(maps=tmp_path / "m.npy"), predictor)
    assert predictor.asked == 0
    _predict(source, VideoFiles(maps=tmp_path / "m.npy"), predictor, stride=2)
    assert np.load(tmp_path / "m.npy").shape == (5, 48, 64)


@pytest.mark.parametrize("options", [{"smooth": -1}, {"smooth": float("nan")}, {"stride": 0}])
def test_options_that_make_no_sense_are_refused(tmp_path, options):
    source = clips.make(tmp_path / "c.mp4", [clips.flat(99)] * 2)
    with pytest.raises(ConfigError):
        _predict(source, VideoFiles(overlay=tmp_path / "o.mp4"), **options)


def test_memory_does_not_grow_with_length(tmp_path):
    # The 450 frames behind the first 150 are 100 MB as pictures and 140 MB as maps.
    size = (320, 240)
    pictures = [np.roll(clips.quarters(size), 3 * n, axis=1) for n in range(30)]
    source = clips.make(tmp_path / "c.mp4", pictures * 20, codec="mpeg4", sound="aac")
    script = f"""
import resource, sys
from pathlib import Path
from salgan.regions import parse_box
from salgan.video import VideoFiles, predict_video
from tests.video.clips import Brightness
out = Path({str(tmp_path)!r})
files = VideoFiles(out / "o.mp4", out / "m.npy", out / "t.csv")
boxes = [parse_box("cta:0,0,0.5,0.5")]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for step in predict_video(Path({str(source)!r}), Brightness(), files, smooth=0.3, regions=boxes):
    if step.frames == 150:
        early = peak()
print(step.frames, early, peak())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0, done.stderr
    frames, early, late = map(int, done.stdout.split())
    unit = 1 if sys.platform == "darwin" else 1024
    assert frames == 600
    assert (late - early) * unit < 40e6
