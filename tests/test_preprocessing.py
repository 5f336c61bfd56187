"""The record of how pictures are fed: shapes by aspect ratio, and files that stay readable."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from salgan.errors import ModelError
from salgan.preprocessing import Preprocessing

SHAPES = ((256, 320), (288, 288), (320, 256), (224, 352), (352, 224), (192, 416), (416, 192))
RECORD = Preprocessing(height=256, width=320, shapes=SHAPES)


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((600, 800), (256, 320)),  # 4:3
        ((2000, 3000), (224, 352)),  # 3:2
        ((1080, 1920), (224, 352)),  # 16:9
        ((1080, 2520), (192, 416)),  # 21:9
        ((500, 500), (288, 288)),
        ((800, 600), (320, 256)),
        ((2532, 1170), (416, 192)),  # a phone's screen
        ((1, 1), (288, 288)),
        ((1, 9000), (192, 416)),
    ],
)
def test_a_picture_goes_in_at_the_shape_nearest_to_its_own(size, shape):
    assert RECORD.shape_for(*size) == shape


def test_a_picture_and_its_transpose_go_in_at_transposed_shapes():
    for height, width in ((300, 471), (600, 800), (97, 200), (512, 512)):
        assert RECORD.shape_for(width, height) == RECORD.shape_for(height, width)[::-1]


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((600, 800), (256, 320)),
        ((500, 500), (256, 320)),
        ((1000, 600), (256, 320)),  # 3:5, the limit
        ((600, 1000), (256, 320)),  # 5:3, the limit
        ((1080, 1920), (224, 352)),
        ((2532, 1170), (416, 192)),
        ((600, 1001), (224, 352)),
    ],
)
def test_pictures_in_the_range_that_is_squashed_go_in_at_the_usual_size(size, shape):
    assert replace(RECORD, squash=(0.6, 5 / 3)).shape_for(*size) == shape


def test_a_record_with_a_range_that_is_squashed_reads_back_as_itself():
    record = replace(RECORD, squash=(0.6, 5 / 3))
    assert Preprocessing.from_json(record.to_json()) == record


@pytest.mark.parametrize("squash", [[1], [2, 1], [0, 1], [1, 2, 3], "wide", 3])
def test_a_range_that_makes_no_sense_is_refused(squash):
    record = json.loads(RECORD.to_json()) | {"squash": squash}
    with pytest.raises(ModelError, match=r"^preprocessing"):
        Preprocessing.from_json(json.dumps(record))


def test_a_range_to_squash_needs_shapes_for_the_rest():
    with pytest.raises(ModelError, match="beside shapes"):
        Preprocessing(squash=(0.6, 1.6))


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((256, 256), (192, 256)),
        ((255, 321), (192, 256)),  # one pixel less than the usual input
        ((256, 320), (256, 320)),
        ((600, 800), (256, 320)),
        ((1, 1), (192, 256)),
        ((90, 180), (192, 416)),  # small, and long
    ],
)
def test_a_picture_that_would_be_enlarged_goes_in_at_the_small_shape(size, shape):
    assert replace(RECORD, squash=(0.6, 5 / 3), small=(192, 256)).shape_for(*size) == shape


def test_without_a_range_to_squash_small_pictures_near_the_usual_shape_are_not_enlarged():
    record = replace(RECORD, small=(192, 256))
    assert [record.shape_for(*size) for size in ((96, 128), (96, 96))] == [(192, 256), (288, 288)]


def test_a_network_of_one_shape_may_have_a_small_one_too():
    record = Preprocessing(height=256, width=320, small=(192, 256))
    assert [record.shape_for(*size) for size in ((100, 900), (600, 800))] == [(256, 320), (256, 320)]
    assert record.shape_for(100, 100) == (192, 256)
    assert Preprocessing.from_json(record.to_json()) == record


@pytest.mark.parametrize("small", [[256, 320], [512, 512], [0, 5], [64], [], [2.5, 3], "small", 3, None])
def test_a_small_shape_that_is_no_smaller_is_refused(small):
    record = json.loads(RECORD.to_json()) | {"small": small}
    with pytest.raises(ModelError, match=r"^preprocessing"):
        Preprocessing.from_json(json.dumps(record))


def test_a_fixed_record_squeezes_every_picture_into_one_shape():
    record = replace(RECORD, squash=(0.6, 5 / 3), small=(192, 256))
    assert {record.fixed().shape_for(*size) for size in ((10, 1000), (9, 9), (800, 600))} == {(256, 320)}
    assert record.fixed(96, 128) == Preprocessing(height=96, width=128)
    with pytest.raises(ModelError, match="input size 0×128"):
        record.fixed(0, 128)


def test_without_shapes_every_picture_goes_in_at_one_size():
    record = Preprocessing(height=192, width=256)
    assert {record.shape_for(*size) for size in ((10, 1000), (600, 800), (800, 600))} == {(192, 256)}


def test_a_picture_is_resized_to_its_shape_or_to_the_one_asked_for():
    picture = np.zeros((800, 600, 3), np.uint8)
    assert RECORD.resize(picture).shape == (320, 256, 3)
    assert RECORD.resize(picture, (64, 32)).shape == (64, 32, 3)


@pytest.mark.parametrize("filter", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(97, 131), (20, 500), (300, 16)])
def test_a_large_picture_is_resized_in_bands_as_a_whole(monkeypatch, filter, size):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    record = replace(RECORD, filter=filter)
    whole = record.resize(picture, (24, 32))
    monkeypatch.setattr("salgan.preprocessing._LARGE", 1000)
    monkeypatch.setattr("salgan.preprocessing._BAND_PIXELS", 1000)
    np.testing.assert_array_equal(record.resize(picture, (24, 32)), whole)


def test_columns_are_resized_before_rows_even_if_pillow_would_begin_with_the_rows():
    picture = np.random.default_rng(0).integers(0, 256, (1000, 300, 3), dtype=np.uint8)
    narrow = [
        np.asarray(Image.fromarray(row[None]).resize((160, 1), Image.Resampling.BILINEAR)) for row in picture
    ]
    both = Image.fromarray(np.concatenate(narrow)).resize((160, 480), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(RECORD.resize(picture, (480, 160)), both)


@pytest.mark.parametrize("filter", ["bilinear", "bicubic"])
def test_a_long_strip_is_never_widened_at_its_full_height_and_looks_the_same(monkeypatch, filter):
    picture = np.random.default_rng(0).integers(0, 256, (40_000, 3, 3), dtype=np.uint8)
    record = replace(RECORD, filter=filter)
    monkeypatch.setattr("salgan.preprocessing._WIDEST", 10**9)
    widened = record.resize(picture, (256, 320))
    monkeypatch.undo()
    sizes = []
    resize = Image.Image.resize
    monkeypatch.setattr(
        Image.Image, "resize", lambda self, size, *a, **k: sizes.append(size) or resize(self, size, *a, **k)
    )
    found = record.resize(picture, (256, 320))
    assert max(wide * high for wide, high in sizes) <= 320 * 256
    assert np.abs(found.astype(int) - widened).max() <= 2


def test_the_record_reads_back_as_itself():
    assert Preprocessing.from_json(RECORD.to_json()) == RECORD


def test_a_record_without_shapes_is_written_as_it_always_was():
    text = Preprocessing(height=192, width=256).to_json()
    assert list(json.loads(text)) == ["height", "width", "order", "scale", "mean", "std", "filter"]
    assert Preprocessing.from_json(text).shapes == ()


@pytest.mark.parametrize("shapes", [[[1]], [[0, 5], [256, 320]], [[32, 32]], "wide", 7, [["a", "b"]]])
def test_a_record_with_shapes_that_are_none_is_refused(shapes):
    record = json.loads(RECORD.to_json()) | {"shapes": shapes}
    with pytest.raises(ModelError, match=r"^preprocessing"):
        Preprocessing.from_json(json.dumps(record))
