"""How many pictures a minute a client may send."""

import time

import pytest

from salgan.serve import Limits
from salgan.serve.problems import ProblemError
from salgan.serve.rate import RateLimit
from tests.serve.conftest import png, serving

PNG = {"Content-Type": "image/png"}


def _passed(rate, address, asked):
    """How many of so many requests pass."""
    passed = 0
    for _ in range(asked):
        try:
            rate.take({"client": (address, 1)})
            passed += 1
        except ProblemError as problem:
            assert problem.status == 429
    return passed


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_client_gets_its_pictures_at_once_and_each_back_in_its_part_of_a_minute(clock):
    rate = RateLimit(6)
    assert _passed(rate, "192.0.2.1", 20) == 6
    clock[0] += 10
    assert _passed(rate, "192.0.2.1", 20) == 1
    clock[0] += 3600
    assert _passed(rate, "192.0.2.1", 20) == 6


def test_the_answer_says_when_to_come_back(clock):
    rate = RateLimit(6)
    _passed(rate, "192.0.2.1", 6)
    with pytest.raises(ProblemError) as raised:
        rate.take({"client": ("192.0.2.1", 1)})
    wait = int(raised.value.headers["Retry-After"])
    clock[0] += wait
    assert _passed(rate, "192.0.2.1", 1) == 1


def test_clients_do_not_slow_each_other_down_and_memory_does_not_grow(clock):
    rate = RateLimit(2)
    before = len(rate._moments)
    assert sum(_passed(rate, f"10.0.{n // 256}.{n % 256}", 3) for n in range(500)) == 1000
    assert len(rate._moments) == before


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_an_ipv6_subscriber_is_one_client_whatever_address_it_takes(clock, first, second, are_one):
    rate = RateLimit(3)
    _passed(rate, first, 3)
    assert _passed(rate, second, 3) == (0 if are_one else 3)


def test_no_limit_lets_everything_pass():
    assert _passed(RateLimit(None), "192.0.2.1", 500) == 500


def test_the_service_answers_429_before_it_reads_the_body_and_pages_are_not_counted(predictor):
    picture = png()
    with serving(predictor, Limits(max_per_minute=2)) as client:
        answers = [client.post("/v1/predict", content=picture, headers=PNG) for _ in range(3)]
        others = [client.get(path).status_code for path in ("/", "/healthz", "/metrics")]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["retry-after"]) >= 1
    assert answers[2].headers["content-type"] == "application/problem+json"
    assert others == [200, 200, 200]


def test_every_picture_of_a_batch_counts(predictor):
    def batch(client, number):
        return client.post("/v1/batch", files=[("picture", png())] * number).status_code

    with serving(predictor, Limits(max_per_minute=4)) as client:
        assert batch(client, 5) == 422
        # The refused one counted as one request.
        assert batch(client, 3) == 200
        assert batch(client, 1) == 429
