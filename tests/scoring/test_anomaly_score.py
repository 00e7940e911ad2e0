import math

import pytest

from vlm_eval.flow import YesNo
from vlm_eval.scoring.anomaly_score import AnomalyScore, refuse_ranking, yes_no_score


def scores(*values, source="yes-no", mass=None):
    return [AnomalyScore(value, source, mass) for value in values]


def test_the_score_is_the_share_of_yes_in_yes_and_no():
    found = yes_no_score(YesNo(math.log(0.6), math.log(0.2)))
    assert found.value == pytest.approx(0.75)
    assert found.mass == pytest.approx(0.8)
    assert found.source == "yes-no"


def test_the_share_survives_probabilities_that_underflow():
    assert yes_no_score(YesNo(-2000.0, -2000.0)).value == pytest.approx(0.5)
    assert yes_no_score(YesNo(-2000.0, -1.0)).value == 0
    assert yes_no_score(YesNo(-1.0, -math.inf)).value == 1


def test_no_pair_and_no_mass_are_abstentions_with_their_reason():
    assert yes_no_score(None).reason == "not-asked"
    assert yes_no_score(YesNo(-math.inf, -math.inf)).reason == "no-mass"
    assert yes_no_score(YesNo(math.nan, -1.0)).value is None


def test_ranking_is_refused_where_yes_and_no_hold_less_than_half_of_the_mass():
    assert "under 0.5" in refuse_ranking(scores(0.1, 0.4, 0.9, mass=0.3))
    assert refuse_ranking(scores(0.1, 0.4, 0.9, mass=0.5)) is None
    mixed = scores(0.1, 0.2, mass=0.1) + scores(0.3, 0.4, 0.5, mass=0.9)
    assert refuse_ranking(mixed) is None  # the median decides, not the mean


def test_sources_are_never_mixed():
    assert "votes, yes-no" in refuse_ranking(scores(0.1, 0.2, 0.3) + scores(0.5, source="votes"))


def test_hard_labels_are_no_score():
    assert "hard labels" in refuse_ranking(scores(0.0, 1.0, 1.0, 0.0))
    assert refuse_ranking([]) == "no item has a score"
    assert refuse_ranking([AnomalyScore(None, "votes", reason="no-claims")]) == "no item has a score"
