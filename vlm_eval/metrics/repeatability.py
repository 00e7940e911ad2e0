"""Whether the same question gets the same answer again."""

from dataclasses import dataclass

import numpy as np

from vlm_eval.metrics.estimate import Estimate, FloatArray, IntArray, undefined
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.metrics.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Repeatability:
    """Agreement of the repeats of an item, in [0, 1]."""

    unanimous: Estimate  # items on which all repeats say the same
    agreement: Estimate  # chance that two repeats of an item say the same


def repeatability(counts: IntArray, parts: IntArray, drawn: Sampling) -> Repeatability:
    """Estimate how often repeats agree, where no claim is an answer like any other.

    Args:
        counts: repeats by what they say, shape (items, kinds of answer); items with fewer than two repeats are
            left out.
        parts: class of each item, for a macro mean.
        drawn: clusters and strata of the items.
    """
    repeats = counts.sum(axis=1)
    asked = repeats >= 2
    if not asked.any():
        missing = undefined("no item was asked twice", counts.shape[0])
        return Repeatability(missing, missing)
    unanimous: FloatArray = np.where(asked, counts.max(axis=1, initial=0) == repeats, np.nan)
    pairs = (counts * (counts - 1)).sum(axis=1) / np.where(asked, repeats * (repeats - 1), 1)
    agreeing: FloatArray = np.where(asked, pairs, np.nan)
    return Repeatability(simple_rate(unanimous, parts, drawn), simple_rate(agreeing, parts, drawn))
