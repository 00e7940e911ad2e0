import numpy as np
import pytest
from scipy.special import ndtri
from sklearn.metrics import roc_auc_score

from vlm_eval.metrics.one_versus import one_versus
from vlm_eval.metrics.ranking import average_precision, mean_average_precision


def test_every_kind_agrees_with_scikit_learn_against_the_normal_items() -> None:
    generator = np.random.default_rng(0)
    gold = np.repeat([0, 1], [30, 60])
    kinds = ["normal"] * 30 + [str(number % 3) for number in range(60)]
    score = np.round(generator.normal(size=90) + gold, 1)
    found = one_versus(gold, score, kinds, np.zeros(90, dtype=int))
    areas = []
    for kind in "012":
        keep = (gold == 0) | (np.array(kinds) == kind)
        areas.append(roc_auc_score(gold[keep], score[keep]))
    assert [area for _, _, area in found.kinds] == pytest.approx(areas)
    assert found.rest == pytest.approx(roc_auc_score(gold, score))
    assert found.average == pytest.approx(np.mean(areas))
    assert (found.closest, found.closest_kind) == (pytest.approx(min(areas)), str(np.argmin(areas)))


def test_a_kind_is_compared_with_the_normal_items_of_its_own_class() -> None:
    gold, parts = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    found = one_versus(gold, np.array([0.1, 0.2, 0.8, 0.9]), ["", "dent", "", "dent"], parts)
    assert found.closest == 1.0
    assert len(found.kinds) == 2


def test_the_minimum_over_equally_hard_kinds_is_low_and_its_null_expectation_says_so() -> None:
    gold = np.repeat([0, 1], [40, 80])
    kinds = [""] * 40 + [str(number // 10) for number in range(80)]
    generator = np.random.default_rng(0)
    found = [
        one_versus(gold, generator.normal(size=120) + gold * 2**0.5 * ndtri(0.75), kinds, np.zeros(120, dtype=int))
        for _ in range(60)
    ]
    closest, chance = (np.mean([getattr(one, name) for one in found]) for name in ("closest", "closest_by_chance"))
    assert np.mean([one.average for one in found]) == pytest.approx(0.75, abs=0.02)
    assert closest < 0.67
    assert chance == pytest.approx(closest, abs=0.02)


def test_one_kind_has_nothing_to_be_the_minimum_of() -> None:
    gold = np.array([0, 0, 1, 1])
    found = one_versus(gold, np.array([0.1, 0.5, 0.4, 0.9]), ["", "", "a", "a"], np.zeros(4, dtype=int))
    assert found.closest == found.average == found.rest
    assert found.closest_by_chance == pytest.approx(found.closest)


@pytest.mark.parametrize(("gold", "parts", "reason"), [([1, 1], [0, 0], "no normal"), ([0, 1], [0, 1], "both")])
def test_what_cannot_be_compared_says_why(gold: list, parts: list, reason: str) -> None:
    found = one_versus(np.array(gold), np.array([0.1, 0.2]), ["a", "b"], np.array(parts))
    assert found.rest is found.average is found.closest is None
    assert reason in (found.reason or "")


def test_map_is_the_mean_of_the_average_precisions_of_the_classes() -> None:
    gold, score, parts = np.array([0, 1, 1, 0, 1]), np.array([0.3, 0.2, 0.9, 0.1, 0.8]), np.array([0, 0, 0, 1, 1])
    expected = (average_precision(gold[:3], score[:3]) + average_precision(gold[3:], score[3:])) / 2
    assert mean_average_precision(gold, score, parts) == pytest.approx(expected)
    assert mean_average_precision(np.array([1, 1]), np.array([0.1, 0.2]), np.array([0, 0])) is None
