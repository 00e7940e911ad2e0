"""The chance of an alarm by so many views, against every choice of views."""

import math
import random
from itertools import combinations
from statistics import mean

import pytest

from vlm_eval.metrics.view_number import alarm_chance
from vlm_eval.runs.joined import decide

RULES = ("any", "max", "mean", "majority")


def by_hand(rule, claims, scores, number):
    """Join every choice of views as reports join all of them."""
    scores = scores or [math.nan] * len(claims)
    alarms = []
    for chosen in combinations(range(len(claims)), min(number, len(claims))):
        decision = decide(rule, [claims[v] for v in chosen], [None] * len(chosen), [scores[v] for v in chosen])
        alarms.append(decision.claim == "anomalous")
    return mean(alarms)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(12))
def test_the_chance_is_the_share_of_all_choices_of_views(rule, seed):
    draw = random.Random(seed)
    claims = [draw.choice(["anomalous", "normal", "normal", None]) for _ in range(draw.randint(1, 7))]
    scores = [draw.choice([0.1, 0.4, 0.4, 0.9]) for _ in claims] if seed % 3 else None
    for number in range(1, len(claims) + 2):
        assert alarm_chance(rule, claims, scores, number) == pytest.approx(by_hand(rule, claims, scores, number))


def test_one_alarm_among_k_views_of_a_normal_item_is_met_by_n_of_them_in_n_of_k_choices():
    claims = ["anomalous", "normal", "normal", "normal", "normal"]
    assert [alarm_chance("any", claims, None, n) for n in (1, 2, 5)] == pytest.approx([0.2, 0.4, 1.0])
    assert alarm_chance("majority", claims, None, 5) == 0


def test_no_views_and_a_choice_of_none_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        alarm_chance("any", [], None, 1)
    with pytest.raises(ValueError, match="choice of 0"):
        alarm_chance("any", ["normal"], None, 0)
