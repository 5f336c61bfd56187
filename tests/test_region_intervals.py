"""Intervals of shares: what varies among views of one picture is no difference between two."""

import functools

import numpy as np
import pytest

import salgan
from salgan.ab import compare_measured, most_in
from salgan.models.predictor import Predictor
from salgan.regions import VIEWS, Region, measure, parse_box, shares
from salgan.saliency_map import SaliencyMap


class Brightness:
    """Bright is salient, pixel by pixel; counts what it is asked."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def predict(self, source: np.ndarray) -> SaliencyMap:
        self.seen.append(source)
        return SaliencyMap(source.mean(axis=2) / 255)

    def predict_many(self, sources):
        return map(self.predict, sources)


class LooksLeft(Brightness):
    """Sees only what lies in the left half of its input."""

    def predict(self, source: np.ndarray) -> SaliencyMap:
        array = super().predict(source).array.copy()
        array[:, array.shape[1] // 2 :] = 0
        return SaliencyMap(array)


def _page(down: int = 0, button: tuple[int, int] = (80, 24)) -> np.ndarray:
    """A made-up page of 640×400 pixels: a headline, lines of text, a picture and a button."""
    page = np.full((400, 640, 3), 250, np.uint8)

    def fill(x: int, y: int, width: int, height: int, colour: tuple[int, int, int]) -> None:
        page[y + down : y + down + height, x : x + width] = colour

    fill(40, 30, 350, 35, (20, 20, 30))
    for line in range(6):
        fill(40, 90 + line * 17, 280, 7, (120, 120, 130))
    fill(400, 90, 190, 160, (60, 120, 180))
    fill(450, 130, 60, 60, (240, 190, 150))
    fill(40, 220, *button, (220, 60, 20))
    return page


def _boxes(down: int = 0, button: tuple[int, int] = (80, 24)) -> list[Region]:
    return [
        Region.of_box("headline", 40, 30 + down, 350, 35, "pixel"),
        Region.of_box("picture", 400, 90 + down, 190, 160, "pixel"),
        Region.of_box("button", 40, 220 + down, *button, "pixel"),
    ]


@functools.cache
def _lite() -> Predictor:
    return salgan.load_model("lite", threads=1)


@functools.cache
def _original():
    return measure(_lite(), _page(), _boxes())


def test_the_same_page_8_pixels_lower_is_no_difference():
    moved = measure(_lite(), _page(down=8), _boxes(down=8))
    result = compare_measured(_original(), moved)
    assert [each.name for each in result.regions] == ["headline", "picture", "button"]
    assert any(abs(each.change) > 0.001 for each in result.regions)  # the two predictions do differ
    assert [each.differs for each in result.regions] == [False, False, False]
    assert result.moved > 0.01
    assert result.differs is False


def test_a_larger_button_has_a_larger_share_in_its_own_box():
    button = (220, 64)
    larger = measure(_lite(), _page(button=button), _boxes(button=button))
    change = compare_measured(_original(), larger).regions[2]
    assert change.name == "button"
    assert change.differs
    assert change.interval[0] > 0
    assert change.b.share > 1.5 * change.a.share
    assert most_in([_original().shares, larger.shares], "button") == 1
    assert most_in([_original().shares, larger.shares], "picture") is None


def test_a_picture_is_predicted_as_often_as_is_said():
    predictor = Brightness()
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    measure(predictor, picture, [])
    assert len(predictor.seen) == VIEWS == 16
    assert np.array_equal(predictor.seen[0], picture)
    assert np.array_equal(predictor.seen[1], picture[:, ::-1])
    measure(predictor, picture, [], fast=True)
    assert len(predictor.seen) == VIEWS + 1


def test_regions_go_with_the_picture_into_every_view():
    """A map that follows the pixels has the same shares in each view, but for the edges' blur."""
    picture = np.full((200, 300, 3), 20, np.uint8)
    picture[40:120, 60:150] = 240
    regions = [parse_box("spot:60,40,90,80px"), Region.of_polygon("half", [(0, 0), (1, 0), (0, 1)])]
    found = measure(Brightness(), picture, regions).shares
    for each, same in zip(
        found.regions, shares(SaliencyMap(picture.mean(axis=2) / 255), regions).regions, strict=True
    ):
        low, high = each.interval
        assert each.share == same.share
        assert low <= each.share <= high
        assert high - low < 0.012
    assert found.noise < 0.2


