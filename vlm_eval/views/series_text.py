"""Writes a series as text: a line a reading, fewer readings where there are too many."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlm_eval.flow import Role
from vlm_eval.views.downsample import largest_triangles
from vlm_eval.views.plot_frame import time_span
from vlm_eval.views.series_files import Series, read_series
from vlm_eval.views.settings import Plot, Text

_DAY = 86400


def series_text(data: bytes, path: Path, settings: Text, role: Role = "query") -> str:
    """Write the readings of a file as lines of comma-separated values under a line of names.

    Missing values are empty. Of a longer series the readings are kept that shape each channel's curve
    (largest-triangle-three-buckets), and the heading says how many there were.

    Raises:
        BadInputError: the file cannot be read, or has no reading in the stated time.
    """
    series = read_series(data, path, settings.time, settings.values)
    first, last = time_span(series, Plot(start=settings.start, end=settings.end))
    inside = np.flatnonzero((series.times >= first) & (series.times <= last))
    kept = inside[_kept(series.times[inside], series.values[inside], settings.points)]
    heading = {"reference": "Reference series", "query": "Series", "marked": "Series"}[role]
    count = f", {len(kept)} of its {len(inside)} readings" if len(kept) < len(inside) else ""
    names = ",".join((series.time_name or "row", *series.names))
    rows = (
        ",".join((stamp, *(_number(value, settings.digits) for value in series.values[row])))
        for stamp, row in zip(_stamps(series, kept), kept, strict=True)
    )
    return "\n".join((f"{heading}{count}:", names, *rows)) + "\n"


def _kept(times: NDArray[np.float64], values: NDArray[np.float64], points: int) -> NDArray[np.int64]:
    if len(times) <= points:
        return np.arange(len(times))
    share = max(3, points // values.shape[1])
    kept = []
    for channel in values.T:
        finite = np.flatnonzero(np.isfinite(channel))
        kept.append(finite[largest_triangles(times[finite], channel[finite], share)] if len(finite) else finite)
    return np.unique(np.concatenate(kept))


def _stamps(series: Series, kept: NDArray[np.int64]) -> list[str]:
    times = series.times[kept]
    if not series.dated:
        return [f"{time:.10g}" for time in times]
    if (times % 1 != 0).any():
        return [f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S.%f}" for time in times]
    style = (
        "%Y-%m-%d"
        if (times % _DAY == 0).all()
        else "%Y-%m-%d %H:%M"
        if (times % 60 == 0).all()
        else "%Y-%m-%d %H:%M:%S"
    )
    return [datetime.fromtimestamp(time, UTC).strftime(style) for time in times]


def _number(value: float, digits: int) -> str:
    return "" if np.isnan(value) else f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"
