"""Effects and interactions on two scales: as a difference of rates and as a difference of log-odds, by clusters.

The log-odds are marginal (population-averaged): the delta method on rates whose variance is that between
clusters, as a generalised estimating equation with working independence gives it (Liang and Zeger, Biometrika
73 (1986) 13-22).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import logit, stdtrit

from vlm_eval.metrics.estimate import LEVEL, BoolArray, Estimate, FloatArray, IntArray, undefined
from vlm_eval.metrics.sampling import Sampling, centred, variance

Scale = Literal["risk", "log-odds"]


def combine(
    groups: Sequence[FloatArray], signs: Sequence[int], parts: IntArray, drawn: Sampling, scale: Scale
) -> Estimate:
    """Estimate the mean over groups of cells of a signed sum of their rates or log-odds.

    Args:
        groups: one array a group, shape (cells of a group, items), values in [0, 1]; NaN without an answer. An
            item that lacks one cell of a group leaves that group only.
        signs: sign of each cell in a group: (-1, 1) for an effect, (1, -1, -1, 1) for an interaction.
        parts: class of each item, for a macro mean over classes; 0 for a pooled rate.
        drawn: clusters and strata of the items.
        scale: "risk" for rates, "log-odds" for their logits; rates of 0 and 1 get half an item on either side.
    """
    terms = [_term(group, signs, parts, drawn, scale) for group in groups if not np.isnan(group).any(axis=0).all()]
    if not terms:
        return undefined("no item has an answer in all cells", parts.size)
    value = float(np.mean([own for own, _ in terms]))
    influence = np.mean([own for _, own in terms], axis=0)
    used = np.any([~np.isnan(group).any(axis=0) for group in groups], axis=0)
    drawn = drawn.subset(used)
    items = int(used.sum())
    if drawn.degrees_of_freedom < 1:
        return Estimate(value, items=items, clusters=drawn.clusters, reason="one cluster: no interval")
    error = variance(influence[used], drawn) ** 0.5
    if error < 1e-12:
        reason = "no spread between clusters: no interval on this scale"
        return Estimate(value, items=items, clusters=drawn.clusters, reason=reason)
    margin = float(stdtrit(drawn.degrees_of_freedom, (1 + LEVEL) / 2)) * error
    return Estimate(value, value - margin, value + margin, items, drawn.clusters)


def _term(
    group: FloatArray, signs: Sequence[int], parts: IntArray, drawn: Sampling, scale: Scale
) -> tuple[float, FloatArray]:
    known: BoolArray = ~np.asarray(np.isnan(group).any(axis=0))
    sizes = np.bincount(parts[known], minlength=int(parts.max()) + 1)
    weights = np.where(known, 1 / np.maximum(sizes, 1)[parts] / np.sum(sizes > 0), 0.0)
    value, influence = 0.0, np.zeros(parts.size)
    for sign, row in zip(signs, group, strict=True):
        rate = float(np.sum(weights * np.where(known, row, 0.0)))
        slope = 1.0
        if scale == "log-odds":
            inside = (rate * known.sum() + 0.5) / (known.sum() + 1) if rate < 1e-9 or rate > 1 - 1e-9 else rate
            rate, slope = float(logit(inside)), 1 / (inside * (1 - inside))
        value += sign * rate
        influence += sign * slope * weights * centred(row, known, parts, drawn)
    return value, influence


@dataclass(frozen=True, slots=True)
class Interaction:
    """Whether one ingredient changes what another is worth, on both scales."""

    risk: Estimate
    log_odds: Estimate

    @property
    def disagree(self) -> bool:
        """Say whether one scale shows an interaction (interval without zero), the other none or its opposite."""
        return _direction(self.risk) != _direction(self.log_odds)


def _direction(estimate: Estimate) -> int:
    if estimate.low is None or estimate.high is None:
        return 0
    return 1 if estimate.low > 0 else -1 if estimate.high < 0 else 0


def interaction(quads: Sequence[FloatArray], parts: IntArray, drawn: Sampling) -> Interaction:
    """Estimate an interaction of two ingredients from groups of four cells: neither, first, second, both."""
    signs = (1, -1, -1, 1)
    return Interaction(
        combine(quads, signs, parts, drawn, "risk"), combine(quads, signs, parts, drawn, "log-odds")
    )
