"""How much of the variation of an outcome each factor of a crossed grid explains: one wording is an anecdote.

Variance components of a balanced crossed design with random factors, from the mean squares: Searle, Casella and
McCulloch, Variance Components (1992), chapter 4; Brennan, Generalizability Theory (2001), section 3.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from vlm_eval.metrics.estimate import FloatArray

LEAST_LEVELS = 3
"""Levels of a factor (wordings, reference seeds) under which its share is hardly known."""


@dataclass(frozen=True, slots=True)
class VarianceShare:
    """One source of variation."""

    source: tuple[str, ...]  # the factors that interact in it; one factor for a main effect
    component: float  # variance of the outcome, at least 0
    share: float | None  # of the sum of all components; None where nothing varies
    levels: int  # of its factors, multiplied
    signed: float  # the unbiased estimate of the component, which may be negative where there is little to find


def variance_shares(values: FloatArray, factors: Sequence[str]) -> list[VarianceShare]:
    """Split the variation of single outcomes into factors, their interactions and what is left.

    Args:
        values: one outcome a combination, one axis a factor, each with at least two levels; no NaN. The last
            source, in which all factors interact, also holds the noise.
        factors: name of each axis, such as ("wording", "reference seed", "item").

    Raises:
        ValueError: the axes do not match, a factor has one level, or a value is missing.
    """
    if values.ndim != len(factors) or min(values.shape, default=0) < 2:
        raise ValueError(f"shape {values.shape} for {list(factors)}: one axis a factor, at least two levels each")
    if np.isnan(values).any():
        raise ValueError("a combination has no value; leave out the items that lack one")
    axes = range(values.ndim)
    sources = [source for size in range(1, values.ndim + 1) for source in combinations(axes, size)]
    squares = {source: _mean_square(values, source) for source in sources}
    found: dict[tuple[int, ...], float] = {}
    for source in sources:
        above = [other for other in sources if set(source) <= set(other)]
        signed = sum((-1) ** (len(other) - len(source)) * squares[other] for other in above)
        rest = np.prod([values.shape[axis] for axis in axes if axis not in source])
        found[source] = float(signed / rest)
    total = sum(max(0.0, signed) for signed in found.values())
    return [
        VarianceShare(
            source=tuple(factors[axis] for axis in source),
            component=max(0.0, signed),
            share=max(0.0, signed) / total if total > 1e-15 else None,
            levels=int(np.prod([values.shape[axis] for axis in source])),
            signed=signed,
        )
        for source, signed in found.items()
    ]


def explained_by(factor: str, shares: Sequence[VarianceShare]) -> float | None:
    """Return the share of the variance in which a factor has a part: its own and its interactions, in [0, 1].

    The source of all factors, which holds the noise, is left out. Components are summed before they are cut off at
    0: cut off one by one they find something in pure noise. None where nothing varies.
    """
    most = max((len(share.source) for share in shares), default=0)
    total = sum(share.signed for share in shares)
    own = sum(share.signed for share in shares if factor in share.source and len(share.source) < most)
    return min(1.0, max(0.0, own / total)) if total > 1e-15 else None


def _mean_square(values: FloatArray, source: tuple[int, ...]) -> float:
    """Return the sum of squares of a source over its degrees of freedom (analysis of variance)."""
    effect = values
    for axis in range(values.ndim):
        mean = effect.mean(axis=axis, keepdims=True)
        effect = effect - mean if axis in source else mean
    repeated = values.size / effect.size
    freedom = np.prod([values.shape[axis] - 1 for axis in source])
    return float(np.sum(effect**2) * repeated / freedom)
