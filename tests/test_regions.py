"""Regions: what counts as inside, what the shares say, and how regions are written and drawn."""

import json
import sys
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from salgan.errors import ConfigError, ImageError
from salgan.regions import (
    Region,
    draw,
    focal_points,
    parse_box,
    parse_polygon,
    read_regions,
    regions_from,
    shares,
)
from salgan.saliency_map import SaliencyMap


def _random_map(height: int, width: int, seed: int = 0) -> SaliencyMap:
    return SaliencyMap(np.random.default_rng(seed).random((height, width)))


def _full_coverage(region: Region, width: int, height: int) -> np.ndarray:
    rows, columns, weights = region.coverage(width, height)
    full = np.zeros((height, width))
    full[rows, columns] = weights
    return full


def _blobs(height: int, width: int, *places: tuple[float, float, float]) -> SaliencyMap:
    rows, columns = np.mgrid[0:height, 0:width]
    sigma = max(height, width) / 25
    return SaliencyMap(
        sum(v * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2)) for x, y, v in places)
    )


# Shares


def test_share_is_the_density_inside_and_lift_its_relation_to_the_area():
    saliency = _random_map(60, 80)
    found = shares(saliency, [parse_box("cta:20,15,40,30")])["cta"]
    inside = saliency.density[15:45, 20:60]
    assert found.share == pytest.approx(inside.sum(), rel=1e-9)
    assert found.area == pytest.approx(0.25)
    assert found.lift == pytest.approx(inside.sum() / 0.25, rel=1e-9)
    assert found.mean == pytest.approx(saliency.array[15:45, 20:60].mean(), rel=1e-6)
    assert found.peak == saliency.array[15:45, 20:60].max()
    assert found.inside == 1


def test_fractions_and_pixels_name_the_same_place():
    saliency = _random_map(60, 80)
    regions = [parse_box("a:0.25,0.25,0.5,0.5"), parse_box("b:20,15,40,30"), parse_box("c:25%,25%,50%,50%")]
    first, *others = (
        (each.share, each.area, each.mean, each.peak) for each in shares(saliency, regions).regions
    )
    assert all(other == pytest.approx(first, rel=1e-12) for other in others)


def test_the_whole_picture_has_all_attention_and_lift_1():
    report = shares(_random_map(7, 9), [parse_box("all:0,0,1,1")])
    assert report["all"].share == pytest.approx(1)
    assert report["all"].lift == pytest.approx(1)
    assert report.elsewhere_share == pytest.approx(0, abs=1e-9)
    assert report.elsewhere_area == pytest.approx(0, abs=1e-9)


def test_a_pixel_counts_in_the_part_that_is_covered():
    saliency = SaliencyMap(np.array([[0.2, 0.4], [0.6, 0.8]]))
    found = shares(saliency, [Region.of_box("a", 0.5, 0.25, 1.0, 1.0, "pixel")])["a"]
    weights = np.outer([0.75, 0.25], [0.5, 0.5])
    assert found.share == pytest.approx((weights * saliency.array).sum() / 2.0)
    assert found.area == pytest.approx(0.25)
    assert found.mean == pytest.approx((weights * saliency.array).sum())


def test_tiles_share_out_all_the_attention_wherever_their_borders_run():
    saliency = _random_map(31, 47)
    xs, ys = [0, 0.123, 0.5, 0.777, 1], [0, 0.31, 0.32, 1]
    tiles = [
        Region.of_box(f"{x} {y}", x, y, right - x, below - y, "fraction")
        for x, right in pairwise(xs)
        for y, below in pairwise(ys)
    ]
    report = shares(saliency, tiles)
    assert sum(each.share for each in report.regions) == pytest.approx(1)
    assert sum(each.area for each in report.regions) == pytest.approx(1)
    assert report.elsewhere_share == pytest.approx(0, abs=1e-6)


def test_overlapping_regions_are_measured_alone_and_elsewhere_counts_their_overlap_once():
    saliency = _random_map(20, 20)
    both = shares(saliency, [parse_box("left:0,0,12,20px"), parse_box("top:0,0,20,5px")])
    assert both["left"].share == pytest.approx(saliency.density[:, :12].sum())
    assert both["top"].share == pytest.approx(saliency.density[:5].sum())
    assert both.elsewhere_share == pytest.approx(saliency.density[5:, 12:].sum(), rel=1e-6)
    assert both.elsewhere_area == pytest.approx(15 * 8 / 400, rel=1e-6)