BEYOND = [
    ("box", parse_box("a:97%,0%,20%,100%"), parse_box("a:97%,0%,3%,100%")),
    ("left above", parse_box("a:-40%,-10%,50%,30%"), parse_box("a:0%,0%,10%,20%")),
    (
        "polygon",
        Region.of_polygon("a", [(0.8, 0.5), (1.4, -0.1), (1.4, 1.1)], "fraction"),
        Region.of_polygon("a", [(0.8, 0.5), (1, 0.3), (1, 0.7)], "fraction"),
    ),
    (
        "past the corner",
        Region.of_polygon("a", [(0.7, 0), (1.5, 0.8), (1.5, 1.5), (-0.5, 1.5)], "fraction"),
        Region.of_polygon("a", [(0.7, 0), (1, 0.3), (1, 1), (0, 1), (0, 0.875)], "fraction"),
    ),
]


@pytest.mark.parametrize(
    ("beyond", "inside"), [each[1:] for each in BEYOND], ids=[each[0] for each in BEYOND]
)
def test_what_a_region_has_beyond_the_picture_counts_in_no_view(beyond, inside):
    picture = np.random.default_rng(0).integers(0, 256, (100, 160, 3), dtype=np.uint8)
    (one,), (other,) = (measure(Brightness(), picture, [each]).shares.regions for each in (beyond, inside))
    assert one.share == pytest.approx(other.share)
    assert one.interval == pytest.approx(other.interval)


def test_a_region_wholly_outside_the_picture_has_no_share_in_any_view():
    outside = [
        parse_box("right:100%,0%,20%,100%"),
        Region.of_polygon("above", [(0, -0.1), (1, -0.1), (0.5, 0)], "fraction"),
    ]
    found = measure(Brightness(), np.full((100, 160, 3), 200, np.uint8), outside).shares.regions
    assert [each.interval for each in found] == [(0, 0), (0, 0)]


def test_a_model_that_cares_where_things_lie_has_wide_intervals():
    picture = np.full((100, 200, 3), 100, np.uint8)
    (left,) = measure(LooksLeft(), picture, [parse_box("left:0,0,.25,1")]).shares.regions
    assert left.interval[0] == 0  # mirrored, it sees the other half
    assert left.interval[1] == pytest.approx(0.5, abs=0.05)


def test_a_large_picture_is_seen_smaller_and_a_long_page_as_it_is():
    predictor = Brightness()
    measure(predictor, np.zeros((1500, 2000, 3), np.uint8), [parse_box("a:0,0,1000,750px")])
    assert predictor.seen[0].shape == (1500, 2000, 3)
    assert {each.shape for each in predictor.seen[1:]} == {(548, 730, 3)}
    predictor = Brightness()
    measure(predictor, np.zeros((2100, 300, 3), np.uint8), [])
    assert {each.shape for each in predictor.seen} == {(2100, 300, 3)}


def test_a_map_that_is_0_everywhere_counts_as_uniform_in_every_view():
    found = measure(Brightness(), np.zeros((80, 80, 3), np.uint8), [parse_box("a:.25,.25,.5,.5")]).shares
    assert found["a"].interval == pytest.approx((0.25, 0.25), abs=1e-6)


def test_without_intervals_nothing_is_called_a_difference_or_none():
    fast = [measure(Brightness(), _page(), _boxes(), fast=True) for _ in range(2)]
    result = compare_measured(*fast)
    assert {each.differs for each in result.regions} == {None}
    assert (result.noise, result.differs) == (None, None)
    assert "interval" not in result.document()["regions"][0]
    assert most_in([each.shares for each in fast], "button") is None


def test_the_document_holds_intervals_and_verdicts():
    document = compare_measured(_original(), _original()).document()
    assert document["regions"][0]["differs"] is False
    assert document["regions"][0]["interval"][0] < 0 < document["regions"][0]["interval"][1]
    assert document["noise"] == document["a"]["noise"] > 0
    low, high = document["a"]["regions"][0]["interval"]
    assert low <= document["a"]["regions"][0]["share"] <= high
