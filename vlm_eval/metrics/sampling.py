"""How items hang together: clusters (object, series, patient) inside strata (fixed classes).

A statistic is told by its influence, one number an item; its variance is that of the sum of independent clusters
(the ultimate-cluster estimator: Wolter, Introduction to Variance Estimation, 2007, chapter 2 and section 6.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vlm_eval.metrics.estimate import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Sampling:
    """Cluster of each item and stratum of each cluster, as codes from 0 without gaps."""

    cluster_of_item: IntArray
    stratum_of_cluster: IntArray

    @property
    def clusters(self) -> int:
        """Count the clusters."""
        return int(self.stratum_of_cluster.size)

    @property
    def degrees_of_freedom(self) -> int:
        """Return clusters minus strata, where a stratum of one cluster counts as none of its own."""
        sizes = np.bincount(self.stratum_of_cluster)
        lonely = int(np.sum(sizes == 1))
        strata = int(np.sum(sizes > 1)) + (1 if lonely == self.clusters else 0)
        return self.clusters - strata

    def subset(self, keep: BoolArray) -> "Sampling":
        """Keep some items; clusters without items vanish."""
        kept, cluster_of_item = compact(self.cluster_of_item[keep])
        return Sampling(cluster_of_item, compact(self.stratum_of_cluster[kept])[1])

    def totals(self, influence: FloatArray) -> FloatArray:
        """Sum a number an item to a number a cluster."""
        return np.bincount(self.cluster_of_item, weights=influence, minlength=self.clusters).astype(np.float64)


def compact(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Return the codes that occur, sorted, and every item's place among them, as np.unique; codes from 0 on."""
    present = np.bincount(codes) > 0
    return np.flatnonzero(present), (np.cumsum(present) - 1)[codes]


def sampling(groups: Sequence[str], classes: Sequence[str]) -> Sampling:
    """Read clusters and strata from names. Where a cluster spans classes, there is one stratum for all."""
    group_names, group_of_item = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    _, class_of_item = np.unique(np.asarray(classes, dtype=object).astype(str), return_inverse=True)
    lowest = np.full(group_names.size, np.iinfo(np.int64).max)
    highest = np.zeros(group_names.size, dtype=np.int64)
    np.minimum.at(lowest, group_of_item, class_of_item)
    np.maximum.at(highest, group_of_item, class_of_item)
    strata = highest if np.array_equal(lowest, highest) else np.zeros_like(highest)
    return Sampling(group_of_item.astype(np.int64), strata)


def centred(values: FloatArray, known: BoolArray, parts: IntArray, drawn: Sampling) -> FloatArray:
    """Subtract from each known value the mean of its part, shape (items,); 0 where it is not known.

    A part that lies in one cluster has no spread of its own to show. It is centred on the mean of all parts, which
    errs on the wide side, as in `variance`.
    """
    filled = np.where(known, values, 0.0)
    sizes = np.bincount(parts[known], minlength=int(parts.max()) + 1)
    means = np.bincount(parts, weights=filled, minlength=sizes.size) / np.maximum(sizes, 1)
    held = np.unique(parts[known] * drawn.clusters + drawn.cluster_of_item[known]) // drawn.clusters
    lonely = np.bincount(held, minlength=sizes.size) == 1
    centre = np.where(lonely, means[sizes > 0].mean(), means)
    return np.where(known, filled - centre[parts], 0.0)


def variance(influence: FloatArray, drawn: Sampling) -> float:
    """Return the variance of a statistic from its influence, shape (items,), summed by cluster within strata.

    The only cluster of a stratum is centred on zero, the mean of all, which errs on the wide side.
    """
    totals = drawn.totals(influence)
    sizes = np.bincount(drawn.stratum_of_cluster)
    means = np.bincount(drawn.stratum_of_cluster, weights=totals) / np.maximum(sizes, 1)
    centre = np.where(sizes > 1, means, 0.0)[drawn.stratum_of_cluster]
    factor = np.where(sizes > 1, sizes / np.maximum(sizes - 1, 1), 1.0)[drawn.stratum_of_cluster]
    return float(np.sum(factor * (totals - centre) ** 2))
