"""Files that name regions for many pictures, with what differs in some."""

import json
from pathlib import Path

import pytest

from salgan.errors import ConfigError
from salgan.regions import Region, RegionSet, parse_box, read_region_set, read_regions

CTA, LOGO = {"name": "cta", "box": [0.6, 0.8, 0.3, 0.1]}, {"name": "logo", "box": [0, 0, 0.2, 0.1]}
LARGER = {"name": "cta", "box": [0.5, 0.7, 0.4, 0.2]}


def _written(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_a_picture_may_move_a_region_add_one_and_lack_one(tmp_path):
    own = [LARGER, {"name": "logo", "absent": True}, {"name": "badge", "box": [0, 0, 9, 9], "unit": "pixel"}]
    file = _written(tmp_path / "aoi.json", {"regions": [CTA, LOGO], "pictures": {"b.png": own}})
    found = read_region_set(file)
    assert found.for_picture("designs/a.png") == [parse_box("cta:.6,.8,.3,.1"), parse_box("logo:0,0,.2,.1")]
    assert found.for_picture("designs/b.png") == [parse_box("cta:.5,.7,.4,.2"), parse_box("badge:0,0,9,9px")]
    assert found.names == ["cta", "logo", "badge"]


@pytest.mark.parametrize(
    ("path", "x"),
    [("old/page.png", 0.1), ("new/page.png", 0.2), ("page.png", 0.1), ("other/my-page.png", 0.6)],
)
def test_an_entry_fits_the_end_of_a_path_and_the_longest_counts(tmp_path, monkeypatch, path, x):
    monkeypatch.chdir(tmp_path)
    pictures = {
        "page.png": [{"name": "cta", "box": [0.1, 0, 0.1, 0.1]}],
        "new/page.png": [{"name": "cta", "box": [0.2, 0, 0.1, 0.1]}],
    }
    found = read_region_set(_written(tmp_path / "aoi.json", {"regions": [CTA], "pictures": pictures}))
    (cta,) = found.for_picture(path)
    assert cta.box[0] == x


@pytest.mark.parametrize("document", [[CTA, LOGO], {"regions": [CTA, LOGO]}])
def test_the_forms_for_one_picture_are_read_as_well(tmp_path, document):
    found = read_region_set(_written(tmp_path / "r.json", document))
    assert list(found.common) == read_regions(tmp_path / "r.json")
    assert found.for_picture("any.png") == list(found.common)


def test_csv_files_are_read_as_well(tmp_path):
    (tmp_path / "r.csv").write_text("name,x,y,w,h\nlogo,0,0,0.2,0.1\n")
    assert read_region_set(tmp_path / "r.csv").for_picture("a.png") == [parse_box("logo:0,0,.2,.1")]


def test_a_csv_file_with_a_column_for_the_picture_gives_each_its_regions(tmp_path):
    (tmp_path / "r.csv").write_text(
        "picture,name,x,y,w,h\n,logo,0,0,0.2,0.1\nx/a.png,cta,0.1,0.1,0.2,0.2\nb.png,cta,0.5,0.5,0.2,0.2\n"
    )
    found = read_region_set(tmp_path / "r.csv")
    logo = parse_box("logo:0,0,.2,.1")
    assert found.for_picture("x/a.png") == [logo, parse_box("cta:.1,.1,.2,.2")]
    assert found.for_picture("b.png") == [logo, parse_box("cta:.5,.5,.2,.2")]
    assert found.for_picture("c.png") == [logo]
    with pytest.raises(ConfigError, match="names several pictures"):
        read_regions(tmp_path / "r.csv")


def test_a_report_on_several_pictures_gives_each_its_regions(tmp_path):
    reports = [
        {"picture": {"path": "x/a.png"}, "regions": [CTA]},
        {"picture": {"path": "x/b.png"}, "regions": [LARGER]},
    ]
    found = read_region_set(
        _written(tmp_path / "r.json", {"schema": "salgan.regions.many/1", "pictures": reports})
    )
    assert found.for_picture("/home/x/b.png") == [parse_box("cta:.5,.7,.4,.2")]
    assert found.for_picture("/home/x/c.png") == []


def test_an_entry_that_fits_no_picture_is_found():
    found = RegionSet((), {"a.png": {"x": parse_box("x:0,0,1,1")}, "bb.png": {}})
    assert found.unused(["designs/a.png", "designs/b.png"]) == ["bb.png"]


def test_regions_of_the_command_line_belong_to_every_picture():
    found = RegionSet((parse_box("a:0,0,1,1"),)).with_common([parse_box("b:0,0,1,1")])
    assert [region.name for region in found.for_picture("x.png")] == ["a", "b"]
    with pytest.raises(ConfigError, match="two regions are called 'a'"):
        found.with_common([Region.of_box("a", 0, 0, 1, 1)])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, 'expected a list of regions, or an object with such a list under "regions"'),
        ([], "holds no regions"),
        ({"pictures": 3}, '"pictures" is an object'),
        ({"pictures": {"": [CTA]}}, "is not the name of a file"),
        ({"pictures": {"a.png": 3}}, "'a.png': expected a list of regions"),
        ({"pictures": {"a.png": [{"name": "x"}]}}, "'a.png': region 1: expected an object with"),
        ({"pictures": {"a.png": [CTA, CTA]}}, "'a.png': two regions are called 'cta'"),
        ({"pictures": {"a.png": [{"name": "x", "absent": False}]}}, '"name" and "absent": true'),
        ({"pictures": {"a.png": [CTA, {"name": "cta", "absent": True}]}}, "both there and absent"),
        ({"pictures": [CTA]}, 'lacks its picture\'s "path"'),
        ({"regions": [CTA, CTA]}, "two regions are called 'cta'"),
    ],
)
def test_what_is_not_of_that_form_is_refused_in_one_line(tmp_path, document, message):
    file = _written(tmp_path / "aoi.json", document)
    with pytest.raises(ConfigError) as caught:
        read_region_set(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)


def test_a_file_for_many_pictures_is_not_taken_for_one_list(tmp_path):
    file = _written(tmp_path / "aoi.json", {"regions": [CTA], "pictures": {"b.png": [LARGER]}})
    with pytest.raises(ConfigError, match="regions of several pictures"):
        read_regions(file)


def test_a_region_that_is_absent_and_that_nobody_has_is_found():
    found = RegionSet((parse_box("logo:0,0,1,1"),), {"b.png": {"lgoo": None, "logo": None}})
    assert found.absent_nowhere_else() == [("b.png", "lgoo")]


def test_a_file_for_many_pictures_holds_as_many_regions_of_each_as_one_for_one(tmp_path):
    many = [{"name": str(number), "box": [0, 0, 1, 1]} for number in range(2001)]
    for document in ({"regions": many}, {"pictures": {"a.png": many}}):
        path = _written(tmp_path / "r.json", document)
        with pytest.raises(ConfigError, match="holds 2,001 regions, and a file may hold 2,000"):
            read_region_set(path)