def test_what_lies_outside_the_picture_does_not_count():
    saliency = _random_map(20, 40)
    found = shares(saliency, [Region.of_box("a", -0.25, 0.5, 0.5, 1.0)])["a"]
    assert found.share == pytest.approx(saliency.density[10:, :10].sum())
    assert found.area == pytest.approx(0.125)
    assert found.inside == pytest.approx(0.25)


@pytest.mark.parametrize(
    "region",
    [
        Region.of_box("out", 2, 0, 1, 1, "fraction"),
        Region.of_box("out", 40, 0, 5, 5, "pixel"),  # touches the border only
        Region.of_polygon("out", [(-5, -5), (-1, -5), (-3, -2)], "pixel"),
    ],
)
def test_a_region_outside_the_picture_has_nothing_and_the_last_rank(region):
    report = shares(_random_map(20, 40), [region, parse_box("in:0,0,0.1,0.1")])
    found = report["out"]
    assert (found.share, found.area, found.inside) == (0, 0, 0)
    assert (found.lift, found.mean, found.peak, found.focal_points) == (None, None, None, ())
    assert (found.rank, report["in"].rank) == (2, 1)


def test_equal_shares_have_the_same_rank():
    flat = SaliencyMap(np.full((10, 10), 0.5))
    report = shares(flat, [parse_box("a:0,0,.2,.2"), parse_box("b:.5,.5,.5,.5"), parse_box("c:.4,0,.2,.2")])
    assert [each.rank for each in report.regions] == [2, 1, 2]


def test_a_map_of_zeros_counts_as_uniform():
    report = shares(SaliencyMap(np.zeros((10, 10))), [parse_box("a:0,0,0.5,0.5")])
    assert report["a"].share == pytest.approx(0.25)
    assert report["a"].lift == pytest.approx(1)
    assert report["a"].peak == 0
    assert report.elsewhere_share == pytest.approx(0.75)


def test_a_picture_of_one_pixel_has_shares():
    report = shares(SaliencyMap(np.array([[0.3]])), [parse_box("half:0,0,0.5,1")])
    assert report["half"].share == pytest.approx(0.5)
    assert report["half"].lift == pytest.approx(1)
    assert [(point.x, point.y) for point in report["half"].focal_points] == [(0.5, 0.5)]


@given(st.lists(st.tuples(*[st.floats(-3, 25)] * 2, *[st.floats(0.01, 30)] * 2), min_size=1, max_size=6))
@settings(max_examples=60)
def test_sums_over_cells_are_the_sums_over_pixels(boxes):
    """Against the definition: each pixel's attention times the part of it that a region covers."""
    saliency = _random_map(17, 23)
    regions = [Region.of_box(f"box {n}", *box, unit="pixel") for n, box in enumerate(boxes)]
    regions.append(Region.of_polygon("polygon", [(2.5, 1), (20, 3.25), (9, 15)], "pixel"))
    for asked in (regions, regions[:-1]):
        report = shares(saliency, asked)
        covered = [_full_coverage(region, 23, 17) for region in asked]
        for each, weights in zip(report.regions, covered, strict=True):
            assert each.share == pytest.approx((weights * saliency.density).sum(), abs=1e-9)
            assert each.area == pytest.approx(weights.mean(), abs=1e-12)
            inside = saliency.array[weights > 0]
            assert each.peak == (inside.max() if inside.size else None)
        union = np.minimum(1, sum(covered))
        assert report.elsewhere_share == pytest.approx(1 - (union * saliency.density).sum(), abs=1e-6)
        assert report.elsewhere_area == pytest.approx(1 - union.mean(), abs=1e-6)


def test_memory_does_not_grow_with_the_number_of_regions():
    saliency = SaliencyMap(np.full((1000, 1000), 0.5, np.float32))  # one plateau: every pixel is a maximum
    boxes = [Region.of_box(str(n), 0, 0, 1, 1 - n / 1000) for n in range(30)]
    polygons = [Region.of_polygon(f"p{n}", [(0, 0), (1, 0), (1, 1), (0, 1)], "fraction") for n in range(3)]
    tracemalloc.start()
    try:
        shares(saliency, boxes + polygons)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6  # one float64 for each pixel of each region would be 264 million bytes


