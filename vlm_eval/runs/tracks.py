"""The series and clips of a run along time: which stretch each answer is about, and when gold is anomalous."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vlm_eval.flow import Sample
from vlm_eval.runs.store import Store

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class TrackItem:
    """What is known of an item that is a series or clip, or a window of one."""

    track: str  # the file, which the windows of one series or clip share
    video: bool
    gold: tuple[Span, ...]  # anomalous stretches, ends excluded
    step: float  # the usual time between two readings or frames; 0 where it is not stated


@dataclass(frozen=True, slots=True)
class Tracks:
    """The items of a run that lie in time, by sample id, and the stretches that answers are about, by ask."""

    items: Mapping[str, TrackItem]
    spans: Mapping[int, Span]  # ends excluded


def read_tracks(store: Store) -> Tracks | None:
    """Read what lies in time; None where no gold interval is known, so that there is nothing to compare with."""
    known = "SELECT 1 FROM sample WHERE data LIKE '%\"intervals\":[[%' LIMIT 1"
    if store.connection.execute(known).fetchone() is None:
        return None
    items = dict(_items(store))
    rows = store.connection.execute(
        "SELECT ask.id, sample_id, ask.question ->> '$.span[0]', ask.question ->> '$.span[1]' FROM ask "
        "JOIN sample ON sample.id = ask.sample WHERE purpose = 'answer' AND question ->> '$.span[0]' IS NOT NULL"
    ).fetchall()
    last: dict[str, float] = {}
    for _, name, _, end in rows:
        if name in items:
            last[items[name].track] = max(end, last.get(items[name].track, end))
    spans = {
        ask: (start, end + _reading(items[name], end, last)) for ask, name, start, end in rows if name in items
    }
    return Tracks(items, {ask: span for ask, span in spans.items() if span[1] > span[0]})


def _reading(item: TrackItem, end: float, last: Mapping[str, float]) -> float:
    """Return how long the reading at the end of a stretch lasts: that of a series' last one belongs to it."""
    return 0.0 if item.video or end < last[item.track] else item.step


def _items(store: Store) -> Iterator[tuple[str, TrackItem]]:
    for _, sample in store.samples():
        timed = sample.modality in ("video", "time-series")
        if timed and (sample.gold.intervals or sample.gold.anomalous == "no"):
            step = sample.metadata.get("step")
            width = 0.0 if isinstance(step, bool | str | None) else float(step)
            gold = tuple((start, _end(start, end, width)) for start, end in sample.gold.intervals)
            yield sample.id, TrackItem(_track(sample), sample.modality == "video", gold, width)


def _end(start: float, end: float, step: float) -> float:
    """Widen a stated interval by its last reading; one point of time to 1 where no step is known."""
    return end + step if step or end > start else start + 1


def _track(sample: Sample) -> str:
    return str(sample.sources[0]) if sample.sources else sample.id
