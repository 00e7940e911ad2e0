import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from vlm_eval.metrics.bootstrap import auroc_of_resamples


@pytest.mark.parametrize("digits", [0, 1, 8])
def test_every_resample_agrees_with_scikit_learn(digits: int) -> None:
    generator = np.random.default_rng(0)
    gold = generator.integers(0, 2, 80)
    score = np.round(generator.normal(size=80) + gold, digits)
    drawn = generator.integers(0, 80, (50, 80))
    expected = [roc_auc_score(gold[own], score[own]) for own in drawn]
    assert auroc_of_resamples(gold, score, np.arange(80), drawn) == pytest.approx(expected, abs=1e-12)


def test_clusters_are_drawn_whole() -> None:
    generator = np.random.default_rng(1)
    clusters = np.repeat(np.arange(12), 5)
    gold, score = generator.integers(0, 2, 60), np.round(generator.normal(size=60), 1)
    drawn = generator.integers(0, 12, (30, 12))
    items = [np.concatenate([np.flatnonzero(clusters == cluster) for cluster in own]) for own in drawn]
    expected = [roc_auc_score(gold[own], score[own]) for own in items]
    assert auroc_of_resamples(gold, score, clusters, drawn) == pytest.approx(expected, abs=1e-12)


def test_a_resample_of_one_class_is_nan_and_items_of_one_class_are_refused() -> None:
    gold, score = np.array([0, 1]), np.array([0.1, 0.2])
    found = auroc_of_resamples(gold, score, np.arange(2), np.array([[0, 0], [0, 1]]))
    assert np.isnan(found[0])
    assert found[1] == 1
    with pytest.raises(ValueError, match="no normal items"):
        auroc_of_resamples(np.ones(2, dtype=int), score, np.arange(2), np.array([[0, 1]]))
