"""Reads labelled series: CSV files, and a JSON file that names the anomalous windows of each, as NAB has it."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import Field

from vlm_eval.data.samples import UNNAMED_CLASS, Note, SampleMaker, inside
from vlm_eval.data.schema import Card, Strict
from vlm_eval.data.series_windows import LabelledSeries, Span, series_samples
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample


class SeriesOptions(Strict):
    """Options of the reader `series`."""

    folder: str = "."  # of the series, to which the paths of the labels are relative
    labels: tuple[str, ...] = ("labels.json",)  # the first that exists: {"path.csv": [[start, end], ...]}
    time: str = "timestamp"  # column of ISO dates or numbers
    object_class: str = UNNAMED_CLASS
    class_by_folder: bool = False  # the folder that holds a series is its class
    windows: int = Field(default=1, ge=1, le=1000)
    overlap: float = Field(default=0.0, ge=0, le=0.9)
    normal_share: float = Field(default=0.0, ge=0, lt=1)  # so much of the beginning is normal: the reference
    defect: str = "anomaly"  # the defect type of an anomalous item


def read_series(card: Card, root: Path) -> Iterable[Sample | Note]:
    """Yield the items of each series that the labels name; one that is not there or empty is noted."""
    options = SeriesOptions.model_validate(card.options)
    maker = SampleMaker(card)
    file, labels = _labels(card, root, options)
    for name, windows in sorted(labels.items()):
        path = inside(root / options.folder, name, f"{file}, {name!r}")
        if not path.is_file():
            yield Note(f"{file} labels {name}, which is not in {root / options.folder}; it is left out")
            continue
        series = _series(path, name, [_span(pair, f"{file}, {name!r}") for pair in windows], options)
        if series is None:
            yield Note(f"{path} has no time in its column {options.time!r}; it is left out")
            continue
        yield from series_samples(maker, series, options.windows, options.overlap, options.defect)


def _labels(card: Card, root: Path, options: SeriesOptions) -> tuple[Path, Mapping[str, Any]]:
    places = [inside(root, name, f"Card {card.name}, options.labels") for name in options.labels]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise CardError(f"{root} holds no labels. Put one of these there: {', '.join(options.labels)}")
    try:
        labels = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise CardError(f"{file} cannot be read as JSON ({error})") from error
    if not isinstance(labels, dict) or not all(isinstance(entry, list) for entry in labels.values()):
        raise CardError(f'{file} must hold {{"path.csv": [["start", "end"], ...], ...}}')
    return file, labels


def _span(pair: Any, where: str) -> Span:
    try:
        start, end = (parse_time(one) for one in pair)
    except (TypeError, ValueError) as error:
        raise CardError(f"{where}: {pair!r} is no window; [start, end] in dates or numbers is needed") from error
    if end < start:
        raise CardError(f"{where}: the window {pair!r} ends before it starts")
    return start, end


def parse_time(stated: Any) -> float:
    """Read a number, or an ISO date as seconds since 1970 (UTC where no zone is stated). Raises ValueError."""
    if isinstance(stated, int | float):
        return float(stated)
    try:
        return float(str(stated))
    except ValueError:
        stamp = datetime.fromisoformat(str(stated))
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()


def _series(path: Path, name: str, anomalies: list[Span], options: SeriesOptions) -> LabelledSeries | None:
    times, dated = _times(path, options.time)
    if not times:
        return None
    start, end = times[0], times[-1]
    if beyond := [one for one in anomalies if one[1] < start or one[0] > end]:
        told = [_say(time, dated) for time in (*beyond[0], start, end)]
        raise CardError(
            f"{path} is labelled as anomalous from {told[0]} to {told[1]}, where it has no readings: it goes from "
            f"{told[2]} to {told[3]}. State labels in the times of its column {options.time!r}"
        )
    steps = sorted(later - earlier for earlier, later in pairwise(times))
    normal = start + options.normal_share * (end - start) if options.normal_share else None
    posix = Path(name.replace("\\", "/"))
    return LabelledSeries(
        path, posix.as_posix(), posix.parent.name if options.class_by_folder else options.object_class,
        start, end, steps[len(steps) // 2] if steps else 1.0, dated, tuple(anomalies), normal,
    )  # fmt: skip


def _say(time: float, dated: bool) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S}" if dated else f"{time:g}"


def _times(path: Path, column: str) -> tuple[list[float], bool]:
    """Read the times of a CSV in their order, and whether they are dates."""
    import csv

    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if column not in (rows.fieldnames or ()):
            raise CardError(f"{path} has no column {column!r}; it has {', '.join(rows.fieldnames or ())}")
        stated = [row[column] for row in rows if row[column]]
    try:
        times = sorted(parse_time(one) for one in stated)
    except ValueError as error:
        raise CardError(f"{path}, column {column!r}: {error}. ISO dates or numbers are needed") from error
    return times, bool(stated) and not _is_number(stated[0])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
