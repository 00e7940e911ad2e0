"""A cell and its probe on the same items: how many answers change, and what that does to the rates.

The share of changed answers is the mean total variation distance between what the two cells claim of an item
(anomalous, normal, nothing), which for single answers is 0 or 1. Tests and intervals by clusters: metrics.effects;
equivalence by two one-sided tests: metrics.equivalence.
"""

from dataclasses import dataclass

import numpy as np

from vlm_eval.metrics.effects import Effect, main_effect
from vlm_eval.metrics.equivalence import MARGIN, Equivalence, equivalence
from vlm_eval.metrics.estimate import BoolArray, Estimate, FloatArray, IntArray, undefined
from vlm_eval.metrics.jackknife import jackknife
from vlm_eval.metrics.ranking import auroc
from vlm_eval.metrics.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Said:
    """What a cell says of each item, shape (items,): shares of its repeats, NaN without an answer; scores."""

    yes: FloatArray
    no: FloatArray
    score: FloatArray


@dataclass(frozen=True, slots=True)
class Change:
    """What a probe changes, probe minus base; items without an answer in both are left out."""

    flips: Effect  # share of the answers that change, macro over classes
    recall: Effect
    overkill: Effect
    balanced: Effect  # mean of the true positive and true negative rates, each class and gold alike
    auroc: Estimate
    few_flips: Equivalence  # that fewer answers change than the margin
    no_loss: Equivalence  # that the balanced accuracy changes less than the margin


def compare_probe(
    base: Said, probe: Said, gold: IntArray, parts: IntArray, drawn: Sampling, margin: float = MARGIN
) -> Change:
    """Compare a probe with its base on the same items.

    Args:
        base: what the cell says.
        probe: what it says under the probe.
        gold: 1 anomalous, 0 normal.
        parts: class of each item.
        drawn: clusters and strata of the items.
        margin: share of answers, and difference of rates, under which nothing counts as changed.
    """
    anomalous, normal = gold == 1, gold == 0
    right = _right(probe, gold) - _right(base, gold)
    flips = main_effect(_distance(base, probe)[None], parts, drawn)
    balanced = main_effect(right[None], 2 * parts + gold, drawn)
    return Change(
        flips=flips,
        recall=_among(right, anomalous, parts, drawn),
        overkill=_among(-right, normal, parts, drawn),
        balanced=balanced,
        auroc=auroc_change(base.score, probe.score, gold, parts, drawn),
        few_flips=equivalence(flips, margin),
        no_loss=equivalence(balanced, margin),
    )


def auroc_change(
    before: FloatArray, after: FloatArray, gold: IntArray, parts: IntArray, drawn: Sampling
) -> Estimate:
    """Estimate the change of the AUROC, macro over classes, on the items that both cells score.

    The interval is the cluster jackknife of the difference; there is none where no score changes.
    """
    known: BoolArray = ~(np.isnan(before) | np.isnan(after))
    before, after, gold, parts = before[known], after[known], gold[known], parts[known]
    usable = [part for part in np.unique(parts) if np.unique(gold[parts == part]).size == 2]
    if not usable:
        return undefined("no class with normal and anomalous items is scored in both cells", int(known.sum()))
    keep = np.isin(parts, usable)
    before, after, gold, parts = before[keep], after[keep], gold[keep], parts[keep]
    drawn = drawn.subset(known).subset(keep)
    if np.array_equal(before, after):
        return Estimate(0.0, items=gold.size, clusters=drawn.clusters, reason="no score changes")

    def halved(kept: BoolArray) -> float | None:  # to [0, 1], where the jackknife works
        changes = [_auroc_change(before, after, gold, kept & (parts == part)) for part in usable]
        found = [change for change in changes if change is not None]
        return (1 + float(np.mean(found))) / 2 if found else None

    found = jackknife(halved, drawn, gold.size)
    if found.value is None or found.low is None or found.high is None:
        changed = None if found.value is None else 2 * found.value - 1
        return Estimate(changed, None, None, found.items, found.clusters, found.reason)
    if (
        found.high - found.low < 1e-9
    ):  # as where scores change but no order of them: a spread of zero proves nothing
        return Estimate(2 * found.value - 1, None, None, found.items, found.clusters, "no rank changes")
    value, low, high = (2 * limit - 1 for limit in (found.value, found.low, found.high))
    return Estimate(value, low, high, found.items, found.clusters, found.reason)


def _auroc_change(before: FloatArray, after: FloatArray, gold: IntArray, here: BoolArray) -> float | None:
    first, second = auroc(gold[here], before[here]), auroc(gold[here], after[here])
    return None if first is None or second is None else second - first


def _right(said: Said, gold: IntArray) -> FloatArray:
    return np.where(gold == 1, said.yes, said.no)


def _distance(base: Said, probe: Said) -> FloatArray:
    yes, no = probe.yes - base.yes, probe.no - base.no
    return (np.abs(yes) + np.abs(no) + np.abs(yes + no)) / 2


def _among(change: FloatArray, keep: BoolArray, parts: IntArray, drawn: Sampling) -> Effect:
    if not keep.any():
        return Effect(undefined("no such items"), None, None)
    return main_effect(change[keep][None], parts[keep], drawn.subset(keep))