def test_memory_does_not_grow_with_the_picture():
    y, x = np.mgrid[-1:1:2000j, -1:1:2000j].astype(np.float32)
    saliency = SaliencyMap(np.exp(-4 * (x * x + y * y)))
    corners = [[(0, 0), (1, 0), (1, 1), (0, 1 - n / 9)] for n in range(3)]
    regions = [Region.of_polygon(f"p{n}", each, "fraction") for n, each in enumerate(corners)]
    regions += [Region.of_box(str(n), 0, 0, 1, 1 - n / 9) for n in range(3)]
    tracemalloc.start()
    try:
        shares(saliency, regions)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < saliency.array.nbytes / 2


@pytest.mark.parametrize("levels", [1, 3, 1000])
def test_shares_are_the_same_in_bands_of_any_height(monkeypatch, levels):
    """Also where a plateau, of which the middle is looked for, spans several of them."""
    rng = np.random.default_rng(levels)
    saliency = SaliencyMap(rng.integers(1, levels + 1, (40, 30)).astype(np.float32) / levels)
    regions = [
        Region.of_polygon("triangle", [(2.5, 1), (28, 13.25), (9, 39.5)], "pixel"),
        Region.of_polygon("beyond", [(-9, -9), (50, -3), (20, 60)], "pixel"),
        Region.of_polygon("outside", [(-9, -9), (-5, -3), (-7, 60)], "pixel"),
        Region.of_polygon("bow tie", [(0, 0), (1, 1), (1, 0), (0, 0.9)], "fraction"),
        Region.of_box("box", 3.5, 4.25, 20, 30, "pixel"),
    ]
    whole = shares(saliency, regions).document()
    for pixels in (30, 7 * 30):
        monkeypatch.setattr("salgan.regions.bands._PIXELS", pixels)
        assert _rounded(shares(saliency, regions).document()) == _rounded(whole)


def _rounded(document):
    """JSON values whose sums may have been added up in another order."""
    if isinstance(document, dict):
        return {name: _rounded(value) for name, value in document.items()}
    if isinstance(document, list):
        return [_rounded(value) for value in document]
    return round(document, 10) if isinstance(document, float) else document


def test_the_edges_of_boxes_may_not_cut_a_picture_into_too_many_parts(monkeypatch):
    boxes = [Region.of_box(str(n), n, n, 0.5, 0.5, "pixel") for n in range(60)]
    assert len(shares(_random_map(60, 60), boxes).regions) == 60
    monkeypatch.setattr(sys.modules["salgan.regions.shares"], "_MOST_CELLS", 3599)
    with pytest.raises(ConfigError, match="the edges of 60 boxes cut this picture into"):
        shares(_random_map(60, 60), boxes)


def test_two_regions_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two regions are called 'a'"):
        shares(_random_map(5, 5), [parse_box("a:0,0,1,1"), parse_box("a:0,0,.5,.5")])
    with pytest.raises(KeyError):
        shares(_random_map(5, 5), [parse_box("a:0,0,1,1")])["b"]


@given(
    st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5), st.floats(0.001, 2), st.floats(0.001, 2)),
    st.integers(1, 12),
    st.integers(1, 12),
)
@settings(max_examples=100)
def test_shares_are_fractions_and_agree_with_what_is_elsewhere(box, height, width):
    report = shares(_random_map(height, width), [Region.of_box("a", *box, unit="fraction")])
    found = report["a"]
    assert 0 <= found.share <= 1
    assert 0 <= found.area <= 1 + 1e-12
    assert 0 <= found.inside <= 1
    assert found.share + report.elsewhere_share == pytest.approx(1, abs=1e-6)
    assert found.area + report.elsewhere_area == pytest.approx(1, abs=1e-6)


# Polygons


def test_a_polygon_with_the_corners_of_a_box_covers_what_the_box_covers():
    box = Region.of_box("box", 3.3, 2.2, 9.45, 4.8, "pixel")
    for corners in (box.corners, box.corners[::-1]):
        polygon = Region.of_polygon("polygon", corners, "pixel")
        assert np.allclose(_full_coverage(polygon, 20, 10), _full_coverage(box, 20, 10), atol=1e-12)


