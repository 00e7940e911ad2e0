"""The axes of a plot: which times and values it spans, and where they lie in pixels."""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from vlm_eval.errors import BadInputError, InputError
from vlm_eval.views.series_files import Series
from vlm_eval.views.settings import Plot

Array = NDArray[np.float64]
MAX_CHANNELS = 12
_AIR = 0.012  # of the time span, left free at both ends so that the outermost readings can be seen
_LARGEST = 1e150  # so that a difference of two values is finite


@dataclass(frozen=True, slots=True)
class Axes:
    """One panel in pixels of the picture, and the ranges that it spans."""

    left: int
    top: int
    right: int
    bottom: int
    times: tuple[float, float]
    values: tuple[float, float]

    def across(self, times: Array) -> Array:
        """Return the pixel columns of times."""
        low, high = self.times
        return self.left + (times - low) / (high - low) * (self.right - self.left)

    def down(self, values: Array) -> Array:
        """Return the pixel rows of values."""
        low, high = self.values
        return self.bottom - (values - low) / (high - low) * (self.bottom - self.top)


def windows_of(settings: Plot) -> tuple[Plot, ...]:
    """Return one setting a window."""
    if settings.windows == 1 or settings.window >= 0:
        return (settings,)
    return tuple(replace(settings, window=number) for number in range(settings.windows))


def time_span(series: Series, settings: Plot) -> tuple[float, float]:
    """Return the first and last time of a picture. Raises BadInputError where the series has nothing there."""
    first = _stated(settings.start, series, "start", float(series.times[0]))
    last = _stated(settings.end, series, "end", float(series.times[-1]))
    if last < first or not ((series.times >= first) & (series.times <= last)).any():
        raise BadInputError(
            f"has no reading from {_say(first, series)} to {_say(last, series)}; it goes from "
            f"{_say(float(series.times[0]), series)} to {_say(float(series.times[-1]), series)}."
        )
    if settings.window >= settings.windows:
        raise InputError(f"window is {settings.window}, but there are {settings.windows}, counted from 0.")
    return part_of((first, last), settings)


def part_of(span: tuple[float, float], settings: Plot) -> tuple[float, float]:
    """Return the window of a stretch of time that settings take, or all of it."""
    first, last = span
    if settings.windows == 1 or settings.window < 0:
        return first, last
    width = (last - first) / (settings.windows - (settings.windows - 1) * settings.overlap)
    start = first + settings.window * width * (1 - settings.overlap)
    return start, start + width


def read_time(text: str) -> float:
    """Read a number, or an ISO date as seconds since 1970 (UTC where no zone is stated). Raises ValueError."""
    try:
        return float(text)
    except ValueError:
        stamp = datetime.fromisoformat(text)
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()


def _stated(text: str, series: Series, name: str, default: float) -> float:
    if not text:
        return default
    try:
        return read_time(text)
    except ValueError as error:
        raise InputError(f"{name} is {text!r}; a number or a date such as 2024-01-31T12:00 is needed.") from error


def _say(time: float, series: Series) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S}" if series.dated else f"{time:g}"


def without_air(times: tuple[float, float]) -> tuple[float, float]:
    """Return the time span of a panel without what is left free at its ends, to the millisecond."""
    air = (times[1] - times[0]) * _AIR / (1 + 2 * _AIR)
    return round(times[0] + air, 3), round(times[1] - air, 3)


def value_range(values: Array) -> tuple[float, float]:
    """Return the range of an axis: a little more than the finite values; round a constant, half its size each way.

    Raises BadInputError for values too large to be drawn.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if max(abs(low), abs(high)) > _LARGEST:
        raise BadInputError(f"has values from {low:g} to {high:g}; at most {_LARGEST:g} can be drawn.")
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        half = abs(low) / 2 or 1.0
        return low - half, high + half
    pad = 0.05 * (high - low)
    return low - pad, high + pad


def panels(
    series: Series, settings: Plot, box: tuple[float, float, float, float], *, gap: float
) -> tuple[tuple[Axes, ...], NDArray[np.bool_]]:
    """Return the axes of each channel from top to bottom, and which readings lie within the time span.

    Args:
        series: what is drawn.
        settings: of the plot.
        box: left, top, right and bottom of all panels in pixels.
        gap: pixels between panels.
    """
    channels = series.values.shape[1]
    if channels > MAX_CHANNELS:
        raise BadInputError(
            f"has {channels} columns of values; at most {MAX_CHANNELS} can be drawn. Name some as `values`."
        )
    first, last = time_span(series, settings)
    inside = (series.times >= first) & (series.times <= last)
    if last - first <= 1e-12 * max(abs(first), abs(last), 1e-300):
        half = 0.5 if not series.dated else 1800.0
        first, last = first - half, last + half
    first, last = first - _AIR * (last - first), last + _AIR * (last - first)
    left, top, right, bottom = map(round, box)
    height = (bottom - top - gap * (channels - 1)) / channels
    found = []
    for number in range(channels):
        values = series.values[inside, number] if settings.scale == "window" else series.values[:, number]
        start = top + number * (height + gap)
        found.append(
            Axes(left, math.floor(start), right, math.floor(start + height), (first, last), value_range(values))
        )
    return tuple(found), inside
