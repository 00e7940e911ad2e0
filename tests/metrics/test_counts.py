import numpy as np
import pytest
from sklearn import metrics as oracle

from vlm_eval.metrics.counts import (
    NO_CLAIM,
    accuracy,
    always_yes,
    balanced_accuracy,
    count,
    f1,
    miss,
    overkill,
    precision,
    predictions,
    prevalence,
    recall,
    specificity,
    yes_rate,
)

GOLD = np.array([1, 1, 1, 0, 0])
CLAIM = np.array([1, NO_CLAIM, 0, 0, NO_CLAIM])


@pytest.mark.parametrize("seed", range(5))
def test_rates_agree_with_scikit_learn_where_every_item_has_a_claim(seed: int) -> None:
    generator = np.random.default_rng(seed)
    gold, claim = generator.integers(0, 2, (2, 50))
    counts = count(gold, claim)

    assert accuracy(counts) == pytest.approx(oracle.accuracy_score(gold, claim))
    assert balanced_accuracy(counts) == pytest.approx(oracle.balanced_accuracy_score(gold, claim))
    assert precision(counts) == pytest.approx(oracle.precision_score(gold, claim))
    assert recall(counts) == pytest.approx(oracle.recall_score(gold, claim))
    assert specificity(counts) == pytest.approx(oracle.recall_score(gold, claim, pos_label=0))
    assert f1(counts) == pytest.approx(oracle.f1_score(gold, claim))
    assert miss(counts) == pytest.approx(1 - oracle.recall_score(gold, claim))
    assert overkill(counts) == pytest.approx(1 - oracle.recall_score(gold, claim, pos_label=0))
    assert prevalence(counts) == always_yes(counts) == pytest.approx(oracle.accuracy_score(gold, np.ones(50)))


@pytest.mark.parametrize(
    ("policy", "right"),
    [("wrong", 2 / 5), ("anomalous", 3 / 5), ("normal", 3 / 5), ("answered-only", 2 / 3)],
)
def test_items_without_a_claim_follow_the_policy(policy: str, right: float) -> None:
    counts = count(GOLD, CLAIM, policy)
    assert accuracy(counts) == pytest.approx(right)
    assert counts.unclaimed == 2


def test_the_headline_is_never_above_the_bounds() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        gold, claim = generator.integers(0, 2, 20), generator.integers(-1, 2, 20)
        wrong, *bounds = (accuracy(count(gold, claim, policy)) for policy in ("wrong", "anomalous", "normal"))
        assert wrong is not None
        assert all(bound is not None and wrong <= bound for bound in bounds)


def test_no_claim_on_an_anomalous_item_is_a_miss_and_on_a_normal_one_overkill() -> None:
    assert predictions(GOLD, CLAIM).tolist() == [1, 0, 0, 0, 1]
    assert miss(count(GOLD, CLAIM)) == pytest.approx(2 / 3)
    assert overkill(count(GOLD, CLAIM)) == pytest.approx(1 / 2)


def test_the_yes_rate_counts_claims_among_all_items() -> None:
    assert yes_rate(CLAIM) == pytest.approx(1 / 5)
    assert yes_rate(np.array([], dtype=np.int64)) is None


def test_a_rate_without_its_items_is_none_and_never_nan() -> None:
    only_normal = count(np.array([0, 0]), np.array([0, 0]))
    assert recall(only_normal) is miss(only_normal) is balanced_accuracy(only_normal) is None
    assert precision(only_normal) is f1(only_normal) is None
    assert overkill(only_normal) == 0
    nothing = count(np.array([], dtype=np.int64), np.array([], dtype=np.int64))
    assert accuracy(nothing) is prevalence(nothing) is overkill(nothing) is None


@pytest.mark.parametrize(("gold", "claim"), [([2], [1]), ([1], [5]), ([1, 0], [1])])
def test_codes_outside_the_agreed_ones_are_refused(gold: list[int], claim: list[int]) -> None:
    with pytest.raises(ValueError, match=r"gold must be|one claim"):
        count(np.array(gold), np.array(claim))
