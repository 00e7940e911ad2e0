"""Whether the model declines to answer more often on anomalous items than on normal ones.

The test flips the signs of the score contributions of clusters: Hemerik, Goeman and Finos, Journal of the Royal
Statistical Society B 82 (2020) 841-864.
"""

import numpy as np
from scipy.special import stdtrit

from vlm_eval.metrics.comparisons import sign_flip_test
from vlm_eval.metrics.effects import Effect
from vlm_eval.metrics.estimate import LEVEL, Estimate, FloatArray, IntArray, undefined
from vlm_eval.metrics.sampling import Sampling, variance


def no_claim_difference(
    no_claim: FloatArray, gold: IntArray, parts: IntArray, drawn: Sampling, seed: int = 0
) -> Effect:
    """Estimate how much more often anomalous items go without a claim than normal ones, and test it.

    Args:
        no_claim: 1 where the answer makes no claim, 0 where it makes one, or a share over repeats; shape (items,).
        gold: 1 anomalous, 0 normal.
        parts: class of each item; the difference is the mean over the classes that have both.
        drawn: clusters and strata of the items. A cluster may hold both or only one of the two.
        seed: of the random sign flips.
    """
    usable = [part for part in np.unique(parts) if len(np.unique(gold[parts == part])) == 2]
    keep = np.isin(parts, usable)
    if not usable:
        return Effect(undefined("no class has both normal and anomalous items", gold.size), None, None)
    no_claim, gold, parts, drawn = no_claim[keep], gold[keep], parts[keep], drawn.subset(keep)
    if not no_claim.any() or no_claim.all():
        said = "every answer makes a claim" if not no_claim.any() else "no answer makes a claim"
        return Effect(Estimate(0.0, items=gold.size, clusters=drawn.clusters, reason=said), None, None)
    influence, scores, value = _contributions(no_claim, gold, parts)
    if drawn.degrees_of_freedom < 1:
        reason = "one cluster: no interval, no test"
        return Effect(Estimate(value, items=gold.size, clusters=drawn.clusters, reason=reason), None, None)
    error = variance(influence, drawn) ** 0.5
    margin = float(stdtrit(drawn.degrees_of_freedom, (1 + LEVEL) / 2)) * error
    limits = max(-1.0, value - margin), min(1.0, value + margin)
    p_value = sign_flip_test(drawn.totals(scores), seed)
    estimate = Estimate(value, *limits, gold.size, drawn.clusters)
    return Effect(estimate, p_value, "sign-flip", error, drawn.degrees_of_freedom)


def _contributions(no_claim: FloatArray, gold: IntArray, parts: IntArray) -> tuple[FloatArray, FloatArray, float]:
    """Return what each item adds to the variance and to the test (both sum to 0 or the value), and the value."""
    influence, scores = np.zeros(gold.size), np.zeros(gold.size)
    present = np.unique(parts)
    for part in present:
        inside = parts == part
        own, rate = gold[inside], no_claim[inside]
        means = np.array([rate[own == 0].mean(), rate[own == 1].mean()])
        share = own.mean()
        side = (own - share) / (own.size * share * (1 - share) * present.size)
        influence[inside] = side * (rate - means[own])
        scores[inside] = side * (rate - rate.mean())
    return influence, scores, float(scores.sum())
