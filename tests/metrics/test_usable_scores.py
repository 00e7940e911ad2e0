import numpy as np
import pytest

from vlm_eval.metrics.usable_scores import distinct_levels, refuse_scores

NAN = float("nan")


def test_levels_that_differ_by_rounding_alone_are_one():
    assert distinct_levels(np.array([0.1 + 0.2, 0.3, 1 / 3, 2 / 6, 1.0, NAN])) == 3


@pytest.mark.parametrize(
    ("score", "mass", "message"),
    [
        ([NAN, NAN], [NAN, NAN], "no item has a score"),
        ([0.1, 0.4, 0.9], [0.2, 0.3, 0.9], "is 0.30, under 0.5"),
        ([0.0, 1.0, 1.0, NAN], [NAN] * 4, "only 2 distinct values"),
        ([0.5], [NAN], "only 1 distinct value:"),
    ],
)
def test_what_cannot_be_ranked_is_refused_with_the_reason(score, mass, message):
    assert message in refuse_scores(np.array(score), np.array(mass))


def test_the_mass_counts_only_where_there_is_a_score():
    assert refuse_scores(np.array([0.1, 0.4, 0.9, NAN]), np.array([0.9, 0.8, NAN, 0.1])) is None
