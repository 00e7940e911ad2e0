"""Cuts labelled series into items: the whole series, or windows of it with the labels that fall into them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vlm_eval.data.samples import Found, SampleMaker
from vlm_eval.flow import Sample, Scalar

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class LabelledSeries:
    """A file with one series and the stretches of it that are anomalous."""

    file: Path
    path: str  # posix, within the card
    object_class: str
    start: float  # first and last time: seconds since 1970 (UTC) where dated, else the file's own numbers
    end: float
    step: float  # the usual time between two readings
    dated: bool
    anomalies: tuple[Span, ...]
    normal_until: float | None = None  # up to here it is normal by the data set's own word


def series_samples(
    maker: SampleMaker, series: LabelledSeries, windows: int, overlap: float, defect: str
) -> Iterator[Sample]:
    """Yield the items of a series: one, or so many windows over what comes after its normal beginning.

    The beginning, where there is one, is each item's own reference picture. A window is anomalous if an anomaly
    reaches into it; its gold intervals end where it ends.
    """
    start = series.start if windows == 1 or series.normal_until is None else series.normal_until
    for number, span in enumerate(cut(start, series.end, windows, overlap)):
        inside = [clipped for one in series.anomalies if (clipped := _clip(one, span)) is not None]
        own: dict[str, Scalar] = {} if windows == 1 else _parameters(span, series.dated)
        reference = None if series.normal_until is None else _reference(series)
        found = Found(
            source=series.file,
            path=series.path if windows == 1 else f"{series.path}#{number + 1:03d}",
            object_class=series.object_class,
            anomalous="yes" if inside else "no",
            defects=(defect,) if inside else (),
            references=() if reference is None else (series.file,),
            group=f"{maker.card_name}/{series.path}",
            intervals=tuple(inside),
            parameters=own,
            reference_parameters=reference,
        )
        metadata: dict[str, Scalar] = {"start": span[0], "end": span[1], "step": series.step}
        if series.dated:
            metadata["time_unit"] = "date"
        yield maker.make(found, metadata)


def cut(start: float, end: float, windows: int, overlap: float) -> Sequence[Span]:
    """Return spans of equal length that cover [start, end], each repeating a share of the one before."""
    width = (end - start) / (windows - (windows - 1) * overlap)
    return [
        (start + number * width * (1 - overlap), start + number * width * (1 - overlap) + width)
        for number in range(windows)
    ]


def _clip(anomaly: Span, span: Span) -> Span | None:
    start, end = max(anomaly[0], span[0]), min(anomaly[1], span[1])
    return (start, end) if start <= end else None


def _reference(series: LabelledSeries) -> dict[str, Scalar]:
    return _parameters((series.start, series.normal_until or series.start), series.dated)


def _parameters(span: Span, dated: bool) -> dict[str, Scalar]:
    return {"start": _say(span[0], dated), "end": _say(span[1], dated)}


def _say(time: float, dated: bool) -> str:
    return datetime.fromtimestamp(time, UTC).replace(tzinfo=None).isoformat() if dated else f"{time:.12g}"