def _clipped_area(corners: list[tuple[float, float]], left: int, top: int) -> float:
    """Area of a convex polygon within one pixel, by clipping it at each side (Sutherland and Hodgman)."""
    for axis, sign, limit in ((0, 1, left), (0, -1, -left - 1), (1, 1, top), (1, -1, -top - 1)):
        kept = []
        for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
            from_start, from_end = sign * start[axis] - limit, sign * end[axis] - limit
            if from_start >= 0:
                kept.append(start)
            if (from_start >= 0) != (from_end >= 0):
                at = from_start / (from_start - from_end)
                kept.append(tuple(s + at * (e - s) for s, e in zip(start, end, strict=True)))
        corners = kept
        if not corners:
            return 0.0
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2


@given(st.lists(st.tuples(st.floats(-3, 9), st.floats(-3, 9)), min_size=3, max_size=3))
@settings(max_examples=80)
def test_the_coverage_of_a_triangle_is_exact_in_every_pixel(corners):
    try:
        region = Region.of_polygon("triangle", corners, "pixel")
    except ConfigError:
        return
    coverage = _full_coverage(region, 6, 5)
    expected = [[_clipped_area(list(region.corners), x, y) for x in range(6)] for y in range(5)]
    assert np.allclose(coverage, expected, atol=1e-8)


def test_a_polygon_may_have_a_notch():
    notched = Region.of_polygon(
        "u", [(0, 0), (2, 0), (2, 4), (4, 4), (4, 0), (6, 0), (6, 6), (0, 6)], "pixel"
    )
    coverage = _full_coverage(notched, 6, 6)
    assert coverage[:4, 2:4].max() == 0
    assert coverage.sum() == 28


def test_far_corners_cost_neither_memory_nor_exactness():
    huge = Region.of_polygon("huge", [(-1e9, -1e9), (1e9, -1e9), (1e9, 1e9), (-1e9, 1e9)], "pixel")
    assert _full_coverage(huge, 30, 20).min() == 1


# Focal points


def test_focal_points_are_the_hills_the_strongest_first():
    saliency = _blobs(120, 200, (40, 30, 0.9), (150, 90, 0.7), (150, 20, 0.2))
    points = focal_points(saliency)
    assert [(point.column, point.row) for point in points] == [(40, 30), (150, 90)]
    assert (points[0].x, points[0].y) == (40.5 / 200, 30.5 / 120)
    assert points[0].value == pytest.approx(0.9, abs=1e-4)


def test_a_bump_on_a_broad_hill_is_no_focal_point_of_its_own():
    rows, columns = np.mgrid[0:120, 0:200]
    broad = 0.8 * np.exp(-((columns - 90) ** 2 + (rows - 60) ** 2) / (2 * 80**2))
    broad[60, 115] += 0.005
    assert len(focal_points(SaliencyMap(broad))) == 1
    broad[40:80, 100:106] *= 0.5
    assert [point.column for point in focal_points(SaliencyMap(broad))] == [90, 115]


def test_focal_points_of_a_region_are_those_inside_it():
    saliency = _blobs(120, 200, (40, 30, 0.9), (150, 90, 0.7))
    report = shares(saliency, [parse_box("right:0.5,0,0.5,1"), parse_box("slope:0,50,200,5")])
    assert [(point.column, point.row) for point in report["right"].focal_points] == [(150, 90)]
    (slope,) = report["slope"].focal_points  # no hill inside, so where the slope is highest
    assert (slope.column, slope.row) == (40, 50)
    assert [(point.column, point.row) for point in report.focal_points] == [(40, 30), (150, 90)]


def test_of_a_plateau_the_middle_is_the_focal_point():
    array = np.zeros((50, 50))
    array[10:21, 20:31] = 1
    assert [(point.column, point.row) for point in focal_points(SaliencyMap(array))] == [(25, 15)]
    for level in (0.0, 0.4):
        (middle,) = focal_points(SaliencyMap(np.full((51, 31), level)))
        assert (middle.x, middle.y) == (0.5, 0.5)


# How regions are written


