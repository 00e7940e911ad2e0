"""Choosing by synthetic anomalies, against scikit-learn, SciPy and hand-made tables."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from vlm_eval.metrics.selection import Validation, areas, select, statistics_of


def _validation(seed: int, quality: list[float], tasks: int = 3, each: int = 60, kinds: int = 2) -> Validation:
    """Draw items whose anomalies stand out by `quality` standard deviations, by candidate."""
    generator = np.random.default_rng(seed)
    size = tasks * each
    gold, task = np.tile([0, 1], size // 2), np.repeat(np.arange(tasks), each)
    kind = generator.integers(0, kinds, size)
    score = np.array([own * gold + generator.normal(size=size) for own in quality])
    return Validation(score, gold, kind, task, np.arange(size))


def test_one_versus_rest_is_the_auroc_of_scikit_learn_in_each_task() -> None:
    items = _validation(0, [0.5, 1.5])
    found = areas(items, "rest")
    for row in range(2):
        for task in range(3):
            own = items.task == task
            assert found[row, task] == pytest.approx(roc_auc_score(items.gold[own], items.score[row, own]))


def test_one_versus_one_takes_each_kind_against_all_normal_items() -> None:
    items = _validation(1, [1.0], tasks=1, kinds=3)
    apart = []
    for kind in range(3):
        own = (items.gold == 0) | (items.kind == kind)
        apart.append(roc_auc_score(items.gold[own], items.score[0, own]))
    assert areas(items, "average")[0, 0] == pytest.approx(np.mean(apart))
    assert areas(items, "closest")[0, 0] == pytest.approx(min(apart))


def test_the_hardest_anomalies_are_those_that_the_candidate_scores_lowest() -> None:
    score = np.array([[0.0, 1.0, 2.0, 3.0, 0.5]])
    gold = np.array([0, 0, 1, 1, 1])
    items = Validation(score, gold, np.zeros(5, int), np.zeros(5, int), np.arange(5))
    assert areas(items, "rest", hardest=1)[0, 0] == pytest.approx(0.5)
    assert areas(items, "rest", hardest=9)[0, 0] == areas(items, "rest")[0, 0] == pytest.approx(2.5 / 3)


def test_a_task_without_normal_items_has_no_auroc() -> None:
    items = _validation(2, [1.0], tasks=2)
    left = items.take(np.flatnonzero((items.task == 0) | (items.gold == 1)))
    assert np.isnan(areas(left, "rest")[0, 1]) and not np.isnan(areas(left, "rest")[0, 0])


def test_strategies_on_a_table_by_hand() -> None:
    synthetic = np.array([[0.9, 0.6], [0.8, 0.9], [0.5, 0.5]])
    real = np.array([[0.7, 0.6], [0.9, 0.8], [0.6, 0.9]])
    found = statistics_of(synthetic, real, default=0)
    assert found["rank_correlation"] == pytest.approx(spearmanr(synthetic.mean(1), real.mean(1)).statistic)
    assert found["regret"] == 0  # the second is best on both means
    assert found["regret_default"] == pytest.approx(0.85 - 0.65)
    assert found["regret_random"] == pytest.approx(0.85 - 0.75)
    assert found["matches"] == 0  # task by task: first (best is the second), second (best is the third)
    assert found["matches_global_best"] == 0.5
    assert found["matches_random"] == pytest.approx(1 / 3)
    assert found["auroc_chosen"] == pytest.approx((0.7 + 0.8) / 2)
    assert (found["auroc_worst"], found["auroc_best"]) == (pytest.approx(0.6), pytest.approx(0.9))


def test_candidates_that_tie_for_the_best_of_a_task_all_count_as_the_best() -> None:
    real = np.array([[0.8], [0.8], [0.5]])
    found = statistics_of(np.array([[0.1], [0.9], [0.2]]), real, default=0)
    assert found["matches"] == found["matches_default"] == 1
    assert found["matches_random"] == pytest.approx(2 / 3)


def test_a_synthetic_set_that_ranks_as_the_real_one_chooses_the_best_and_covers_it() -> None:
    quality = [0.2, 0.6, 1.0, 2.0]
    found = select(_validation(3, quality), _validation(4, quality), default=0)
    assert found.chosen == found.best == 3
    regret, correlation = found.statistics["regret"], found.statistics["rank_correlation"]
    assert regret.value == 0 and regret.high is not None and regret.high < 0.1
    assert correlation.value == 1
    assert found.statistics["regret_default"].low is not None and found.statistics["regret_default"].low > 0.2


def test_a_synthetic_set_that_says_the_opposite_is_told_as_such() -> None:
    quality = [0.2, 0.6, 1.0, 2.0]
    found = select(_validation(5, quality[::-1]), _validation(6, quality))
    assert found.statistics["rank_correlation"].value == -1
    assert found.statistics["regret"].low is not None and found.statistics["regret"].low > 0


def test_intervals_of_a_mean_auroc_agree_with_many_samples_of_the_same_kind() -> None:
    found = select(_validation(7, [1.0, 1.0]), _validation(8, [1.0, 1.0])).real[0]
    many = [areas(_validation(seed, [1.0]), "rest").mean() for seed in range(100, 300)]
    assert found.low is not None and found.high is not None
    assert (found.high - found.low) == pytest.approx(4 * np.std(many), rel=0.35)


def test_other_candidates_in_the_two_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="same candidates and tasks"):
        select(_validation(0, [1.0]), _validation(0, [1.0, 2.0]))


def test_equal_candidates_have_no_rank_correlation() -> None:
    items = _validation(9, [1.0])
    same = Validation(np.repeat(items.score, 2, axis=0), items.gold, items.kind, items.task, items.cluster)
    assert select(same, same).statistics["rank_correlation"].value is None
