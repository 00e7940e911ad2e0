"""When to ask again, when to stop, and what of a server's words is kept."""

import time
from email.utils import formatdate

import pytest

from vlm_eval.backends.breaker import PATIENCE, Breaker
from vlm_eval.backends.redaction import clean_message
from vlm_eval.backends.retry_after import read_retry_after, wait_before


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_a_number_or_not_at_all(headers, seconds):
    assert read_retry_after(headers) == seconds


def test_retry_after_is_read_as_a_date():
    assert read_retry_after({"retry-after": formatdate(time.time() + 30, usegmt=True)}) == pytest.approx(
        30, abs=1.5
    )


def test_waits_double_up_to_a_cap_and_outlast_a_minute_in_ten_attempts():
    waits = [wait_before(attempt, None, random_share=0.5) for attempt in range(2, 12)]
    assert waits[:4] == [0.5, 1, 2, 4]
    assert max(waits) == 20
    shortest = sum(wait_before(attempt, None, random_share=0.0) for attempt in range(2, 11))
    longest = sum(wait_before(attempt, None, random_share=1.0) for attempt in range(2, 11))
    assert 60 < shortest < longest < 120


def test_what_the_server_asks_for_is_a_lower_bound_with_a_cap():
    assert wait_before(2, 7.0, random_share=0.0) == 7.0
    assert wait_before(2, 86400.0, random_share=0.0) == 120.0


def test_before_any_answer_the_breaker_counts_attempts():
    breaker = Breaker()
    reasons = [breaker.attempt_failed() for _ in range(PATIENCE)]
    assert reasons[:-1] == [None] * (PATIENCE - 1)
    assert "none of the first 20 attempts" in reasons[-1]


def test_after_an_answer_the_breaker_looks_at_requests_that_ended():
    breaker = Breaker()
    breaker.answered()
    assert not any(breaker.attempt_failed() for _ in range(1000))
    reasons = [breaker.request_failed() for _ in range(20)]
    assert [reason is not None for reason in reasons] == [False] * 18 + [True] * 2


def test_one_failure_in_four_never_opens_the_breaker():
    breaker = Breaker()
    for _ in range(200):
        for _ in range(3):
            breaker.answered()
        assert breaker.request_failed() is None


@pytest.mark.parametrize(
    "message",
    [
        "Incorrect API key provided: sk-proj-abc123def456",
        "got header Authorization: Bearer topsecret99",
        "key=topsecret99 is unknown",
        "cannot reach https://user:topsecret99@host/v1",
        "echo: data:image/png;base64," + "iVBORw0KGgo" * 2000,
        "blob " + "QUJD" * 100,
        "my own topsecret99 key",
    ],
)
def test_no_secret_and_no_picture_stays_in_a_message(message):
    cleaned = clean_message(message, ("topsecret99",))
    assert len(cleaned) <= 300
    for part in ("topsecret99", "abc123def456", "iVBORw0KGgo", "QUJDQUJD"):
        assert part not in cleaned


def test_plain_words_stay_as_they_are_on_one_line():
    assert clean_message("The model\n  does not exist: gpt-5o") == "The model does not exist: gpt-5o"
    assert len(clean_message("word " * 1000)) == 300