@pytest.mark.parametrize(
    ("text", "box", "unit"),
    [
        ("cta:0.6,0.8,0.3,0.1", (0.6, 0.8, 0.3, 0.1), "fraction"),
        ("cta: 60%, 80% ,30%,10%", (0.6, 0.8, 0.3, 0.1), "fraction"),
        ("cta:60,80,30,10%", (0.6, 0.8, 0.3, 0.1), "fraction"),
        ("cta:20,15,40,30", (20, 15, 40, 30), "pixel"),
        ("cta:0,0,1,1", (0, 0, 1, 1), "fraction"),
        ("cta:0,0,1,1px", (0, 0, 1, 1), "pixel"),
        ("cta:0px,0px,.5px,1e1px", (0, 0, 0.5, 10), "pixel"),
        ("cta:-0.1,-.1,+.3,1.", (-0.1, -0.1, 0.3, 1.0), "fraction"),
    ],
)
def test_a_box_on_the_command_line(text, box, unit):
    region = parse_box(text)
    assert region.name == "cta"
    assert region.box == pytest.approx(box)
    assert region.unit == unit


def test_a_name_may_hold_colons_and_spaces():
    assert parse_box("step 2: pay:0,0,.5,.5").name == "step 2: pay"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,0,1,1", "write NAME:X,Y,WIDTH,HEIGHT"),
        (":0,0,1,1", "write NAME:X,Y,WIDTH,HEIGHT"),
        ("a:0,0,1", "has 4 numbers"),
        ("a:0,0,1,x", "write NAME:X,Y,WIDTH,HEIGHT"),
        ("a:0,0,nan,1", "write NAME:X,Y,WIDTH,HEIGHT"),
        ("a:0,0,0,1", "above 0"),
        ("a:0,0,0.5,-0.5", "above 0"),
        ("a:1.2,0.5,0.1,0.1", "fractions or pixels"),
        ("a:10px,20%,30,40", "the same unit"),
        ("a:10px,20,30,40", "the same unit"),
        ("a:0,0,1e12,1", "between -1e9 and 1e9"),
        ("a\nb:0,0,1,1", "printable"),
    ],
)
def test_a_wrong_box_is_answered_with_what_to_write(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_box(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:0,0,1,1", "3 to 10000 corners, not 2"),
        ("a:0,0,1,1,1", "two numbers per corner"),
        ("a:0,0,0.5,0.5,1,1", "encloses no area"),
        ("a:0,0,1,1,1,0,0,1", "in order around it"),
    ],
)
def test_a_wrong_polygon_is_answered_with_what_to_write(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_polygon(text)


def test_of_a_polygon_that_crosses_itself_every_part_counts_towards_what_is_inside():
    # Two triangles that share a corner, one of them outside of the picture.
    bow = parse_polygon("a:-0.5,0,0.5,1,0.5,0,-0.4,0.8")
    covered = bow.coverage(2000, 2000)[2].sum()
    x = (0.5 * 8 / 9 - 0.5) / (1 + 8 / 9)  # where (-.5, 0) to (.5, 1) meets (.5, 0) to (-.4, .8)
    meeting = (x, x + 0.5)
    parts = [((0.5, 1), (0.5, 0), meeting), (meeting, (-0.4, 0.8), (-0.5, 0))]
    whole = 2000**2 * sum(_triangle(*part) for part in parts)
    assert bow.size(2000, 2000) == pytest.approx(whole, rel=2e-3)
    assert shares(SaliencyMap(np.ones((200, 200))), [bow])["a"].inside == pytest.approx(
        covered / whole, rel=5e-3
    )


def _triangle(*corners):
    (x0, y0), (x1, y1), (x2, y2) = corners
    return abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)) / 2


def test_files_of_regions_in_json_and_csv_say_the_same(tmp_path):
    boxes = [parse_box("a:0.1,0.2,0.3,0.4"), parse_box("b:10,20,30,40")]
    rows = [
        {"name": "a", "box": [0.1, 0.2, 0.3, 0.4]},
        {"name": "b", "box": [10, 20, 30, 40], "unit": "pixel"},
    ]
    (tmp_path / "r.json").write_text(json.dumps(rows))
    (tmp_path / "object.json").write_text(json.dumps({"version": 3, "regions": rows}))
    (tmp_path / "r.csv").write_text(
        "\ufeffname,x,y,w,h,unit\na,0.1,0.2,0.3,0.4,\n\n b , 10, 20, 30, 40, pixel\n", encoding="utf-8"
    )
    for name in ("r.json", "object.json", "r.csv"):
        assert read_regions(tmp_path / name) == boxes


