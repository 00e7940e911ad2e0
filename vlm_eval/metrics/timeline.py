"""Scores along time: constant on stretches, with gold intervals; every rate is weighted by time.

At a constant rate of frames or readings this is what counting frames or readings gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vlm_eval.metrics.estimate import BoolArray, FloatArray, IntArray
from vlm_eval.metrics.intervals import Span, merge

_DIGITS = 12  # of a mean of scores: equal ones stay equal, whatever order they were added in


@dataclass(frozen=True, slots=True)
class Timeline:
    """Stretches of time on each of which score and gold are constant, in order; all of shape (stretches,)."""

    weight: FloatArray  # how long each is
    score: FloatArray  # higher is more anomalous
    gold: IntArray  # 1 anomalous, 0 normal


def make_timeline(spans: Sequence[Span], scores: Sequence[float], gold: Sequence[Span]) -> Timeline:
    """Lay scores of stretches over gold intervals; where stretches overlap, the mean of their scores holds.

    Args:
        spans: (start, end) of each stretch, its end excluded.
        scores: one a stretch. Time that no stretch covers is left out.
        gold: anomalous intervals, which may overlap and reach beyond the stretches.

    Raises:
        ValueError: an interval is empty, or a score is not finite.
    """
    covered, true = merge(spans), merge(gold)
    if not np.isfinite(scores).all():
        raise ValueError("every stretch needs a finite score: leave out those without one")
    edges = np.unique([edge for span in (*spans, *true) for edge in span])
    middles = (edges[:-1] + edges[1:]) / 2
    lengths = np.diff(edges)
    sums, counts = np.zeros(middles.size), np.zeros(middles.size)
    for (start, end), score in zip(spans, scores, strict=True):
        inside = slice(*np.searchsorted(edges, (start, end)))
        sums[inside] += score
        counts[inside] += 1
    known = _within(middles, covered)
    with np.errstate(invalid="ignore"):
        mean = np.round(sums / counts, _DIGITS)
    return Timeline(lengths[known], mean[known], _within(middles, true)[known].astype(np.int64))


def _within(moments: FloatArray, spans: Sequence[Span]) -> BoolArray:
    """Mark the moments inside of merged intervals."""
    starts, ends = (np.array([span[place] for span in spans], dtype=np.float64) for place in (0, 1))
    return np.searchsorted(starts, moments) > np.searchsorted(ends, moments)


def weighted_auroc(gold: IntArray, score: FloatArray, weight: FloatArray) -> float | None:
    """Return the probability that anomalous time scores higher than normal time, ties one half, or None."""
    anomalous, normal = _by_score(gold, score, weight)
    total = float(anomalous.sum() * normal.sum())
    if total <= 0:
        return None
    below = np.cumsum(normal) - normal
    return float(np.sum(anomalous * (below + normal / 2)) / total)


def weighted_average_precision(gold: IntArray, score: FloatArray, weight: FloatArray) -> float | None:
    """Return the AUPR as average precision, the step-wise sum; None without both anomalous and normal time."""
    anomalous, normal = (part[::-1] for part in _by_score(gold, score, weight))
    if anomalous.sum() <= 0 or normal.sum() <= 0:
        return None
    flagged = np.cumsum(anomalous + normal)
    precision = np.divide(np.cumsum(anomalous), flagged, out=np.zeros_like(flagged), where=flagged > 0)
    return float(np.sum(anomalous / anomalous.sum() * precision))


def _by_score(gold: IntArray, score: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the anomalous and the normal time at each distinct score, from the lowest up."""
    _, place = np.unique(score, return_inverse=True)
    anomalous, normal = (np.bincount(place, weight * (gold == state)).astype(np.float64) for state in (1, 0))
    return anomalous, normal
