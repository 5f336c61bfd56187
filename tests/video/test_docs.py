"""The page about videos does what it says."""

import salgan
from salgan.models.predictor import Predictor
from tests import _fenced
from tests._onnx import tiny_model
from tests.video import clips

PAGE = "docs/video.md"


def test_the_python_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(salgan, "load_model", lambda: Predictor(tiny_model()), raising=False)
    clips.make(tmp_path / "clip.mp4", [clips.quarters()] * 3)
    code = _fenced.code(PAGE)
    exec(compile(code, PAGE, "exec"), {})  # noqa: S102
    assert "0.08 s: people look at (" in capsys.readouterr().out
    assert len(clips.read(tmp_path / "overlay.mp4")[0]) == 3
    assert (tmp_path / "frames.csv").read_text().startswith("frame,seconds,share:logo\n")
