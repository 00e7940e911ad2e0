import numpy as np
import pytest
from sklearn import metrics as oracle

from vlm_eval.metrics.ranking import auroc, average_precision, f1_max, undefined_reason


def draw(seed: int, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    gold = np.append([0, 1], generator.integers(0, 2, 58))
    score = generator.normal(size=60) + gold
    return gold, np.round(score) if ties else score


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_areas_agree_with_scikit_learn_with_and_without_ties(seed: int, ties: bool) -> None:
    gold, score = draw(seed, ties)
    assert auroc(gold, score) == pytest.approx(oracle.roc_auc_score(gold, score), abs=1e-12)
    assert average_precision(gold, score) == pytest.approx(oracle.average_precision_score(gold, score), abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_f1_max_is_the_best_f1_that_scikit_learn_finds_over_all_thresholds(ties: bool) -> None:
    gold, score = draw(0, ties)
    best = f1_max(gold, score)
    assert best is not None
    assert best.value == pytest.approx(max(oracle.f1_score(gold, score >= cut) for cut in np.unique(score)))
    assert oracle.f1_score(gold, score >= best.threshold) == pytest.approx(best.value)


def test_hard_labels_give_the_balanced_accuracy() -> None:
    gold, score = draw(1, ties=False)
    claim = (score > 0.5).astype(float)
    assert auroc(gold, claim) == pytest.approx(oracle.balanced_accuracy_score(gold, claim))


@pytest.mark.parametrize(
    ("gold", "score", "reason"),
    [
        ([], [], "no scores"),
        ([1, 1], [0.1, 0.2], "no normal items"),
        ([0, 0], [0.1, 0.2], "no anomalous items"),
        ([0, 1], [0.1, np.nan], "1 of 2 scores are not finite"),
        ([0, 1], [0.1, np.inf], "1 of 2 scores are not finite"),
    ],
)
def test_an_undefined_ranking_says_why(gold: list[int], score: list[float], reason: str) -> None:
    arrays = np.array(gold, dtype=np.int64), np.array(score, dtype=np.float64)
    assert undefined_reason(*arrays) == reason
    assert auroc(*arrays) is average_precision(*arrays) is f1_max(*arrays) is None


def test_gold_and_scores_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one score for each item"):
        auroc(np.array([0, 1]), np.array([0.5]))
