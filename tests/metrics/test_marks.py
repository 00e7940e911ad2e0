from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import jaccard_score, precision_score, recall_score

from vlm_eval.metrics.marks import chance_match, mark_match, oracle_coverage


def test_precision_recall_and_iou_match_scikit_learn():
    accused, gold = {3, 7, 9}, {7, 9, 12, 15}
    one, other = [mark in gold for mark in range(20)], [mark in accused for mark in range(20)]
    found = mark_match(accused, gold)
    assert found.precision == pytest.approx(precision_score(one, other))
    assert found.recall == pytest.approx(recall_score(one, other))
    assert found.iou == pytest.approx(jaccard_score(one, other))


def test_what_has_no_denominator_is_none():
    assert mark_match([], []).iou is None
    assert (mark_match([], [1]).precision, mark_match([], [1]).recall) == (None, 0)
    assert mark_match([1], []).recall is None


@pytest.mark.parametrize(("accused", "gold", "marks"), [(1, 1, 20), (2, 3, 7), (5, 2, 6), (4, 4, 4)])
def test_chance_is_the_mean_over_every_draw(accused, gold, marks):
    draws = [mark_match(draw, range(gold)) for draw in combinations(range(marks), accused)]
    found = chance_match(accused, gold, marks)
    for name in ("precision", "recall", "iou"):
        assert getattr(found, name) == pytest.approx(np.mean([getattr(draw, name) for draw in draws]))


def test_more_marks_than_there_are_are_refused():
    with pytest.raises(ValueError, match="neither can exceed"):
        chance_match(5, 1, 4)


def test_oracle_coverage_names_the_mark_that_overlaps_best():
    gold = np.zeros((10, 10), dtype=bool)
    gold[2:6, 2:6] = True
    left, right = np.zeros_like(gold), np.zeros_like(gold)
    left[:, :3], right[:, 3:5] = True, True
    found = oracle_coverage({1: left, 2: right}, gold)
    assert found.best_mark == 2
    assert found.best_iou == pytest.approx(8 / (20 + 16 - 8))
    assert found.covered == pytest.approx(12 / 16)


def test_an_empty_gold_mask_and_a_region_of_another_shape_are_refused():
    empty = np.zeros((4, 4), dtype=bool)
    with pytest.raises(ValueError, match="empty"):
        oracle_coverage({1: empty}, empty)
    with pytest.raises(ValueError, match="shape"):
        oracle_coverage({1: np.ones((2, 2), dtype=bool)}, ~empty)
