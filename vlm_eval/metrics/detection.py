"""Detection apart from the prevalence of the items and from the habit of saying yes.

d' and criterion c: Green and Swets, Signal Detection Theory and Psychophysics (1966). The log-linear
correction, 0.5 added to hits and false alarms and 1 to both numbers of items: Hautus, Behavior Research
Methods, Instruments and Computers 27 (1995) 46-51. Precision at another prevalence is Bayes' theorem.
"""

from dataclasses import dataclass, replace

from scipy.special import ndtri

from vlm_eval.metrics.estimate import Estimate, undefined

DEFECT_RATE = 0.01
"""Share of anomalous items at which precision is told where nobody states another."""


@dataclass(frozen=True, slots=True)
class Detection:
    """Sensitivity d' (0: chance, higher is better) and criterion c (negative: says yes too easily)."""

    d_prime: Estimate
    criterion: Estimate


def detection(recall: Estimate, overkill: Estimate, anomalous: int, normal: int) -> Detection:
    """Return d' and c from the pooled true and false positive rate, corrected for rates of 0 and 1.

    Args:
        recall: true positive rate, with its interval.
        overkill: false positive rate, with its interval.
        anomalous: number of anomalous items.
        normal: number of normal items.

    Returns:
        The limits take both rates at their own 95 % limits, the worst way round, so they hold however the two
        rates hang together; a limit that is infinite leaves out the interval.
    """
    if recall.value is None or overkill.value is None:
        missing = undefined((recall if recall.value is None else overkill).reason or "undefined")
        return Detection(missing, missing)
    hits = _score((recall.value * anomalous + 0.5) / (anomalous + 1))
    alarms = _score((overkill.value * normal + 0.5) / (normal + 1))
    items, clusters = recall.items + overkill.items, max(recall.clusters, overkill.clusters)
    d_prime = Estimate(hits - alarms, items=items, clusters=clusters)
    criterion = replace(d_prime, value=-(hits + alarms) / 2)
    limits = (recall.low, recall.high, overkill.low, overkill.high)
    if any(limit is None for limit in limits):
        reason = recall.reason or overkill.reason
        return Detection(replace(d_prime, reason=reason), replace(criterion, reason=reason))
    hit_low, hit_high, alarm_low, alarm_high = (_score(limit) for limit in limits if limit is not None)
    return Detection(
        _limited(d_prime, hit_low - alarm_high, hit_high - alarm_low),
        _limited(criterion, -(hit_high + alarm_high) / 2, -(hit_low + alarm_low) / 2),
    )


def _score(rate: float) -> float:
    return float(ndtri(rate))


def _limited(estimate: Estimate, low: float, high: float) -> Estimate:
    if max(abs(low), abs(high)) < float("inf"):
        return replace(estimate, low=min(low, estimate.value or 0), high=max(high, estimate.value or 0))
    return replace(estimate, reason="a rate may be 0 or 1: no interval")


def precision_at(defect_rate: float, recall: Estimate, overkill: Estimate) -> Estimate:
    """Return the share of anomalous items among those called so, at a defect rate as met in use.

    Args:
        defect_rate: share of anomalous items, in (0, 1).
        recall: true positive rate, with its interval.
        overkill: false positive rate, with its interval.

    Returns:
        The limits take both rates at their own 95 % limits, the worst way round.

    Raises:
        ValueError: the defect rate is not between 0 and 1.
    """
    if not 0 < defect_rate < 1:
        raise ValueError(f"the defect rate is {defect_rate}; it must lie between 0 and 1, such as 0.01")
    if recall.value is None or overkill.value is None:
        return undefined((recall if recall.value is None else overkill).reason or "undefined")
    items, clusters = recall.items + overkill.items, max(recall.clusters, overkill.clusters)
    value = _bayes(defect_rate, recall.value, overkill.value)
    if value is None:
        return undefined("no item is called anomalous", items)
    if recall.low is None or recall.high is None or overkill.low is None or overkill.high is None:
        return Estimate(value, items=items, clusters=clusters, reason=recall.reason or overkill.reason)
    low = _bayes(defect_rate, recall.low, overkill.high) or 0.0
    high = _bayes(defect_rate, recall.high, overkill.low)
    return Estimate(value, low, 1.0 if high is None else high, items, clusters)


def _bayes(defect_rate: float, recall: float, overkill: float) -> float | None:
    found = defect_rate * recall
    called = found + (1 - defect_rate) * overkill
    return found / called if called > 0 else None
