"""What answering only where the model is sure would bring: the risk-coverage curve.

El-Yaniv and Wiener, Journal of Machine Learning Research 11 (2010) 1605-1641; the area: Geifman, Uziel and
El-Yaniv, International Conference on Learning Representations (2019).
"""

from dataclasses import dataclass

import numpy as np

from vlm_eval.metrics.estimate import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """Points of the curve in order of falling confidence, shape (points,): one a distinct confidence."""

    coverage: FloatArray  # share of all items that are answered, in (0, 1]
    risk: FloatArray  # share of wrong ones among them
    confidence: FloatArray  # the least confidence that is answered
    area: float | None  # mean risk over the items in that order; None without claims


def risk_coverage(wrong: FloatArray, confidence: FloatArray, claimed: BoolArray) -> RiskCoverage:
    """Trace risk against coverage when items are answered from the most confident one down.

    Args:
        wrong: 1 where the claim is wrong, 0 where it is right, or a share over repeats; shape (items,).
        confidence: higher is surer; must be finite where an item has a claim.
        claimed: items with a claim; the others are never answered but stay in the denominator of coverage.

    Raises:
        ValueError: a claim has no finite confidence.
    """
    if not np.isfinite(confidence[claimed]).all():
        raise ValueError("a claim has no finite confidence; leave such items out and say so")
    order = np.argsort(-confidence[claimed], kind="stable")
    sorted_confidence, errors = confidence[claimed][order], np.cumsum(wrong[claimed][order])
    answered = np.arange(1, errors.size + 1)
    last = np.append(sorted_confidence[1:] != sorted_confidence[:-1], True)[: errors.size]
    risk = errors[last] / answered[last]
    sizes = np.diff(answered[last], prepend=0)
    area = float(np.sum(risk * sizes) / errors.size) if errors.size else None
    return RiskCoverage(answered[last] / max(wrong.size, 1), risk, sorted_confidence[last], area)


def risk_at(curve: RiskCoverage, coverage: float) -> float | None:
    """Return the risk at the first point that answers at least this share of all items; None beyond the claims."""
    reached = np.flatnonzero(curve.coverage >= coverage - 1e-12)
    return float(curve.risk[reached[0]]) if reached.size else None
