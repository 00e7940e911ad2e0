"""Axis ticks that a person would write: round numbers, and dates at their own steps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_HOUR, _DAY = 3600, 86400
_FINE = 1e-4  # a step of a smaller share of a number takes too many digits to be read
_TIME_STEPS = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, _HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY,
    2 * _DAY, 5 * _DAY, 7 * _DAY, 14 * _DAY,
)  # fmt: skip
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12000)


@dataclass(frozen=True, slots=True)
class Ticks:
    """Places on an axis, their labels, and what belongs to all of them."""

    places: tuple[float, ...]
    labels: tuple[str, ...]
    note: str = ""  # such as "2014" or "x 1e6", for the axis' label


def number_ticks(low: float, high: float, most: int = 6, least: float = 0.0) -> Ticks:
    """Return about `most` ticks in [low, high] at 1, 2, 2.5 or 5 times a power of ten, `least` apart or more."""
    step = max(least, _number_step(high - low, most))
    first = math.ceil(low / step - 1e-9)
    places = [number * step for number in range(first, first + most + 1) if number * step <= high + step * 1e-9]
    return Ticks(tuple(places), *_number_labels(places, step))


def _number_step(span: float, most: int) -> float:
    rough = max(span, 1e-300) / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next((factor * power for factor in (1, 2, 2.5, 5) if factor * power >= rough * 0.999), 10 * power)


def _number_labels(places: Sequence[float], step: float) -> tuple[tuple[str, ...], str]:
    largest = max((abs(place) for place in places), default=0.0)
    if len(places) > 1 and step < _FINE * largest:
        return _labels_beyond(places, step)
    if largest and (largest >= 1e6 or largest < 1e-3):
        power = 3 * (math.floor(math.log10(largest)) // 3)
        labels, _ = _number_labels([place / 10.0**power for place in places], step / 10.0**power)
        return labels, f"x 1e{power}"
    decimals = next((d for d in range(9) if abs(round(step, d) - step) < step * 1e-6), 8)
    return tuple(f"{place + 0.0:,.{decimals}f}".replace("-0", "0") if place == 0 else f"{place:,.{decimals}f}"
                 for place in places), ""  # fmt: skip


def _labels_beyond(places: Sequence[float], step: float) -> tuple[tuple[str, ...], str]:
    """Label places that differ in late digits alone by what they are above or below a round number."""
    power = math.ceil(math.log10(10 * (places[-1] - places[0])))
    base = round(places[len(places) // 2] / 10.0**power) * 10.0**power
    labels, note = _number_labels([place - base for place in places], step)
    sign = "-" if base < 0 else "+"
    return labels, f"{sign} {abs(base):,.{max(0, -power)}f}" + (f", {note}" if note else "")


def time_ticks(low: float, high: float, most: int = 5) -> Ticks:
    """Return ticks for seconds since 1970 (UTC) at round seconds, minutes, hours, days, months or years."""
    span = max(high - low, 1e-6)
    if span < 2:
        minute = low // 60 * 60
        within = number_ticks(low - minute, high - minute, most)
        moments = tuple(minute + place for place in within.places)
        return Ticks(moments, within.labels, f"seconds after {_day(_date(low))} {_date(minute):%Y %H:%M}")
    step = next((step for step in _TIME_STEPS if span / step <= most), None)
    if step is None:
        return _month_ticks(low, high, most)
    origin = 4 * _DAY if step % (7 * _DAY) == 0 else 0  # weeks begin on Mondays; 1970-01-05 was one
    first = math.ceil((low - origin) / step)
    places = [
        origin + number * step for number in range(first, first + most + 2) if origin + number * step <= high
    ]
    return Ticks(tuple(map(float, places)), *_time_labels(places, step, low, high))


def _time_labels(places: Sequence[float], step: int, low: float, high: float) -> tuple[tuple[str, ...], str]:
    first, last = _date(low), _date(high)
    if step >= _DAY:
        return tuple(_day(_date(place)) for place in places), _years(first, last)
    style = "%H:%M:%S" if step < 60 else "%H:%M"
    if first.date() == last.date():
        return tuple(_date(place).strftime(style) for place in places), f"{_day(first)} {first.year}"
    return (
        tuple(f"{_day(_date(place))}\n{_date(place).strftime(style)}" for place in places),
        _years(first, last),
    )


def _month_ticks(low: float, high: float, most: int) -> Ticks:
    first, last = _date(low), _date(high)
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    step = next((step for step in _MONTH_STEPS if months / step <= most + 1), 24000)
    number = -(-(first.year * 12 + first.month - 1) // step) * step
    places, labels = [], []
    while number <= last.year * 12 + last.month - 1:
        date = datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
        if low <= date.timestamp() <= high:
            places.append(date.timestamp())
            labels.append(str(date.year) if step >= 12 else f"{date:%b}\n{date.year}")
        number += step
    return Ticks(tuple(places), tuple(labels))


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _day(date: datetime) -> str:
    return f"{date:%b} {date.day}"


def _years(first: datetime, last: datetime) -> str:
    return str(first.year) if first.year == last.year else f"{first.year} to {last.year}"
