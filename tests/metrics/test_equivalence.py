import numpy as np
import pytest

from vlm_eval.metrics.effects import Effect, main_effect
from vlm_eval.metrics.equivalence import equivalence
from vlm_eval.metrics.estimate import Estimate, undefined
from vlm_eval.metrics.sampling import Sampling
from vlm_eval.metrics.worth import per_point


def effect_of(difference: np.ndarray) -> Effect:
    items = difference.size
    drawn = Sampling(np.arange(items), np.zeros(items, dtype=np.int64))
    return main_effect(difference[None], np.zeros(items, dtype=np.int64), drawn)


def test_single_items_give_the_paired_tost_of_statsmodels() -> None:
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    first, second = np.random.default_rng(0).integers(0, 2, (2, 400)).astype(float)
    expected, _, _ = weightstats.ttost_paired(second, first, -0.1, 0.1)
    assert equivalence(effect_of(second - first), 0.1).p_value == pytest.approx(expected)


def test_a_small_p_against_the_null_and_equivalence_can_hold_at_once() -> None:
    difference = (np.arange(20_000) % 50 == 0).astype(float)
    effect = effect_of(difference)
    assert (effect.p_value or 1) < 0.001
    assert equivalence(effect, 0.05).shown


def test_few_items_show_nothing_although_their_difference_is_zero() -> None:
    assert not equivalence(effect_of(np.array([1, -1] * 10, dtype=float)), 0.05).shown


def test_no_change_at_all_is_shown_only_with_enough_items() -> None:
    assert not equivalence(effect_of(np.zeros(50)), 0.05).shown
    assert equivalence(effect_of(np.zeros(60)), 0.05).p_value == pytest.approx(0.95**60)


def test_a_true_difference_at_the_margin_is_called_equivalent_at_most_five_percent_of_the_time() -> None:
    generator = np.random.default_rng(4)
    drawn = Sampling(np.repeat(np.arange(20), 15), np.zeros(20, dtype=np.int64))
    called = 0
    for _ in range(400):
        shift = np.repeat(generator.normal(0.1, 0.1, 20), 15)
        difference = np.clip(shift + generator.normal(0, 0.3, 300), -1, 1)
        effect = main_effect(difference[None], np.zeros(300, dtype=np.int64), drawn)
        called += equivalence(effect, 0.1).shown
    assert called <= 0.08 * 400


def test_what_has_no_error_has_no_p_and_a_margin_in_points_is_refused() -> None:
    assert equivalence(Effect(undefined("nothing"), None, None)).p_value is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        equivalence(effect_of(np.zeros(5)), 5)


def test_the_price_of_a_point_divides_by_the_gain_and_has_none_where_the_gain_may_be_zero() -> None:
    price = per_point(3.0, Estimate(0.10, 0.05, 0.15))
    assert (price.value, price.low, price.high) == pytest.approx((0.3, 0.2, 0.6))
    assert per_point(3.0, Estimate(0.10, -0.01, 0.15)).reason == "the gain does not differ from zero"
    assert per_point(3.0, Estimate(-0.10, -0.2, -0.05)).reason == "it loses points"
    assert per_point(None, Estimate(0.10, 0.05, 0.15)).reason == "not known"
    assert per_point(1.0, Estimate(0.1, reason="one cluster")).reason == "one cluster"
