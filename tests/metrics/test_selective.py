import numpy as np
import pytest

from vlm_eval.metrics.selective import risk_at, risk_coverage

ALL = np.ones(5, dtype=bool)


def test_the_curve_answers_the_surest_items_first() -> None:
    curve = risk_coverage(np.array([0, 1, 0, 1, 1.0]), np.array([0.9, 0.2, 0.8, 0.7, 0.1]), ALL)
    assert curve.coverage.tolist() == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert curve.risk.tolist() == pytest.approx([0, 0, 1 / 3, 1 / 2, 3 / 5])
    assert curve.area == pytest.approx(np.mean([0, 0, 1 / 3, 1 / 2, 3 / 5]))


def test_ties_are_answered_together_and_items_without_a_claim_never() -> None:
    claimed = np.array([True, True, False, True, False])
    curve = risk_coverage(np.array([0, 1, 1, 0, 1.0]), np.array([0.5, 0.5, np.nan, 0.4, np.nan]), claimed)
    assert curve.coverage.tolist() == pytest.approx([0.4, 0.6])
    assert curve.risk.tolist() == pytest.approx([0.5, 1 / 3])
    assert risk_at(curve, 0.5) == pytest.approx(1 / 3)
    assert risk_at(curve, 0.9) is None


def test_the_end_of_the_curve_is_the_error_rate_whatever_the_confidence() -> None:
    generator = np.random.default_rng(0)
    wrong = generator.integers(0, 2, 60).astype(float)
    curve = risk_coverage(wrong, generator.random(60).round(1), np.ones(60, dtype=bool))
    assert curve.risk[-1] == pytest.approx(wrong.mean())
    assert np.all(np.diff(curve.coverage) > 0)


def test_no_claims_and_no_items_give_an_empty_curve() -> None:
    assert risk_coverage(np.ones(3), np.ones(3), np.zeros(3, dtype=bool)).area is None
    assert risk_coverage(np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool)).coverage.size == 0


def test_a_claim_without_confidence_is_refused() -> None:
    with pytest.raises(ValueError, match="no finite confidence"):
        risk_coverage(np.zeros(1), np.array([np.nan]), np.ones(1, dtype=bool))