def test_a_report_can_be_read_back_as_its_regions():
    regions = [parse_box("a:0.1,0.2,0.3,0.4"), parse_polygon("p:0,0,30,2,12,40")]
    document = shares(_random_map(50, 50), regions).document()
    assert document["schema"] == "salgan.regions/1"
    assert regions_from(json.loads(json.dumps(document, allow_nan=False))) == regions


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.txt", b"", "ends in .json or .csv"),
        ("none.json", None, "no such file"),
        ("r.json", b"{", "is not JSON"),
        ("r.json", b"[" * 100_000, "is not JSON"),
        ("r.json", b"\xff\xfe", "not UTF-8"),
        ("r.json", b"[]", "holds no regions"),
        ("r.json", b"3", "expected a list"),
        ("r.json", b"[3]", 'region 1: expected an object with "name"'),
        ("r.json", b'[{"name": 3, "box": [0, 0, 1, 1]}]', "region 1: expected"),
        ("r.json", b'[{"name": "a", "box": [0, 0, 1]}]', r"is \[x, y, width, height\]"),
        ("r.json", b'[{"name": "a", "box": [0, 0, 1, true]}]', "True is not a number"),
        ("r.json", b'[{"name": "a", "box": [0, 0, 1, NaN]}]', "between -1e9 and 1e9"),
        ("r.json", b'[{"name": "a", "box": [0, 0, 1, 1], "unit": "cm"}]', "not one of fraction, pixel"),
        ("r.json", b'[{"name": "a", "polygon": [0, 0, 1, 1]}]', "list of corners"),
        ("r.json", b'[{"name": "a", "polygon": [], "box": []}]', "either"),
        ("r.json", b'[{"name":"a","box":[0,0,1,1]},{"name":"a","box":[0,0,1,1]}]', "two regions"),
        ("r.csv", b"", "first line must be"),
        ("r.csv", b"name,x,y\n", "first line must be"),
        ("r.csv", b"name,x,y,w,h\na,0,0,1\n", "line 2 has 4 cells"),
        ("r.csv", b"name,x,y,w,h\na,0,0,1,z\n", "line 2: could not convert"),
        ("r.csv", b"name,x,y,w,h\n", "holds no regions"),
        (
            "r.csv",
            b"name,x,y,w,h\n" + b"".join(b"b%d,0,0,1,1\n" % number for number in range(20_000)),
            "holds 20,000 regions, and a file may hold 2,000",
        ),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_regions(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


# How they are drawn


def test_the_drawing_has_the_pictures_size_and_marks_the_borders_of_each_region():
    saliency = _blobs(300, 400, (200, 150, 1.0))
    picture = np.full((300, 400, 3), 60, np.uint8)
    report = shares(saliency, [Region.of_box("a", 100, 100, 200, 100, "pixel")])
    result = draw(picture, saliency, report, opacity=0)
    assert result.shape == picture.shape
    assert (result[150, 100] > 200).all()  # left side, white
    assert (result[150, 299] > 200).all()  # right side
    assert (result[199, 200] > 200).all()  # bottom
    assert np.array_equal(result[150, 200], [60, 60, 60])
    assert np.array_equal(result[250, 350], [60, 60, 60])
    assert (picture == 60).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_lines_stand_out_on_dark_and_light_pictures(level):
    saliency = _blobs(300, 400, (200, 150, 1.0))
    picture = np.full((300, 400, 3), level, np.uint8)
    result = draw(picture, saliency, shares(saliency, [Region.of_box("a", 100, 100, 200, 100, "pixel")]))
    profile = result[180, 90:112].mean(axis=1)
    assert np.ptp(profile) > 100


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (20, 20), (40, 300), (300, 40)])
def test_regions_are_drawn_on_pictures_of_any_size(size):
    saliency = _random_map(*size)
    regions = [parse_box("first:0,0,.5,.5"), parse_polygon("ünï:0.2,0.1,1,0,0.7,1"), parse_box("目:0,0,1,1")]
    regions.append(Region.of_box("outside", 3, 3, 1, 1, "fraction"))
    picture = np.zeros((*size, 3), np.uint8)
    assert draw(picture, saliency, shares(saliency, regions)).shape == picture.shape


