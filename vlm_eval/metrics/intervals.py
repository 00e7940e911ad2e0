"""How well claimed time intervals match gold ones: by points of time, and by affiliation. No point adjustment.

An interval is (start, end) with start < end, in any unit; the caller widens a point of time t to (t, t + step).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Match:
    """Precision, recall and F1 in [0, 1]; None where undefined, and `reason` says why."""

    precision: float | None
    recall: float | None
    f1: float | None
    reason: str | None = None


def merge(spans: Sequence[Span]) -> list[Span]:
    """Sort intervals and join those that touch or overlap. Raises ValueError for an empty one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if not start < end:
            raise ValueError(f"the interval ({start}, {end}) is empty; its end must be after its start")
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _length(spans: Sequence[Span]) -> float:
    return sum(end - start for start, end in spans)


def _common(spans: Sequence[Span], others: Sequence[Span]) -> float:
    """Return the length that two merged lists share, in one pass."""
    shared, first, second = 0.0, 0, 0
    while first < len(spans) and second < len(others):
        (start, end), (low, high) = spans[first], others[second]
        shared += max(0.0, min(end, high) - max(start, low))
        if end < high:
            first += 1
        else:
            second += 1
    return shared


def _match(precision: float | None, recall: float | None, reason: str | None = None) -> Match:
    if precision is None or recall is None:
        return Match(precision, recall, None, reason)
    total = precision + recall
    return Match(precision, recall, 2 * precision * recall / total if total else 0.0, reason)


def point_match(claimed: Sequence[Span], gold: Sequence[Span]) -> Match:
    """Compare intervals point of time by point of time.

    Precision is the share of the claimed time that is gold, recall the share of the gold time that is claimed.
    Nothing claimed leaves precision undefined and F1 at 0; without gold, recall is undefined.
    """
    said, true = merge(claimed), merge(gold)
    shared = _common(said, true)
    precision = shared / _length(said) if said else None
    if not true:
        return Match(precision, None, None, "there is no gold interval")
    if precision is None:
        return Match(None, 0.0, 0.0, "nothing is claimed")
    return _match(precision, shared / _length(true))


def affiliation_match(claimed: Sequence[Span], gold: Sequence[Span], series: Span) -> Match:
    """Compare intervals by affiliation (Huet, Navarro and Rossi 2022, sections 4 and 5).

    Each gold interval owns the part of the series that is nearer to it than to the others. Within it, a claimed
    point scores the probability that a random point of that part lies at least as far from the gold interval,
    and a gold point the probability that a random point lies at least as far from it as the claim does.
    Precision is the mean over the parts where something is claimed, recall the mean over all.

    Args:
        claimed: intervals; what lies outside the series is cut off.
        gold: at least one interval, inside the series.
        series: start and end of the whole series.
    """
    true = merge(gold)
    if not true:
        return Match(None, None, None, "there is no gold interval")
    if true[0][0] < series[0] or true[-1][1] > series[1]:
        raise ValueError(
            f"the gold intervals reach from {true[0][0]} to {true[-1][1]}, beyond the series {series}"
        )
    said = merge([cut for span in claimed for cut in _cut([span], series)])
    precisions, recalls = [], []
    for zone, event in zip(_zones(true, series), true, strict=True):
        here = _cut(said, zone)
        recalls.append(_recall_of(here, event, zone))
        if here:
            precisions.append(_precision_of(here, event, zone))
    recall = sum(recalls) / len(recalls)
    if not precisions:
        return Match(None, recall, 0.0, "nothing is claimed")
    return _match(sum(precisions) / len(precisions), recall)


def _zones(gold: Sequence[Span], series: Span) -> list[Span]:
    """Return the part of the series that belongs to each gold interval: borders halfway between neighbours."""
    borders = [(left[1] + right[0]) / 2 for left, right in pairwise(gold)]
    return list(zip([series[0], *borders], [*borders, series[1]], strict=True))


def _cut(spans: Sequence[Span], zone: Span) -> list[Span]:
    cut = [(max(start, zone[0]), min(end, zone[1])) for start, end in spans]
    return [(start, end) for start, end in cut if start < end]


def _precision_of(claimed: Sequence[Span], event: Span, zone: Span) -> float:
    def survival(point: float) -> float:
        """Return P(distance of a random point of the zone to the event >= the distance of this one)."""
        distance = max(event[0] - point, point - event[1], 0.0)
        if distance == 0:
            return 1.0
        nearer = min(event[1] + distance, zone[1]) - max(event[0] - distance, zone[0])
        return 1 - nearer / (zone[1] - zone[0])

    mirrored = [event[0] - (zone[1] - event[1]), event[1] + (event[0] - zone[0])]
    total = sum(_integrate(survival, span, [*event, *mirrored]) for span in claimed)
    return total / _length(claimed)


def _recall_of(claimed: Sequence[Span], event: Span, zone: Span) -> float:
    if not claimed:
        return 0.0
    halves = _zones(claimed, (-inf, inf))
    total = sum(_recall_from(span, zone, *_clip(event, half)) for span, half in zip(claimed, halves, strict=True))
    return total / (event[1] - event[0])


def _clip(event: Span, half: Span) -> Span:
    return max(event[0], half[0]), min(event[1], half[1])


def _recall_from(span: Span, zone: Span, start: float, end: float) -> float:
    """Integrate, over the points from start to end, whose nearest claim is `span`."""
    if start >= end:
        return 0.0

    def survival(point: float) -> float:
        """Return P(distance of a random point of the zone to this one >= the distance of the claim)."""
        distance = max(span[0] - point, point - span[1], 0.0)
        nearer = min(point + distance, zone[1]) - max(point - distance, zone[0])
        return 1 - nearer / (zone[1] - zone[0])

    kinks = [*span, (span[0] + zone[0]) / 2, (span[1] + zone[1]) / 2, 2 * span[0] - zone[1], 2 * span[1] - zone[0]]
    kinks += [(span[0] + zone[1]) / 2, (span[1] + zone[0]) / 2]
    return _integrate(survival, (start, end), kinks)


def _integrate(function: Callable[[float], float], span: Span, kinks: Sequence[float]) -> float:
    """Integrate a piecewise linear function exactly: between kinks, its value halfway times the length."""
    inner = sorted({kink for kink in kinks if span[0] < kink < span[1]})
    ends = [span[0], *inner, span[1]]
    return sum(function((low + high) / 2) * (high - low) for low, high in pairwise(ends))
