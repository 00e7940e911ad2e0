"""A number with its interval, or the reason why there is none."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

LEVEL = 0.95
"""Confidence level of every interval, two-sided."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic in its natural unit (rates in [0, 1]). Undefined parts are None, and `reason` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    items: int = 0
    clusters: int = 0
    reason: str | None = None  # why the value, or only the interval, is undefined


def undefined(reason: str, items: int = 0) -> Estimate:
    """Return an estimate without a value."""
    return Estimate(value=None, items=items, reason=reason)
