"""Shares of a run's requests."""

import hashlib
from collections import Counter

import pytest

from vlm_eval.errors import ExperimentError
from vlm_eval.runs.shard import Shard, parse_shard

KEYS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(8000)]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 16, 100])
def test_every_key_is_in_exactly_one_share(count):
    shards = [Shard(index, count) for index in range(1, count + 1)]
    edges = ["0" * 64, "f" * 64, "7" + "f" * 63, "8" + "0" * 63]
    assert {sum(shard.holds(key) for shard in shards) for key in KEYS + edges} == {1}


def test_shares_are_about_equal():
    counts = Counter(
        shard.index for key in KEYS for shard in [Shard(i, 8) for i in range(1, 9)] if shard.holds(key)
    )
    assert min(counts.values()) > 900 and max(counts.values()) < 1100  # of 1000; over three standard deviations


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/4", "1/0", "-1/4", "1/4/2", ""])
def test_what_is_no_share_is_refused_with_an_example(text):
    with pytest.raises(ExperimentError, match="i/n with i from 1 to n"):
        parse_shard(text)


def test_a_share_is_written_as_it_is_read():
    assert str(parse_shard("3/8")) == "3/8"
