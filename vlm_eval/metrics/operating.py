"""Operating points: a threshold chosen on a calibration split, judged on the rest.

An item is flagged as anomalous where its score reaches the threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vlm_eval.metrics.estimate import BoolArray, Estimate, FloatArray, IntArray, undefined
from vlm_eval.metrics.ranking import undefined_reason
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.metrics.sampling import Sampling
from vlm_eval.metrics.splitting import folds


@dataclass(frozen=True, slots=True)
class Costs:
    """Cost of one miss and of one false alarm, in any unit, at a share of anomalous items as met in use."""

    miss: float
    false_alarm: float
    defect_rate: float

    def expected(self, miss: float, overkill: float) -> float:
        """Return the expected cost an item."""
        return self.miss * self.defect_rate * miss + self.false_alarm * (1 - self.defect_rate) * overkill


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold and what it does on items that did not choose it."""

    threshold: float | None
    miss: Estimate
    overkill: Estimate
    cost: float | None = None  # expected cost an item


def threshold_for_recall(gold: IntArray, score: FloatArray, recall: float) -> float | None:
    """Return the highest threshold that flags at least this share of the anomalous items; None without such items.

    A recall of 1 gives the lowest score of an anomalous item.
    """
    anomalous = np.sort(score[gold == 1])[::-1]
    if not anomalous.size:
        return None
    needed = max(1, int(np.ceil(recall * anomalous.size - 1e-9)))
    return float(anomalous[needed - 1])


def threshold_for_cost(gold: IntArray, score: FloatArray, costs: Costs) -> float | None:
    """Return the threshold of the least expected cost; infinity where flagging nothing is cheapest."""
    anomalous, normal = np.sort(score[gold == 1]), np.sort(score[gold == 0])
    if not anomalous.size or not normal.size:
        return None
    cuts = np.append(np.unique(score), np.inf)
    miss = np.searchsorted(anomalous, cuts, side="left") / anomalous.size
    overkill = 1 - np.searchsorted(normal, cuts, side="left") / normal.size
    cost = costs.miss * costs.defect_rate * miss + costs.false_alarm * (1 - costs.defect_rate) * overkill
    return float(cuts[int(np.argmin(cost))])


def operating_point(
    gold: IntArray, score: FloatArray, parts: IntArray, drawn: Sampling, target: float | Costs, seed: int = 0
) -> OperatingPoint:
    """Choose a threshold on half of the clusters and judge it on the other half.

    Args:
        gold: 1 anomalous, 0 normal, shape (items,).
        score: higher is more anomalous, finite.
        parts: class of each item, for macro rates; the threshold is one for all.
        drawn: clusters and strata of the items.
        target: the recall to hold on the calibration half, or the costs to keep low.
        seed: of the split.
    """
    reason = undefined_reason(gold, score)
    calibration: BoolArray = folds(drawn, 2, seed) == 0 if not reason else np.zeros(0, dtype=np.bool_)
    if not reason and not (calibration.any() and (~calibration).any()):
        reason = "one cluster cannot be split into calibration and test"
    if reason:
        return OperatingPoint(None, undefined(reason, gold.size), undefined(reason, gold.size))
    own_gold, own_score = gold[calibration], score[calibration]
    if isinstance(target, Costs):
        threshold = threshold_for_cost(own_gold, own_score, target)
    else:
        threshold = threshold_for_recall(own_gold, own_score, target)
    if threshold is None:
        missing = undefined("the calibration half lacks anomalous or normal items", gold.size)
        return OperatingPoint(None, missing, missing)
    flagged = (score >= threshold).astype(np.float64)
    miss = _among(1, 1 - flagged, gold, parts, drawn, ~calibration)
    overkill = _among(0, flagged, gold, parts, drawn, ~calibration)
    cost = None
    if isinstance(target, Costs) and miss.value is not None and overkill.value is not None:
        cost = target.expected(miss.value, overkill.value)
    return OperatingPoint(threshold, miss, overkill, cost)


def _among(
    side: int, values: FloatArray, gold: IntArray, parts: IntArray, drawn: Sampling, test: BoolArray
) -> Estimate:
    keep = test & (gold == side)
    if not keep.any():
        return undefined(f"no {'anomalous' if side else 'normal'} items in the test half")
    return simple_rate(values[keep], parts[keep], drawn.subset(keep))


@dataclass(frozen=True, slots=True)
class Triage:
    """Two thresholds: accept below the lower one, reject from the higher one on, send the rest to a person."""

    accept_below: float
    reject_from: float
    to_person: float  # share of all items
    miss: float | None  # anomalous items that were accepted, among all anomalous ones
    overkill: float | None  # normal items that were rejected, among all normal ones


def triage(gold: IntArray, score: FloatArray, accept_below: float, reject_from: float) -> Triage:
    """Say what two thresholds do; a person is taken to be right.

    Raises:
        ValueError: the thresholds are the wrong way round.
    """
    if accept_below > reject_from:
        raise ValueError(f"accept below {accept_below}, reject from {reject_from}: the first must not be higher")
    accepted, rejected = score < accept_below, score >= reject_from
    anomalous, normal = gold == 1, gold == 0
    return Triage(
        accept_below,
        reject_from,
        float(np.mean(~accepted & ~rejected)) if score.size else 0.0,
        float(np.mean(accepted[anomalous])) if anomalous.any() else None,
        float(np.mean(rejected[normal])) if normal.any() else None,
    )


def triage_curve(
    gold: IntArray, score: FloatArray, calibration: BoolArray, misses: Sequence[float], overkill: float
) -> list[Triage]:
    """Trace how many items go to a person when fewer misses are allowed.

    Args:
        gold: 1 anomalous, 0 normal, shape (items,).
        score: higher is more anomalous, finite.
        calibration: items that choose the thresholds; the others are judged.
        misses: share of anomalous items that may be accepted, one point each.
        overkill: share of normal items that may be rejected, for all points.

    Returns:
        One point a share; none where the calibration items lack one of the classes.
    """
    own_gold, own_score = gold[calibration], score[calibration]
    reject_from = threshold_for_overkill(own_gold, own_score, overkill)
    points = []
    for miss in misses:
        accept_below = threshold_for_recall(own_gold, own_score, 1 - miss)
        if accept_below is not None and reject_from is not None:
            upper = max(accept_below, reject_from)
            points.append(triage(gold[~calibration], score[~calibration], accept_below, upper))
    return points


def threshold_for_overkill(gold: IntArray, score: FloatArray, overkill: float) -> float | None:
    """Return the lowest threshold that flags at most this share of the normal items; None without such items."""
    normal = np.sort(score[gold == 0])[::-1]
    if not normal.size:
        return None
    allowed = int(np.floor(overkill * normal.size + 1e-9))
    return float("-inf") if allowed >= normal.size else float(np.nextafter(normal[allowed], np.inf))
