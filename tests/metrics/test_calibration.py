import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from vlm_eval.metrics.calibration import brier, expected_calibration_error


def test_brier_agrees_with_scikit_learn_and_leaves_out_unknown_scores() -> None:
    generator = np.random.default_rng(0)
    gold, score = generator.integers(0, 2, 80), generator.random(80)
    assert brier(gold, score) == pytest.approx(brier_score_loss(gold, score))
    known = np.append(score, np.nan)
    assert brier(np.append(gold, 1), known) == brier(gold, score)


def test_the_calibration_error_is_the_weighted_gap_of_the_bins() -> None:
    gold, score = np.array([0, 1, 1, 1]), np.array([0.15, 0.15, 0.95, 1.0])
    expected = 2 / 4 * abs(0.15 - 0.5) + 2 / 4 * abs(0.975 - 1)
    assert expected_calibration_error(gold, score) == pytest.approx(expected)


def test_a_calibrated_score_has_a_small_error_and_a_constant_one_the_gap_to_the_prevalence() -> None:
    generator = np.random.default_rng(1)
    score = generator.random(50_000)
    gold = (generator.random(score.size) < score).astype(int)
    assert expected_calibration_error(gold, score) < 0.01  # type: ignore[operator]
    assert expected_calibration_error(gold, np.full(gold.size, 0.9)) == pytest.approx(0.9 - gold.mean())


def test_no_scores_are_undefined_and_others_than_probabilities_refused() -> None:
    nothing = np.full(3, np.nan)
    assert (
        brier(np.ones(3, dtype=int), nothing) is expected_calibration_error(np.ones(3, dtype=int), nothing) is None
    )
    with pytest.raises(ValueError, match="probabilities lie in"):
        brier(np.array([1]), np.array([1.5]))
