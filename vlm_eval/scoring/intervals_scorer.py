"""Compares the stretches of time that an answer accuses with the gold ones."""

from collections.abc import Sequence

from vlm_eval.flow import Item, Judgement, Scalar
from vlm_eval.metrics.intervals import Span, affiliation_match, merge, point_match
from vlm_eval.scoring.intervals import IntervalReading, Unit, read_intervals


def in_series_unit(reading: IntervalReading, item: Item) -> list[Span] | str:
    """Return the accused intervals in the series' own unit, a point widened by its step; or why not.

    The sample's metadata may hold `time_unit` ("second", "frame"), `fps`, and `step`, the width of a point (1 by
    default).
    """
    metadata = item.sample.metadata
    own, rate = str(metadata.get("time_unit") or ""), metadata.get("fps")
    step = metadata.get("step")
    width = float(step) if isinstance(step, (int, float)) and not isinstance(step, bool) else 1.0
    spans = []
    for one in reading.intervals:
        factor = _factor(one.unit, own, rate)
        if factor is None:
            return "unit"
        start, end = one.start * factor, one.end * factor
        spans.append((start, end if end > start else start + width))
    return merge(spans)


def _factor(unit: Unit, own: str, rate: Scalar) -> float | None:
    """Return what turns a stated time into the series' unit; a bare number is in the series' own."""
    if unit in ("", own) or (not own and unit != "date"):
        return 1.0
    if isinstance(rate, (int, float)) and rate > 0:
        return {("second", "frame"): float(rate), ("frame", "second"): 1 / rate}.get((unit, own))
    return None


def judge_times(item: Item) -> Judgement:
    """Judge the place of an anomaly in time: "right" where an accused interval meets a gold one."""
    reading = read_intervals(item.answer.text, image_roles=item.question.image_roles)
    if not reading.intervals:
        return Judgement("none", None)
    spans = in_series_unit(reading, item)
    if isinstance(spans, str):
        return Judgement(None, spans, reading.intervals[0].span)
    match = point_match(spans, _gold(item))
    hit = bool(match.recall)
    return Judgement(
        "right" if hit else "wrong", None, reading.intervals[0].span, match.f1, {"intervals": len(spans)}
    )


def _gold(item: Item) -> list[Span]:
    step = item.sample.metadata.get("step")
    width = float(step) if isinstance(step, (int, float)) and not isinstance(step, bool) else 1.0
    return [(start, end if end > start else start + width) for start, end in item.sample.gold.intervals]


class IntervalsScorer:
    """Judges accused intervals: point and affiliation precision, recall and F1; the score is the point F1.

    Affiliation needs the series' range, `start` and `end` in the sample's metadata. No point adjustment.
    """

    name = "intervals"
    version = "1"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order; the value says whether an accused interval meets a gold one."""
        return [self._judge(item) for item in items]

    def _judge(self, item: Item) -> Judgement:
        anomalous = item.sample.gold.anomalous
        if anomalous not in ("yes", "no") or (anomalous == "yes" and not item.sample.gold.intervals):
            return Judgement(None, "no-gold-intervals")
        reading = read_intervals(item.answer.text, image_roles=item.question.image_roles)
        if not reading.intervals and reading.reason not in ("normal", "none"):
            return Judgement(None, reading.reason)
        spans = in_series_unit(reading, item)
        if isinstance(spans, str):
            return Judgement(None, spans, reading.intervals[0].span)
        evidence = reading.intervals[0].span if reading.intervals else None
        if anomalous == "no":
            return Judgement(not spans, None, evidence, 0.0 if spans else 1.0, {"intervals": len(spans)})
        points = point_match(spans, _gold(item))
        details: dict[str, Scalar] = {
            "intervals": len(spans), "precision": points.precision, "recall": points.recall, "f1": points.f1
        }  # fmt: skip
        return Judgement(bool(points.recall), None, evidence, points.f1, details | _affiliation(spans, item))


def _affiliation(spans: Sequence[Span], item: Item) -> dict[str, Scalar]:
    start, end = item.sample.metadata.get("start"), item.sample.metadata.get("end")
    if isinstance(start, str) or isinstance(end, str) or start is None or end is None:
        return {}
    gold = _gold(item)
    series = (min(start, gold[0][0]), max(end, *(stop for _, stop in gold)))
    found = affiliation_match(spans, gold, series)
    return {
        "affiliation_precision": found.precision,
        "affiliation_recall": found.recall,
        "affiliation_f1": found.f1,
    }
