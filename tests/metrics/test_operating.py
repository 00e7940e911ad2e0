import numpy as np
import pytest
from sklearn.metrics import roc_curve

from vlm_eval.metrics.operating import (
    Costs,
    operating_point,
    threshold_for_cost,
    threshold_for_overkill,
    threshold_for_recall,
    triage,
    triage_curve,
)
from vlm_eval.metrics.repeatability import repeatability
from vlm_eval.metrics.sampling import Sampling


def draw(seed: int, items: int = 400, digits: int = 2) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    gold = np.arange(items) % 2
    return gold, np.round(generator.normal(size=items) + 1.5 * gold, digits)


def single(items: int) -> Sampling:
    return Sampling(np.arange(items), np.zeros(items, dtype=np.int64))


@pytest.mark.parametrize("recall", [0.5, 0.95, 0.99, 1.0])
def test_the_threshold_is_the_highest_that_holds_the_recall(recall: float) -> None:
    gold, score = draw(0)
    threshold = threshold_for_recall(gold, score, recall)
    _, found, cuts = roc_curve(gold, score, drop_intermediate=False)
    assert threshold == cuts[found >= recall - 1e-12].max()


def test_the_cheapest_threshold_is_the_cheapest_of_all() -> None:
    gold, score = draw(1)
    costs = Costs(50, 1, 0.02)
    false, found, cuts = roc_curve(gold, score, drop_intermediate=False)
    spent = [costs.expected(1 - hit, alarm) for hit, alarm in zip(found, false, strict=True)]
    threshold = threshold_for_cost(gold, score, costs)
    missed, alarms = np.mean(score[gold == 1] < threshold), np.mean(score[gold == 0] >= threshold)
    assert costs.expected(float(missed), float(alarms)) == pytest.approx(min(spent))
    assert cuts.size
    assert threshold_for_cost(np.array([1, 0]), np.array([0.1, 0.9]), Costs(1, 100, 0.5)) == np.inf


def test_at_most_the_allowed_share_of_normal_items_is_flagged() -> None:
    gold, score = draw(2, digits=0)
    for allowed in (0.0, 0.05, 0.5, 1.0):
        threshold = threshold_for_overkill(gold, score, allowed)
        assert np.mean(score[gold == 0] >= threshold) <= allowed


def test_the_point_is_chosen_on_one_half_of_the_clusters_and_judged_on_the_other() -> None:
    gold, score = draw(3)
    clusters = np.arange(400) // 8
    drawn = Sampling(clusters, np.zeros(50, dtype=np.int64))
    point = operating_point(gold, score, np.zeros(400, dtype=np.int64), drawn, 0.95)
    assert point.miss.items + point.overkill.items == 200
    assert point.miss.low <= 0.05 <= point.miss.high  # type: ignore[operator]
    priced = operating_point(gold, score, np.zeros(400, dtype=np.int64), drawn, Costs(10, 1, 0.5))
    assert priced.cost == pytest.approx(5 * (priced.miss.value or 0) + 0.5 * (priced.overkill.value or 0))


def test_the_miss_promised_by_calibration_is_kept_on_average_on_the_rest() -> None:
    missed = [
        operating_point(*draw(seed, digits=6), np.zeros(400, dtype=np.int64), single(400), 0.9, seed).miss.value
        for seed in range(60)
    ]
    assert np.mean(missed) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(
    ("gold", "score", "clusters"),
    [([1, 1], [0.1, 0.2], [0, 1]), ([0, 1], [0.1, np.nan], [0, 1]), ([0, 1], [0.1, 0.3], [0, 0]), ([], [], [])],
)
def test_what_has_no_operating_point_says_why(gold: list, score: list, clusters: list) -> None:
    number = len(set(clusters))
    drawn = Sampling(np.array(clusters, dtype=np.int64), np.zeros(number, dtype=np.int64))
    arrays = np.array(gold, dtype=np.int64), np.array(score, dtype=float), np.zeros(len(gold), dtype=np.int64)
    point = operating_point(*arrays, drawn, 0.95)
    assert point.threshold is point.miss.value is None
    assert point.miss.reason


def test_triage_counts_what_each_side_does() -> None:
    gold, score = np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.5, 0.9, 0.2, 0.5, 0.9])
    found = triage(gold, score, 0.3, 0.8)
    assert (found.to_person, found.miss, found.overkill) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert triage(gold, score, 0.5, 0.5).to_person == 0
    assert triage(np.array([1]), np.array([0.1]), 0.3, 0.8).overkill is None
    with pytest.raises(ValueError, match="must not be higher"):
        triage(gold, score, 0.9, 0.1)


def test_fewer_allowed_misses_send_more_to_a_person() -> None:
    gold, score = draw(5, 2_000)
    points = triage_curve(gold, score, np.arange(2_000) % 4 < 2, (0.0, 0.02, 0.1, 0.3), 0.02)
    shares = [point.to_person for point in points]
    assert shares == sorted(shares, reverse=True)
    misses = [point.miss for point in points]
    assert misses == sorted(misses)  # type: ignore[type-var]
    assert triage_curve(np.ones(4, dtype=int), score[:4], np.ones(4, dtype=bool), (0.1,), 0.02) == []


def test_repeats_that_agree_and_those_that_do_not() -> None:
    counts = np.array([[3, 0, 0], [2, 1, 0], [1, 1, 1], [1, 0, 0]])
    found = repeatability(counts, np.zeros(4, dtype=np.int64), single(4))
    assert found.unanimous.value == pytest.approx(1 / 3)
    assert found.agreement.value == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert found.unanimous.items == 3
    once = repeatability(np.array([[1, 0, 0]]), np.zeros(1, dtype=np.int64), single(1))
    assert once.agreement.reason == "no item was asked twice"