def test_of_very_many_regions_the_strongest_get_a_label(monkeypatch):
    written = []
    monkeypatch.setattr(
        "salgan._drawing.Tags.add", lambda self, box, name, figures: written.append(name) or True
    )
    boxes = [Region.of_box(str(n), n, 0, 1, 100, "pixel") for n in range(300)]
    saliency = SaliencyMap(np.tile(np.arange(300) / 300, (100, 1)))
    draw(np.zeros((100, 300, 3), np.uint8), saliency, shares(saliency, boxes))
    assert written == [str(n) for n in range(299, 99, -1)]


def test_labels_keep_off_each_other():
    from salgan._drawing import Tags

    image = Image.new("RGB", (600, 400), "white")
    tags = Tags(image, 14)
    for number in range(8):
        assert tags.add((50, 50, 300, 200), f"region {number}", "12.3%")
    places = tags._taken
    for at, one in enumerate(places):
        assert 0 <= one[0] < one[2] <= 600
        assert 0 <= one[1] < one[3] <= 400
        for other in places[:at]:
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    assert not Tags(Image.new("RGB", (20, 10)), 14).add((0, 0, 5, 5), "a long name", "")


def test_a_label_covers_no_region():
    """Of two touching boxes, each label lies outside both."""
    saliency = SaliencyMap(np.zeros((600, 800)))
    boxes = [parse_box("left:200,250,200,80px"), parse_box("right:400,250,200,80px")]
    picture = np.full((600, 800, 3), 128, np.uint8)
    result = draw(picture, saliency, shares(saliency, boxes), opacity=0)
    assert result.shape == picture.shape
    inside = result[262:318, 212:588].astype(int)
    inside = inside[:, np.r_[0:176, 200:376]]  # but for the line between them
    assert (inside == 128).all()
    assert (result[:250] != 128).any()


def test_a_label_without_room_beside_its_box_is_led_to_it():
    from salgan._drawing import Tags

    image = Image.new("RGB", (600, 400), (128, 128, 128))
    row = [(x, 100.0, x + 60.0, 160.0) for x in (100.0, 160.0, 220.0, 280.0, 340.0)]
    tags = Tags(image, 14, row)
    assert all(tags.add(box, "a rather long name", "12.3%") for box in row)
    for left, top, right, bottom in tags._taken:
        assert all(right <= box[0] or left >= box[2] or bottom <= box[1] or top >= box[3] for box in row)
    heights = {place[1] for place in tags._taken}
    assert len(heights) > 2  # not all of them fit above and below the row


def test_small_and_crowded_regions_get_a_number_and_a_list_beside_the_picture():
    saliency = SaliencyMap(np.full((600, 800), 0.5))
    picture = np.full((600, 800, 3), 128, np.uint8)
    everything, dot = parse_box("all:0,0,1,1"), parse_box("dot:400,300,6,6px")
    result = draw(picture, saliency, shares(saliency, [everything, dot]), opacity=0)
    assert result.shape[1] > 900
    assert result.shape[0] == 600
    assert (result[300:306, 400:406] == 128).any()  # the number does not hide the dot


def test_names_are_drawn_with_letters_the_font_has():
    from salgan._drawing import drawable, font

    assert drawable("Ünïcode 3", "#1") == "Unicode 3"
    assert drawable("目", "#1") == "#1"
    missing = font(20).getmask("\uffff")
    assert all(bytes(font(20).getmask(chr(code))) != bytes(missing) for code in range(33, 127))


def test_lines_are_as_pillow_draws_them_but_for_smoothness():
    from salgan._drawing import frame

    corners = np.array([[20.0, 30.0], [150.0, 50.0], [90.0, 120.0]])
    pixels = np.zeros((140, 180, 3), np.uint8)
    frame(pixels, corners, 6, (255, 255, 255))
    mask = Image.new("L", (180, 140))
    ImageDraw.Draw(mask).line([*map(tuple, corners), tuple(corners[0])], fill=255, width=6)
    assert np.abs(pixels[:, :, 0].astype(float) - np.asarray(mask)).mean() < 6


def test_a_drawing_of_another_picture_is_refused():
    saliency = _random_map(30, 40)
    with pytest.raises(ImageError, match="its map"):
        draw(np.zeros((40, 30, 3), np.uint8), saliency, shares(saliency, []))
