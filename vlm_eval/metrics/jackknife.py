"""Intervals of smooth statistics: the cluster jackknife with Student's t, on the logit scale for those in (0, 1).

Stratified delete-one-cluster jackknife: Wolter, Introduction to Variance Estimation (2007), section 4.5;
delete-a-group: Kott, Journal of Official Statistics 17 (2001) 521-526.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import expit, logit, stdtrit

from vlm_eval.metrics.estimate import LEVEL, BoolArray, Estimate, FloatArray, IntArray, undefined
from vlm_eval.metrics.ranking import auroc, undefined_reason, wins
from vlm_eval.metrics.sampling import Sampling

_TAIL = (1 - LEVEL) / 2
MOST_DELETIONS = 100
"""Where a statistic has no closed form and there are more clusters, they are deleted in this many blocks."""


def macro_auroc(gold: IntArray, score: FloatArray, parts: IntArray, drawn: Sampling) -> Estimate:
    """Estimate the mean over parts of the AUROC within each part, with an interval.

    Parts that hold one class only are left out, which `reason` says; an estimate without parts has no value.
    Where every pair is ordered rightly the jackknife sees no spread; then the bound is exact: m disjoint pairs of
    clusters are all ordered rightly with probability at most AUROC ** m.
    """
    reason = undefined_reason(gold, score)
    if reason:
        return undefined(reason, score.size)
    usable = [part for part in np.unique(parts) if len(np.unique(gold[parts == part])) == 2]
    if not usable:
        return undefined("no class has both normal and anomalous items", score.size)
    left_out = len(np.unique(parts)) - len(usable)
    note = (
        f"{left_out} of {len(usable) + left_out} classes without both normal and anomalous items are left out"
        if left_out
        else None
    )
    keep = np.isin(parts, usable)
    gold, score, parts, drawn = gold[keep], score[keep], parts[keep], drawn.subset(keep)
    values = [auroc(gold[parts == part], score[parts == part]) or 0.0 for part in usable]
    value = float(np.mean(values))
    deleted = np.zeros(drawn.clusters)
    for part, own in zip(usable, values, strict=True):
        inside = parts == part
        deleted += _auroc_without(gold[inside], score[inside], drawn.cluster_of_item[inside], drawn.clusters, own)
    low, high, why = _interval(value, deleted / len(usable), drawn.stratum_of_cluster, drawn.degrees_of_freedom)
    if low is not None and value in (0.0, 1.0):
        pairs = len(usable) * min(_disjoint_pairs(gold[parts == part], drawn, parts == part) for part in usable)
        bound = float((2 * _TAIL) ** (1 / pairs)) if pairs else 0.0
        low, high = (bound, 1.0) if value == 1.0 else (0.0, 1 - bound)
    return Estimate(value, low, high, score.size, drawn.clusters, why or note)


def _auroc_without(gold: IntArray, score: FloatArray, cluster: IntArray, clusters: int, own: float) -> FloatArray:
    """Return the AUROC after deleting each cluster; `own` for clusters that are not here, NaN where undefined."""
    anomalous, normal = gold == 1, gold == 0
    total = np.sum(wins(score[anomalous], score[normal]))
    lost = np.bincount(cluster[anomalous], weights=wins(score[anomalous], score[normal]), minlength=clusters)
    lost += np.bincount(cluster[normal], weights=wins(-score[normal], -score[anomalous]), minlength=clusters)
    size_anomalous = np.bincount(cluster[anomalous], minlength=clusters)
    size_normal = np.bincount(cluster[normal], minlength=clusters)
    for both in np.flatnonzero((size_anomalous > 0) & (size_normal > 0)):  # pairs within it were taken off twice
        here = cluster == both
        lost[both] -= np.sum(wins(score[anomalous & here], score[normal & here]))
    pairs = (anomalous.sum() - size_anomalous) * (normal.sum() - size_normal)
    with np.errstate(invalid="ignore", divide="ignore"):
        result = np.where(pairs > 0, (total - lost) / pairs, np.nan)
    return np.where(size_anomalous + size_normal == 0, own, result)


def _disjoint_pairs(gold: IntArray, drawn: Sampling, inside: BoolArray) -> int:
    """Count the pairs (anomalous from one cluster, normal from another) in which no cluster is used twice."""
    clusters = drawn.cluster_of_item[inside]
    with_anomalous, with_normal = set(clusters[gold == 1].tolist()), set(clusters[gold == 0].tolist())
    return min(len(with_anomalous), len(with_normal), len(with_anomalous | with_normal) // 2)


def jackknife(statistic: Callable[[BoolArray], float | None], drawn: Sampling, items: int) -> Estimate:
    """Estimate any smooth statistic in [0, 1] with an interval by deleting clusters, in blocks if they are many.

    Args:
        statistic: takes the mask of the items to keep, shape (items,), and returns the value or None.
        drawn: clusters and strata of the items.
        items: number of items.
    """
    value = statistic(np.ones(items, dtype=np.bool_))
    if value is None:
        return undefined("undefined on these items", items)
    blocks, strata = _blocks(drawn)
    deleted = np.array(
        [_or_nan(statistic(blocks[drawn.cluster_of_item] != block)) for block in range(strata.size)]
    )
    freedom = Sampling(np.zeros(0, dtype=np.int64), strata).degrees_of_freedom
    low, high, why = _interval(value, deleted, strata, freedom)
    if value in (0.0, 1.0):
        low, high, why = None, None, "every item is ranked alike: the jackknife gives no interval"
    return Estimate(value, low, high, items, drawn.clusters, why)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _blocks(drawn: Sampling) -> tuple[IntArray, IntArray]:
    """Deal the clusters of each stratum into blocks; returns the block of each cluster, stratum of each block."""
    if drawn.clusters <= MOST_DELETIONS:
        return np.arange(drawn.clusters), drawn.stratum_of_cluster
    strata = int(drawn.stratum_of_cluster.max()) + 1
    blocks_each = max(2, MOST_DELETIONS // strata)
    order = np.random.default_rng(0).permutation(drawn.clusters)
    block = np.zeros(drawn.clusters, dtype=np.int64)
    for stratum in range(strata):
        members = order[drawn.stratum_of_cluster[order] == stratum]
        block[members] = stratum * blocks_each + np.arange(members.size) % blocks_each
    present, block = np.unique(block, return_inverse=True)
    return block.astype(np.int64), present // blocks_each


def _interval(
    value: float, deleted: FloatArray, strata: IntArray, freedom: int
) -> tuple[float | None, float | None, str | None]:
    """Return the limits from the values after each deletion, or the reason why there are none."""
    if freedom < 1:
        return None, None, "one cluster: no interval"
    if np.isnan(deleted).any():
        return None, None, "all anomalous or all normal items of a class lie in one cluster: no interval"
    margin = stdtrit(freedom, 1 - _TAIL) * np.sqrt(_spread(value, deleted, strata))
    if not 0 < value < 1:
        return value, value, None
    slope = value * (1 - value)  # of expit: the delta method needs no logit of a deleted value of 0 or 1
    centre = logit(value)
    return float(expit(centre - margin / slope)), float(expit(centre + margin / slope)), None


def _spread(value: float, deleted: FloatArray, strata: IntArray) -> float:
    sizes = np.bincount(strata)
    means = np.where(sizes > 1, np.bincount(strata, weights=deleted) / np.maximum(sizes, 1), value)
    factor = np.where(sizes > 1, (sizes - 1) / np.maximum(sizes, 1), 1.0)
    return float(np.sum(factor[strata] * (deleted - means[strata]) ** 2))
