"""Statistics of a continuous anomaly score, higher is more anomalous. Ties count half, as in scikit-learn."""

from dataclasses import dataclass

import numpy as np

from vlm_eval.metrics.estimate import FloatArray, IntArray


def undefined_reason(gold: IntArray, score: FloatArray) -> str | None:
    """Say why a ranking statistic is undefined on these items, or return None where it is defined."""
    if gold.shape != score.shape:
        raise ValueError(f"{gold.size} gold values and {score.size} scores: give one score for each item")
    if not score.size:
        return "no scores"
    if not np.isfinite(score).all():
        return f"{int(np.sum(~np.isfinite(score)))} of {score.size} scores are not finite"
    if not (gold == 1).any():
        return "no anomalous items"
    return None if (gold == 0).any() else "no normal items"


def wins(score: FloatArray, opponents: FloatArray) -> FloatArray:
    """Count for each score the opponents below it, those equal to it as one half. Shape of `score`."""
    ordered = np.sort(opponents)
    below = np.searchsorted(ordered, score, side="left")
    up_to = np.searchsorted(ordered, score, side="right")
    return (below + up_to) / 2.0


def auroc(gold: IntArray, score: FloatArray) -> float | None:
    """Return the area under the ROC curve, the Mann-Whitney probability (Hanley and McNeil 1982), or None."""
    if undefined_reason(gold, score):
        return None
    anomalous, normal = score[gold == 1], score[gold == 0]
    return float(wins(anomalous, normal).sum() / (anomalous.size * normal.size))


@dataclass(frozen=True, slots=True)
class _Curve:
    """Cumulative counts at each distinct threshold, from the highest score down."""

    thresholds: FloatArray
    true_positives: FloatArray
    flagged: FloatArray


def _curve(gold: IntArray, score: FloatArray) -> _Curve:
    order = np.argsort(-score, kind="stable")
    return _sorted_curve(gold[order], score[order])


def _sorted_curve(gold: IntArray, score: FloatArray) -> _Curve:
    last_of_tie = np.append(score[1:] != score[:-1], True)
    found = np.cumsum(gold, dtype=np.float64)[last_of_tie]
    flagged = np.arange(1, score.size + 1, dtype=np.float64)[last_of_tie]
    return _Curve(score[last_of_tie], found, flagged)


def average_precision(gold: IntArray, score: FloatArray) -> float | None:
    """Return the AUPR as average precision, the step-wise sum of scikit-learn, or None where undefined.

    One class is enough to forbid it: with anomalous items only it is 1 for any score.
    """
    if undefined_reason(gold, score):
        return None
    return _precision_of(_curve(gold, score))


def average_precision_of_sorted(gold: IntArray, score: FloatArray) -> float | None:
    """Return the average precision of finite scores in falling order, or None where one class is absent."""
    anomalous = int(np.count_nonzero(gold))
    return None if anomalous in (0, gold.size) else _precision_of(_sorted_curve(gold, score))


def _precision_of(curve: _Curve) -> float:
    steps = np.diff(curve.true_positives, prepend=0.0) / curve.true_positives[-1]
    return float(np.sum(steps * curve.true_positives / curve.flagged))


def mean_average_precision(gold: IntArray, score: FloatArray, parts: IntArray) -> float | None:
    """Return MAP: the mean over parts (classes) of the average precision within each part.

    Parts that hold one class of gold only are left out; None where none is left.
    """
    values = [average_precision(gold[parts == part], score[parts == part]) for part in np.unique(parts)]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


@dataclass(frozen=True, slots=True)
class F1Max:
    """The best F1 over all thresholds and the score from which on items are flagged to reach it."""

    value: float
    threshold: float


def f1_max(gold: IntArray, score: FloatArray) -> F1Max | None:
    """Return the best F1 over all thresholds, chosen on the same items and so optimistic; None where undefined."""
    if undefined_reason(gold, score):
        return None
    curve = _curve(gold, score)
    values = 2 * curve.true_positives / (curve.flagged + curve.true_positives[-1])
    best = int(np.argmax(values))
    return F1Max(float(values[best]), float(curve.thresholds[best]))
