import numpy as np
import pytest

from vlm_eval.metrics.no_claims import no_claim_difference
from vlm_eval.metrics.sampling import Sampling


def clusters_of(size: int, number: int) -> Sampling:
    return Sampling(np.repeat(np.arange(number), size), np.zeros(number, dtype=np.int64))


def zeros(number: int) -> np.ndarray:
    return np.zeros(number, dtype=np.int64)


def test_the_difference_is_anomalous_minus_normal_as_the_mean_over_classes() -> None:
    gold = np.array([1, 1, 0, 0, 1, 0])
    silent = np.array([1, 0, 0, 0, 1, 1.0])
    effect = no_claim_difference(silent, gold, np.array([0, 0, 0, 0, 1, 1]), clusters_of(1, 6))
    assert effect.difference.value == pytest.approx((0.5 + 0) / 2)


def test_refusals_that_follow_the_truth_are_found() -> None:
    gold = np.arange(200) % 2
    silent = ((np.arange(200) % 10 == 1) & (gold == 1)).astype(float)
    effect = no_claim_difference(silent, gold, zeros(200), clusters_of(1, 200))
    assert effect.difference.low > 0  # type: ignore[operator]
    assert (effect.p_value or 1) < 0.001


@pytest.mark.parametrize("mixed", [True, False])
def test_clustered_refusals_that_ignore_the_truth_are_rejected_at_most_about_five_percent(mixed: bool) -> None:
    generator = np.random.default_rng(3)
    drawn, rejected = clusters_of(10, 24), 0
    gold = np.arange(240) % 2 if mixed else drawn.cluster_of_item % 2
    for _ in range(300):
        silent = generator.random(240) < np.repeat(generator.beta(0.4, 3.6, 24), 10)
        rejected += (no_claim_difference(silent.astype(float), gold, zeros(240), drawn).p_value or 1) < 0.05
    assert rejected <= 0.08 * 300


def test_all_or_no_claims_one_class_and_one_cluster_are_not_tested() -> None:
    gold = np.array([0, 1, 0, 1])
    assert no_claim_difference(np.zeros(4), gold, zeros(4), clusters_of(1, 4)).difference.reason
    assert no_claim_difference(np.ones(4), gold, zeros(4), clusters_of(1, 4)).p_value is None
    assert (
        no_claim_difference(np.ones(4), np.ones(4, dtype=int), zeros(4), clusters_of(1, 4)).difference.value
        is None
    )
    one = no_claim_difference(np.array([1.0, 0, 0, 0]), gold, zeros(4), clusters_of(4, 1))
    assert one.p_value is None
    assert "one cluster" in (one.difference.reason or "")
    assert no_claim_difference(np.zeros(0), zeros(0), zeros(0), clusters_of(1, 0)).difference.value is None
