"""AUROCs of resampled clusters, fast: scores are ranked once, and a resample is a count for each cluster.

A percentile interval of them is too narrow with few clusters; `jackknife.macro_auroc` is what reports print.
"""

import numpy as np

from vlm_eval.metrics.estimate import FloatArray, IntArray
from vlm_eval.metrics.ranking import undefined_reason


def auroc_of_resamples(gold: IntArray, score: FloatArray, clusters: IntArray, resamples: IntArray) -> FloatArray:
    """Return the AUROC of each resample; NaN where it drew no anomalous or no normal items.

    Args:
        gold: 1 anomalous, 0 normal, shape (items,).
        score: higher is more anomalous, finite.
        clusters: cluster of each item, from 0 on.
        resamples: clusters that were drawn, shape (resamples, draws).

    Raises:
        ValueError: the AUROC of the items themselves is undefined.
    """
    reason = undefined_reason(gold, score)
    if reason:
        raise ValueError(f"no AUROC can be resampled: {reason}")
    ordered, rank = np.unique(score, return_inverse=True)
    code = gold * ordered.size + rank  # normal items first, then anomalous ones, by rank
    alone = np.array_equal(clusters, np.arange(clusters.size))
    found = np.empty(len(resamples))
    for index, drawn in enumerate(resamples):
        table = _table(code, clusters, drawn, alone, 2 * ordered.size)
        negative, positive = table[: ordered.size], table[ordered.size :]
        below = np.cumsum(negative)
        pairs = positive.sum() * below[-1]
        found[index] = positive @ (below - negative / 2) / pairs if pairs else np.nan
    return found


def _table(code: IntArray, clusters: IntArray, drawn: IntArray, alone: bool, size: int) -> FloatArray:
    if alone:
        return np.bincount(code[drawn], minlength=size).astype(np.float64)
    counts = np.bincount(drawn, minlength=int(clusters.max()) + 1)
    return np.bincount(code, weights=counts[clusters], minlength=size).astype(np.float64)
