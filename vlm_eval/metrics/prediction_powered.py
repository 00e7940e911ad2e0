"""A rate from many automatic judgements and a few human labels: prediction-powered inference.

Angelopoulos, Bates, Fannjiang, Jordan and Zrnic, Science 382 (2023) 669-674, algorithm 1, with the inverse
of the drawing probabilities as weights (Horvitz and Thompson 1952; Zrnic and Candes, Active Statistical
Inference, 2024), so labels may be drawn from disagreements first, as long as the probabilities are recorded.
"""

import numpy as np
from scipy.special import stdtrit

from vlm_eval.metrics.estimate import LEVEL, Estimate, FloatArray, undefined
from vlm_eval.metrics.sampling import Sampling, variance

ADDED_LABELS = 1.0
"""Labels that contradict the judgement by one, in each direction, which the variance is computed with beside those
that were seen: with few contradictions the correction looks more certain than it is."""


def prediction_powered(
    judged: FloatArray, label: FloatArray, probability: FloatArray, drawn: Sampling
) -> Estimate:
    """Estimate the mean that human labels of all items would have.

    Args:
        judged: the automatic judgement of every item, in [0, 1], shape (items,); no NaN.
        label: the human label, in [0, 1]; NaN where there is none.
        probability: the probability with which an item was drawn for labelling, in (0, 1]; NaN where it was not
            recorded. A label without it never enters.
        drawn: clusters and strata of the items.

    Returns:
        mean(judged) + mean((label - judged) / probability over the labelled items), in [0, 1].

    Raises:
        ValueError: a judgement is missing or out of range, or a probability is not in (0, 1].
    """
    _check(judged, label, probability)
    if not judged.size:
        return undefined("no items")
    used = ~np.isnan(label) & ~np.isnan(probability)
    if used.sum() < 2:
        why = "fewer than two labels were drawn with a recorded probability"
        return undefined(why, judged.size)
    correction = np.zeros(judged.size)
    correction[used] = (label[used] - judged[used]) / probability[used]
    contributions = judged + correction
    value = float(np.clip(contributions.mean(), 0, 1))
    labelled = drawn.subset(used)
    freedom = min(drawn.degrees_of_freedom, labelled.degrees_of_freedom)
    items, clusters = int(used.sum()), drawn.clusters
    if freedom < 1:
        return Estimate(value, items=items, clusters=clusters, reason="one cluster: no interval")
    unseen = 2 * ADDED_LABELS * float(np.mean(1 / probability[used] ** 2)) / judged.size**2
    spread = variance((contributions - contributions.mean()) / judged.size, drawn) + unseen
    margin = float(stdtrit(freedom, (1 + LEVEL) / 2)) * spread**0.5
    return Estimate(value, max(0.0, value - margin), min(1.0, value + margin), items, clusters)


def _check(judged: FloatArray, label: FloatArray, probability: FloatArray) -> None:
    if not judged.shape == label.shape == probability.shape:
        raise ValueError(
            f"{judged.size} judgements, {label.size} labels, {probability.size} probabilities: one each"
        )
    for name, values in (("judgement", judged), ("label", label[~np.isnan(label)])):
        if values.size and not (np.all(values >= 0) and np.all(values <= 1)):
            raise ValueError(f"a {name} is missing or lies outside [0, 1]")
    known = probability[~np.isnan(probability)]
    if known.size and not (np.all(known > 0) and np.all(known <= 1)):
        raise ValueError("a drawing probability lies outside (0, 1]; an item that could not be drawn has none")
