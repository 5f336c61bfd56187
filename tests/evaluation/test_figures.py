"""Level sets and figures."""

import numpy as np
import pytest
from PIL import Image

from salgan.errors import SalganError
from salgan.evaluation.figures import (
    SHARES,
    Curve,
    Example,
    examples_figure,
    history_figure,
    level_set_length,
    level_sets_figure,
    levels,
    save,
)
from salgan.evaluation.intervals import Interval


def cone(height=301, width=401):
    y, x = np.mgrid[:height, :width]
    return -np.hypot(x - width // 2, y - height // 2)


def test_level_sets_of_a_cone_are_circles_of_known_length():
    saliency = cone()
    inside = [share for share in SHARES if np.sqrt(share * saliency.size / np.pi) < 150]
    from salgan.evaluation.figures import lines

    for share, level in zip(SHARES, levels(saliency), strict=True):
        if share in inside:
            length = sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in lines(saliency, level))
            assert length == pytest.approx(2 * np.sqrt(np.pi * share * saliency.size), rel=0.01)
    assert len(inside) >= 4


def test_contrast_and_scale_do_not_change_smoothness():
    saliency = cone()
    length = level_set_length(saliency)
    assert level_set_length(np.exp(saliency / 60)) == pytest.approx(length, rel=0.01)
    assert level_set_length(cone(151, 201)) == pytest.approx(length, rel=0.02)


def test_noise_makes_level_sets_longer():
    rng = np.random.default_rng(0)
    lengths = [level_set_length(cone() + amount * rng.normal(size=(301, 401))) for amount in (0, 0.5, 2, 8)]
    assert lengths == sorted(lengths)
    assert lengths[-1] > 5 * lengths[0]


def test_a_flat_map_has_no_level_sets():
    assert level_set_length(np.ones((20, 30))) == 0


def example(name="a"):
    rng = np.random.default_rng(1)
    maps = {"ground truth": rng.random((30, 40)), "flat": np.ones((30, 40)), "plateau": np.eye(30, 40)}
    return Example(name, rng.integers(0, 255, (30, 40, 3), dtype=np.uint8), maps, "NSS +0.1")


@pytest.mark.parametrize("draw", [examples_figure, level_sets_figure])
def test_figures_of_maps_are_written_as_pdf_and_png(draw, tmp_path):
    files = save(
        draw([example(), example("a/very/long/name/of/a/picture/indeed")]), tmp_path / "new" / "figure"
    )
    assert files[0].read_bytes().startswith(b"%PDF")
    with Image.open(files[1]) as image:
        assert image.width == 1400
    with pytest.raises(SalganError, match="at least one picture"):
        draw([])


def test_all_maps_share_one_colour_scale():
    figure = examples_figure([example(), example("b")])
    limits = {
        image.get_clim() for axis in figure.axes for image in axis.get_images() if image.get_array().ndim == 2
    }
    assert limits == {(0, 1)}


def test_histories_have_a_line_and_a_band_per_model_and_metric(tmp_path):
    points = [Interval(0.5 + n / 10, 0.4 + n / 10, 0.6 + n / 10, 9) for n in range(3)]
    curves = [
        Curve("BCE", [1, 2, 3], {"nss": points, "cc": points}),
        Curve("GAN", [2, 3], {"nss": points[1:], "cc": points[1:]}),
    ]
    figure = history_figure(curves, ["nss", "cc"], begin=2)
    assert [axis.get_title() for axis in figure.axes] == ["NSS ↑", "CC ↑"]
    for axis in figure.axes:
        drawn = [line for line in axis.get_lines() if len(line.get_xdata()) in (2, 3)]
        assert [list(line.get_xdata()) for line in drawn[:2]] == [[1, 2, 3], [2, 3]]
        assert list(drawn[0].get_ydata()) == [0.5, 0.6, 0.7]
        assert len(axis.collections) == 2
    save(figure, tmp_path / "history")


def test_the_callers_matplotlib_settings_stay_as_they_are():
    import matplotlib

    before = matplotlib.rcParams["font.size"]
    examples_figure([example()])
    assert matplotlib.rcParams["font.size"] == before


def test_equal_figures_are_equal_files(tmp_path):
    first, second = (save(examples_figure([example()]), tmp_path / name) for name in ("a", "b"))
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
