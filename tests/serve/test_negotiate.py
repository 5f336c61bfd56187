"""Accept headers, by the rules of RFC 9110."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salgan.serve.request import choose

OFFERS = ["application/json", "image/png", "text/csv"]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("image/png", "image/png"),
        ("IMAGE/PNG", "image/png"),
        ("image/*", "image/png"),
        ("text/csv, */*;q=0.1", "text/csv"),
        ("application/json;q=0.2, text/csv;q=0.3", "text/csv"),
        ("application/json;q=0, */*", "image/png"),  # the more specific range wins, even with 0
        ("image/png;q=nonsense, text/csv;q=0.1", "text/csv"),
        ("text/html", None),
        ("*/*;q=0", None),
    ],
)
def test_the_most_welcome_offer_is_chosen(accept, chosen):
    assert choose(accept, OFFERS) == chosen


@given(st.text())
def test_any_header_gives_an_offer_or_none(accept):
    assert choose(accept, OFFERS) in {*OFFERS, None}
