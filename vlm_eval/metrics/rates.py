"""Intervals of rates: Clopper-Pearson on the effective number of items (Korn and Graubard 1998).

E. L. Korn, B. I. Graubard, Confidence intervals for proportions with small expected number of positive counts
estimated from survey data, Survey Methodology 24 (1998) 193-201.
"""

import numpy as np
from scipy.special import betaincinv, stdtrit

from vlm_eval.metrics.estimate import LEVEL, Estimate, FloatArray, IntArray, undefined
from vlm_eval.metrics.sampling import Sampling, compact, variance

_TAIL = (1 - LEVEL) / 2
ADDED_OUTCOMES = 2.0
"""Items of the rarer outcome that the design effect is computed with beside those observed."""


def clopper_pearson(hits: float, trials: float) -> tuple[float, float]:
    """Return the exact interval of a binomial rate; both numbers may be fractions (0 <= hits <= trials)."""
    low = 0.0 if hits <= 0 else float(betaincinv(hits, trials - hits + 1, _TAIL))
    high = 1.0 if hits >= trials else float(betaincinv(hits + 1, trials - hits, 1 - _TAIL))
    return low, high


def rate(
    hits: FloatArray,
    trials: FloatArray,
    parts: IntArray,
    drawn: Sampling,
    part_weights: FloatArray | None = None,
) -> Estimate:
    """Estimate the mean over parts of (sum of hits / sum of trials), with a cluster-adjusted interval.

    Args:
        hits: what counts, for each item, shape (items,); between 0 and the item's trials.
        trials: out of how much, for each item: 1, or a fraction or a multiple (2 for the true positives of F1).
        parts: the part of each item: its class for a macro mean, 0 for a pooled rate. Parts without trials drop
            out.
        drawn: clusters and strata of the items.
        part_weights: weight of each part, shape (parts,); equal by default.

    Returns:
        The rate and its interval, both in [0, 1]. The effective number of items never exceeds the number that the
        weights leave (Kish 1965), which also holds where the observed rate is 0 or 1.
    """
    counted = trials > 0
    if not counted.any():
        return undefined("no items")
    hits, trials, parts, drawn = hits[counted], trials[counted], parts[counted], drawn.subset(counted)
    present, parts = compact(parts)
    weights = np.ones(present.size) if part_weights is None else part_weights[present]
    item_weights = (weights / weights.sum() / np.bincount(parts, weights=trials))[parts]
    by_part = np.bincount(parts, weights=hits) / np.bincount(parts, weights=trials)
    value = float(np.clip(np.round(np.sum(item_weights * hits), 12), 0, 1))
    if drawn.degrees_of_freedom < 1:
        return Estimate(value, items=hits.size, clusters=drawn.clusters, reason="one cluster: no interval")
    influence = item_weights * (hits - by_part[parts] * trials)
    minority = item_weights * (hits if value < 0.5 else trials - hits)
    at, extra = _heavier_cluster(minority, item_weights * trials, drawn)
    influence[at] += extra if value < 0.5 else -extra
    assumed = float(minority.sum()) + extra
    effective = _effective_items(assumed, variance(influence, drawn), item_weights * trials, drawn)
    low, high = clopper_pearson(value * effective, effective)
    return Estimate(value, low, high, hits.size, drawn.clusters)


def _heavier_cluster(minority: FloatArray, weights: FloatArray, drawn: Sampling) -> tuple[int, float]:
    """Return an item of the cluster with most of the rarer outcome, and the weight of up to two more in it.

    With few of the rarer outcome (say, errors) the data look unclustered, whatever they are: without this the
    interval of a rate of 0.97 in 15 clusters covered 88 %. Clusters of one item get none: there it is exact.
    """
    sizes = drawn.totals(np.ones(weights.size))
    mean_weight = drawn.totals(weights) / sizes
    found = drawn.totals(minority)
    room = np.clip(sizes - np.maximum(found / mean_weight, 1.0), 0.0, ADDED_OUTCOMES)
    worst = int(np.lexsort((sizes, found * (room > 0), room > 0))[-1])
    return int(np.argmax(drawn.cluster_of_item == worst)), float(room[worst] * mean_weight[worst])


def _effective_items(value: float, spread: float, weights: FloatArray, drawn: Sampling) -> float:
    """Return Korn and Graubard's n*; with one item a cluster and equal weights it is the number of items."""
    independent = float(1 / np.sum(weights**2))
    items = weights.size
    binomial = value * (1 - value) * items / max(items - 1, 1)
    effective = independent if spread <= 1e-15 else min(independent, binomial / spread)
    lost = stdtrit(items - 1, _TAIL) / stdtrit(drawn.degrees_of_freedom, _TAIL) if items > 1 else 1.0
    return float(effective * min(lost, 1.0) ** 2)


def simple_rate(values: FloatArray, parts: IntArray, drawn: Sampling) -> Estimate:
    """Estimate the mean over parts of the mean of values in [0, 1]; NaN values are left out."""
    known = ~np.isnan(values)
    return rate(np.where(known, values, 0.0), known.astype(np.float64), parts, drawn)
