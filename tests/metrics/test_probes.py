"""A cell and its probe on the same items."""

import numpy as np
import pytest

from vlm_eval.metrics.probes import Said, auroc_change, compare_probe
from vlm_eval.metrics.sampling import sampling

GOLD = np.array([1, 1, 1, 0, 0, 0, 0, 0] * 10)
PARTS = np.zeros(80, dtype=np.int64)
DRAWN = sampling([str(item) for item in range(80)], ["part"] * 80)


def said(claims, score=None):
    claims = np.asarray(claims, dtype=float)
    missing = np.where(np.isnan(claims), np.nan, 0.0)
    yes, no = (claims == 1) + missing, (claims == 0) + missing
    return Said(yes, no, np.full(claims.size, np.nan) if score is None else np.asarray(score, dtype=float))


def test_a_claim_that_turns_and_one_that_is_withdrawn_both_count_as_one_change():
    base = np.tile([1, 0, 1, 0, 0, 0, 0, 0], 10)
    after = np.tile([0, 0, -1, 0, 0, 0, 0, 0], 10)
    change = compare_probe(said(base), said(after), GOLD, PARTS, DRAWN)
    assert change.flips.difference.value == pytest.approx(2 / 8)
    assert change.recall.difference.value == pytest.approx(-2 / 3)
    assert change.overkill.difference.value == 0
    assert change.balanced.difference.value == pytest.approx(-1 / 3)


def test_a_withdrawn_claim_of_a_normal_item_counts_as_overkill_as_in_the_headline():
    change = compare_probe(said(GOLD), said(np.where(GOLD, 1, -1)), GOLD, PARTS, DRAWN)
    assert change.overkill.difference.value == 1
    assert change.recall.difference.value == 0


def test_items_without_an_answer_in_both_are_left_out():
    base = GOLD.astype(float)
    after = base.copy()
    after[:8] = np.nan
    change = compare_probe(said(base), said(after), GOLD, PARTS, DRAWN)
    assert change.flips.difference.items == 72
    assert change.flips.difference.value == 0


def test_no_change_on_many_independent_items_is_shown_and_on_one_cluster_is_not():
    one = sampling(["same"] * 80, ["part"] * 80)
    assert compare_probe(said(GOLD), said(GOLD), GOLD, PARTS, DRAWN).few_flips.shown
    assert not compare_probe(said(GOLD), said(GOLD), GOLD, PARTS, one).few_flips.shown


def test_the_change_of_auroc_is_the_difference_of_the_two_auroc_values():
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(4)
    before, after = GOLD + generator.normal(size=80), 0.2 * GOLD + generator.normal(size=80)
    found = auroc_change(before, after, GOLD, PARTS, DRAWN)
    expected = metrics.roc_auc_score(GOLD, after) - metrics.roc_auc_score(GOLD, before)
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high < 0.05


def test_the_interval_of_the_change_of_auroc_covers_nothing_changed_nine_to_ten_times_in_ten():
    generator = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        before, after = GOLD + generator.normal(size=80), GOLD + generator.normal(size=80)
        found = auroc_change(before, after, GOLD, PARTS, DRAWN)
        covered += found.low <= 0 <= found.high
    assert 0.9 <= covered / 200 <= 0.99


def test_scores_that_do_not_change_give_no_interval_and_say_so():
    scores = np.linspace(0, 1, 80)
    found = auroc_change(scores, scores, GOLD, PARTS, DRAWN)
    assert (found.value, found.low, found.reason) == (0, None, "no score changes")


def test_without_scores_there_is_no_change_of_auroc():
    nothing = np.full(80, np.nan)
    assert auroc_change(nothing, nothing, GOLD, PARTS, DRAWN).value is None
