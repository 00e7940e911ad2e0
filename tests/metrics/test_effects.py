from itertools import product

import numpy as np
import pytest
from scipy import stats

from vlm_eval.metrics.effects import contrasts, main_effect
from vlm_eval.metrics.equivalence import equivalence
from vlm_eval.metrics.sampling import Sampling

GRID = [(f"{a}{b}", {"a": a, "b": b}) for a, b in product((0, 1), (0, 1, 2))]


def single_items(number: int) -> Sampling:
    return Sampling(np.arange(number), np.zeros(number, dtype=np.int64))


def test_a_contrast_pairs_the_cells_that_differ_in_nothing_else() -> None:
    first, second, third = contrasts(GRID)
    assert (first.ingredient, first.pairs) == ("a", (("00", "10"), ("01", "11"), ("02", "12")))
    assert (second.level, second.pairs) == (1, (("00", "01"), ("10", "11")))
    assert (third.level, third.pairs) == (2, (("00", "02"), ("10", "12")))
    assert first.unmatched == ()


def test_a_missing_cell_leaves_its_partner_unmatched_and_named() -> None:
    contrast = contrasts([cell for cell in GRID if cell[0] != "12"])[0]
    assert contrast.pairs == (("00", "10"), ("01", "11"))
    assert contrast.unmatched == ("02",)


@pytest.mark.parametrize("cells", [[], GRID[:1], [("x", {"a": 0, "b": 0}), ("y", {"a": 1, "b": 1})]])
def test_cells_that_match_nowhere_give_no_contrast(cells: list) -> None:
    assert contrasts(cells) == []


def test_one_pair_of_single_items_is_the_paired_mean_with_its_t_interval() -> None:
    difference = np.random.default_rng(0).integers(-1, 2, 60).astype(float)
    effect = main_effect(difference[None], np.zeros(60, dtype=np.int64), single_items(60))
    expected = stats.ttest_1samp(difference, 0).confidence_interval()
    assert effect.difference.value == pytest.approx(difference.mean())
    assert (effect.difference.low, effect.difference.high) == pytest.approx(tuple(expected))
    assert effect.test == "McNemar mid-p"


def test_several_pairs_are_averaged_and_tested_by_clusters() -> None:
    differences = np.random.default_rng(1).integers(-1, 2, (3, 40)).astype(float)
    clusters = np.arange(40) // 4
    drawn = Sampling(clusters, np.zeros(10, dtype=np.int64))
    effect = main_effect(differences, np.zeros(40, dtype=np.int64), drawn)
    sums = np.bincount(clusters, weights=differences.mean(axis=0))
    expected = stats.permutation_test(
        (sums,), np.sum, permutation_type="samples", alternative="two-sided", n_resamples=np.inf
    )
    assert effect.test == "sign-flip"
    assert effect.difference.value == pytest.approx(differences.mean())
    assert effect.p_value == pytest.approx(expected.pvalue)


def test_items_without_an_answer_in_one_cell_leave_that_pair_only() -> None:
    differences = np.array([[1.0, np.nan, 0.0], [0.0, 1.0, np.nan]])
    effect = main_effect(differences, np.zeros(3, dtype=np.int64), single_items(3))
    assert effect.difference.value == pytest.approx((0.5 + 0.5) / 2)
    assert effect.difference.items == 3


def test_no_change_at_all_is_bounded_and_not_an_interval_of_no_width() -> None:
    effect = main_effect(np.zeros((1, 30)), np.zeros(30, dtype=np.int64), single_items(30))
    bound = stats.binomtest(0, 30).proportion_ci(0.95, method="exact").high
    assert (effect.difference.low, effect.difference.high) == pytest.approx((-bound, bound))
    assert effect.p_value == 1.0


def test_items_that_all_change_alike_do_not_make_an_interval_of_no_width() -> None:
    effect = main_effect(np.ones((1, 10)), np.zeros(10, dtype=np.int64), single_items(10))
    bound = stats.binomtest(0, 10).proportion_ci(0.95, method="exact").high
    assert (effect.difference.low, effect.difference.high) == pytest.approx((1 - 2 * bound, 1))
    assert effect.standard_error is None
    assert not effect.unchanged
    assert equivalence(effect).p_value is None


def test_classes_of_one_item_each_are_as_uncertain_as_one_class_of_as_many() -> None:
    differences = np.array([[1.0] * 3 + [0] * 9])
    drawn = Sampling(np.arange(12), np.arange(12))
    effect = main_effect(differences, np.arange(12), drawn).difference
    pooled = main_effect(differences, np.zeros(12, dtype=np.int64), single_items(12)).difference
    assert effect.value == pytest.approx(0.25)
    assert (effect.low, effect.high) == pytest.approx((pooled.low, pooled.high), abs=0.02)


def test_a_class_within_one_cluster_adds_its_distance_from_the_others() -> None:
    differences = np.array([[0.0, 0, 1, 0, 0, 1, 1]])
    parts = np.array([0, 0, 1, 2, 2, 3, 3])  # the last two items share a cluster
    drawn = Sampling(np.array([0, 1, 2, 3, 4, 5, 5]), np.array([0, 0, 1, 2, 2, 3]))
    effect = main_effect(differences, parts, drawn)
    assert effect.difference.value == pytest.approx(0.5)
    assert effect.standard_error == pytest.approx((2 * (0.25 * 0.5) ** 2) ** 0.5)


def test_one_cluster_gives_a_difference_without_interval_or_test() -> None:
    drawn = Sampling(np.zeros(4, dtype=np.int64), np.zeros(1, dtype=np.int64))
    effect = main_effect(np.array([[1.0, 0, 0, 1]]), np.zeros(4, dtype=np.int64), drawn)
    assert effect.difference.value == pytest.approx(0.5)
    assert effect.p_value is effect.test is effect.difference.low is None


@pytest.mark.parametrize("differences", [np.zeros((1, 0)), np.full((2, 3), np.nan)])
def test_nothing_in_common_is_said(differences: np.ndarray) -> None:
    items = differences.shape[1]
    effect = main_effect(differences, np.zeros(items, dtype=np.int64), single_items(items))
    assert effect.difference.reason == "no item has an answer in both cells"


def test_clustered_null_effects_are_rejected_about_five_percent_of_the_time() -> None:
    generator = np.random.default_rng(11)
    drawn = Sampling(np.repeat(np.arange(15), 20), np.zeros(15, dtype=np.int64))
    rejected = 0
    for _ in range(300):
        first, second = (np.repeat(generator.beta(3.6, 0.4, 15), 20) for _ in range(2))  # rate 0.9, ICC 0.2
        difference = (generator.random(300) < first).astype(float) - (generator.random(300) < second)
        rejected += (main_effect(difference[None], np.zeros(300, dtype=np.int64), drawn).p_value or 0) < 0.05
    assert 0.01 * 300 <= rejected <= 0.08 * 300
