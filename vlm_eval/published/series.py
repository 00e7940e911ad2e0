"""AnomLLM's answers about time series: JSON lines with a `response` that lists anomalous intervals."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Gold, Item, Question, Scalar
from vlm_eval.metrics.intervals import Match, Span, affiliation_match, merge, point_match
from vlm_eval.published.replay import (
    Difference,
    Figure,
    Replay,
    answer_of,
    make_item,
    read_json,
    refuse_repeats,
    rows_of,
)
from vlm_eval.scoring.intervals import read_intervals

LENGTH = 1000
"""Points of each of its series."""

RULES = (
    "AnomLLM takes the text from the first [ to the last ] as JSON; whatever fails to parse counts as 'no "
    "anomaly', which is right, with all measures 1, on a series without one.",
    "Each measure is rounded to three digits a series, and averaged over series; a series without an anomaly, or "
    "an answer without one, has 0 or 1 in all of them.",
)
_MEASURES = ("precision", "recall", "F1", "affiliation precision", "affiliation recall", "affiliation F1")


def read_anomllm(file: Path, labels: Path | None) -> Replay:
    """Read answers (`custom_id`, `response`) beside the true intervals, a JSON list of [start, end] a line.

    Raises:
        ExperimentError: there is no labels file, the two differ in length, or a row is not as it must be.
    """
    if labels is None:
        raise ExperimentError(
            "AnomLLM's answers need the true intervals: give --labels, one JSON list of [start, end] a line, in "
            "the order of the answers. Its own pickle files are not opened, for a pickle can run any code."
        )
    rows = rows_of(read_json(file), file, ("response",))
    golds = [_intervals(entry, labels) for entry in _lists(read_json(labels), len(rows))]
    if len(rows) != len(golds):
        raise ExperimentError(f"{file} holds {len(rows)} answers, but {labels} {len(golds)} lists of intervals.")
    items = [
        _item(number, row, gold, f"{file}, entry {number}")
        for number, (row, gold) in enumerate(zip(rows, golds, strict=True), 1)
    ]
    refuse_repeats(items, file)
    published = [_read_as_published(item.answer.text) for item in items]
    ours = [_read(item.answer.text) for item in items]
    values = (
        [_measures(said or [], gold) for said, gold in zip(side, golds, strict=True)] for side in (published, ours)
    )
    theirs, own = values
    figures = [
        Figure("all", name, _mean([one[place] for one in theirs]), _mean([one[place] for one in own]), len(items))
        for place, name in enumerate(_MEASURES)
    ]
    return Replay(tuple(items), tuple(figures), tuple(_differences(items, published, ours)), RULES)


def _lists(data: object, answers: int) -> list[object]:
    """Return one list a series; a file of one line is read as that line alone."""
    if not isinstance(data, list):
        return [data]
    flat = answers == 1 and all(
        isinstance(one, list) and len(one) == 2 and not isinstance(one[0], list) for one in data
    )
    return [data] if flat else data


def _intervals(entry: object, file: Path) -> list[Span]:
    try:
        return merge([_true_span(start, end) for start, end in entry])  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise ExperimentError(
            f"{file}: {entry!r} is no list of [start, end] within 0 and {LENGTH}: {error}"
        ) from error


def _true_span(start: float, end: float) -> Span:
    if not 0 <= start < end <= LENGTH or {start, end} - {int(start), int(end)}:
        raise ValueError(f"[{start!r}, {end!r}] must be whole numbers, the start below the end")
    return float(start), float(end)


def _cut(start: float, end: float) -> Span:
    start = min(max(int(start), 0), LENGTH)
    return (float(start), float(min(max(int(end), start), LENGTH)))


def _item(number: int, row: Mapping[str, object], gold: Sequence[Span], where: str) -> Item:
    metadata: dict[str, Scalar] = {"start": 0.0, "end": float(LENGTH)}
    name = str(row.get("custom_id", number))
    return make_item(
        "anomllm",
        name,
        answer_of(row, "response", where),
        image=name,
        part="series",
        gold=Gold("yes" if gold else "no", intervals=tuple(gold)),
        question=Question(layout="published", cell="published", yes_means=None),
        metadata=metadata,
    )


def _read_as_published(text: str) -> list[Span] | None:
    """Return the intervals; None where the text cannot be parsed, which counts as none of them."""
    text = text if text.strip() else "[]"
    try:
        listed = json.loads(text[text.index("[") : text.rindex("]") + 1])
        spans = [_cut(float(int(one["start"])), float(int(one["end"]))) for one in listed]
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    return merge([span for span in spans if span[0] < span[1]])


def _read(text: str) -> list[Span] | None:
    reading = read_intervals(text)
    if not reading.intervals and reading.reason not in ("normal", "none"):
        return None
    spans = [
        _cut(one.start, one.end) for one in reading.intervals if one.start is not None and one.end is not None
    ]
    return merge([span for span in spans if span[0] < span[1]])


def _measures(said: Sequence[Span], gold: Sequence[Span]) -> tuple[float, ...]:
    if not said or not gold:
        return (1.0 if not said and not gold else 0.0,) * len(_MEASURES)
    found: list[Match] = [point_match(said, gold), affiliation_match(said, gold, (0.0, float(LENGTH)))]
    return tuple(round(value or 0.0, 3) for match in found for value in (match.precision, match.recall, match.f1))


def _mean(values: Sequence[float]) -> float:
    return 100 * sum(values) / len(values)


def _differences(
    items: Sequence[Item], published: Sequence[list[Span] | None], ours: Sequence[list[Span] | None]
) -> list[Difference]:
    found = []
    for item, one, other in zip(items, published, ours, strict=True):
        if one != other:
            why = "it could not be parsed, and counts as no anomaly" if one is None else "read as other intervals"
            found.append(Difference(item.sample.id, item.answer.text, _words(one), _words(other), why))
    return found


def _words(spans: Sequence[Span] | None) -> str:
    return "unread" if spans is None else ", ".join(f"{start:g}-{end:g}" for start, end in spans) or "none"
