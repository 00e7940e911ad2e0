"""How far a score in [0, 1] can be read as the probability of an anomaly."""

import numpy as np

from vlm_eval.metrics.estimate import FloatArray, IntArray

BINS = 10


def squared_errors(gold: IntArray, probability: FloatArray) -> FloatArray:
    """Return the squared distance of each probability from what is true; their mean is the score of Brier (1950).

    Raises:
        ValueError: a probability lies outside [0, 1]; NaN is allowed and stays NaN.
    """
    known = probability[~np.isnan(probability)]
    if known.size and (known.min() < 0 or known.max() > 1):
        raise ValueError(f"the scores reach from {known.min()} to {known.max()}; probabilities lie in [0, 1]")
    return (probability - gold) ** 2


def brier(gold: IntArray, probability: FloatArray) -> float | None:
    """Return the mean squared error in [0, 1], lower is better, over the items with a score; None without any."""
    errors = squared_errors(gold, probability)
    known = errors[~np.isnan(errors)]
    return float(known.mean()) if known.size else None


def expected_calibration_error(gold: IntArray, probability: FloatArray, bins: int = BINS) -> float | None:
    """Return the mean gap between score and share of anomalous items, over bins of equal width.

    Naeini, Cooper and Hauskrecht, AAAI 29 (2015) 2901-2907, on P(anomalous) rather than on the confidence in the
    claim. It is biased upwards where bins hold few items, so it has no interval. None without scores.
    """
    squared_errors(gold, probability)  # checks the range
    known = ~np.isnan(probability)
    if not known.any():
        return None
    gold, probability = gold[known], probability[known]
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=probability - gold, minlength=bins)
    return float(np.abs(gaps).sum() / gold.size)
