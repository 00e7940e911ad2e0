"""Two cells on the same items: tests that hold for clustered pairs, and Holm's correction.

Cluster sign-flip: under the null hypothesis the difference of a whole cluster is as likely as its negative
(Fisher 1935; Winkler et al., NeuroImage 92 (2014) 381-397, sign-flipping by exchangeability blocks).
McNemar mid-p: Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13 (2013) 91.
Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import bdtr

from vlm_eval.metrics.estimate import FloatArray

FLIPS = 9_999
_EXACT_UP_TO = 13  # clusters: 2 ** 13 sign patterns are fewer than the random ones
_CELLS_AT_ONCE = 4_000_000
_FEW_SIZES = 8  # clusters for each distinct size of a difference


def sign_flip_test(differences: FloatArray, seed: int = 0) -> float:
    """Return the two-sided p-value that the sum of the cluster differences is zero.

    Args:
        differences: one number a cluster (the weighted sum over its items), shape (clusters,).
        seed: of the random signs, which are drawn where there are more than 13 clusters that differ.

    Returns:
        The exact p-value for few clusters, else one of 9,999 random flips and the observed one (never 0). Fewer
        than six clusters that differ cannot reach 0.05.
    """
    differing = differences[np.abs(differences) > 1e-12 * max(1.0, float(np.abs(differences).max(initial=0)))]
    if not differing.size:
        return 1.0
    observed = abs(float(differing.sum())) * (1 - 1e-9) - 1e-15
    if differing.size <= _EXACT_UP_TO:
        return float(np.mean(np.abs(_all_signs(differing.size) @ differing) >= observed))
    return (1 + _extreme_flips(differing, observed, seed)) / (1 + FLIPS)


def _all_signs(clusters: int) -> FloatArray:
    patterns = np.arange(2**clusters)[:, None] >> np.arange(clusters)
    return ((patterns & 1) * 2.0 - 1.0).astype(np.float64)


def _extreme_flips(differing: FloatArray, observed: float, seed: int) -> int:
    generator = np.random.default_rng(seed)
    digits = 12 - int(np.floor(np.log10(np.abs(differing).max())))
    sizes, counts = np.unique(np.abs(differing).round(digits), return_counts=True)
    if sizes.size * _FEW_SIZES <= differing.size:  # how many of a size stay positive is binomial: the same draw
        kept = generator.binomial(counts, 0.5, (FLIPS, sizes.size))
        return int(np.sum(np.abs((2.0 * kept - counts) @ sizes) >= observed))
    at_once = max(1, _CELLS_AT_ONCE // differing.size)
    extreme, done = 0, 0
    while done < FLIPS:
        rows = min(at_once, FLIPS - done)
        bits = np.unpackbits(generator.integers(0, 256, (rows, -(-differing.size // 8)), dtype=np.uint8), axis=1)
        positive = bits[:, : differing.size].astype(np.float64) @ differing
        extreme += int(np.sum(np.abs(2 * positive - differing.sum()) >= observed))
        done += rows
    return extreme


def mcnemar_mid_p(only_first: int, only_second: int) -> float:
    """Return the two-sided mid-p of McNemar's test; valid only where every pair is its own cluster.

    Args:
        only_first: pairs right in the first cell only.
        only_second: pairs right in the second cell only.
    """
    discordant, fewer = only_first + only_second, min(only_first, only_second)
    if only_first == only_second:
        return 1.0
    below = float(bdtr(fewer - 1, discordant, 0.5)) if fewer else 0.0
    return below + float(bdtr(fewer, discordant, 0.5))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust a family of p-values by Holm's step-down method; same order, at most 1."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return [float(value) for value in adjusted]
