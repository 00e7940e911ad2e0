"""Splits by clusters, so that no object, series or patient stands on both sides."""

import numpy as np

from vlm_eval.metrics.estimate import IntArray
from vlm_eval.metrics.sampling import Sampling


def folds(drawn: Sampling, number: int, seed: int = 0) -> IntArray:
    """Deal the clusters of each stratum into folds of nearly equal size; returns the fold of each item.

    Raises:
        ValueError: fewer than two folds are asked for.
    """
    if number < 2:
        raise ValueError(f"{number} folds: at least two are needed")
    order = np.random.default_rng(seed).permutation(drawn.clusters)
    order = order[np.argsort(drawn.stratum_of_cluster[order], kind="stable")]
    fold_of_cluster = np.empty(drawn.clusters, dtype=np.int64)
    fold_of_cluster[order] = np.arange(drawn.clusters) % number
    return fold_of_cluster[drawn.cluster_of_item]
