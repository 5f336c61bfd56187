"""The words that several parts share."""

import pytest

from salgan._words import did_you_mean, markdown_table


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("sailcon", "did you mean salicon?"),
        ("SALICON", "did you mean salicon?"),
        ("mit-1003", "did you mean mit_1003?"),
        ("xyz", "there are salicon, mit_1003"),
    ],
)
def test_a_hint_names_the_closest_or_all(word, hint):
    assert did_you_mean(word, ["salicon", "mit_1003"]) == hint


def test_another_hint_may_be_given_for_what_is_close_to_nothing():
    assert did_you_mean("xyz", ["salicon"], "see salgan data") == "see salgan data"
    assert did_you_mean("xyz", []) == "there are none"


def test_several_close_names_may_be_offered():
    assert did_you_mean("vgg", ["vgg16", "vgg19", "lite"], most=2) == "did you mean vgg19 or vgg16?"


def test_a_table_keeps_its_columns_whatever_the_cells_hold():
    lines = markdown_table(["model", "n"], [["a|b", "3"], ["two\nlines", "4"]], numbers=[1])
    assert lines == ["| model | n |", "|---|---:|", r"| a\|b | 3 |", "| two lines | 4 |"]


def test_a_row_with_another_number_of_cells_is_a_bug():
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        markdown_table(["a", "b"], [["1"]])
