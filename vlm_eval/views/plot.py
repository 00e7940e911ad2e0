"""Draws series as a person would want to read them: lines or points between labelled axes.

Drawn by Pillow alone: a matplotlib figure a picture costs ten times as much.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vlm_eval.errors import BadInputError
from vlm_eval.views.downsample import keep_extremes, largest_triangles
from vlm_eval.views.plot_frame import Axes, panels, without_air
from vlm_eval.views.series_files import Series, read_series
from vlm_eval.views.settings import Plot
from vlm_eval.views.ticks import Ticks, number_ticks, time_ticks

Array = NDArray[np.float64]
_INK, _FAINT, _RULE = "#20262d", "#e4e8ec", "#59626b"
_COLOURS = ("#1f5fa8", "#b3402a", "#2b7a3d", "#7a4fa3", "#a8741a", "#17797d")
_FINE = 2  # lines are drawn this many times larger and reduced, which smooths them
_GAP = 5.0  # a pause of so many usual steps breaks the line


def draw_plot(data: bytes, path: Path, settings: Plot) -> Image.Image:
    """Draw a file's series. Raises BadInputError."""
    series = read_series(data, path, settings.time, settings.values)
    try:
        return draw_series(series, settings)
    except BadInputError as error:
        raise BadInputError(f"{path} {error}") from error


def size_of_plot(settings: Plot) -> tuple[int, int]:
    """Return width and height in pixels."""
    return settings.size, settings.height or settings.size


def draw_series(series: Series, settings: Plot) -> Image.Image:
    """Draw a series as RGB: one panel a channel, one below the other, over one axis of time."""
    axes, inside = _axes(series, settings)
    image = Image.new("RGB", size_of_plot(settings), "white")
    pen = ImageDraw.Draw(image)
    font = _font(settings.size)
    most = max(3, settings.size // 80)
    least = 0.0 if series.time_name else 1.0  # rows are whole
    time = (
        time_ticks(*without_air(axes[0].times), most)
        if series.dated
        else number_ticks(*axes[0].times, most, least)
    )
    times = series.times[inside]
    for number, one in enumerate(axes):
        _draw_axes(pen, one, time, font, last=number == len(axes) - 1)
        label = settings.label or series.names[number]
        unit = f" ({settings.unit})" if settings.unit else ""
        pen.text((4, one.top - font.size - 7), f"{label}{unit}{_note(one, font)}", _INK, font)
        colour = _COLOURS[number % len(_COLOURS)]
        drawn = _draw_values(image, one, times, series.values[inside, number], settings, colour)
        if not drawn:
            pen.text(
                ((one.left + one.right) / 2, (one.top + one.bottom) / 2), "no readings", _RULE, font, anchor="mm"
            )
    label = settings.time_label or series.time_name or "row"
    text = f"{label}, {time.note}" if time.note else label
    middle = (axes[0].left + axes[0].right) / 2
    pen.text((middle, image.height - 4), text, _INK, font, anchor="ms")
    return image


def interval_spans(
    series: Series, settings: Plot, intervals: Iterable[tuple[float, float]]
) -> list[tuple[int, int]]:
    """Return the pixel columns [left, right) of intervals of time as draw_series draws them.

    An interval outside the picture has none; a point in time is one pixel wide.
    """
    axes, _ = _axes(series, settings)
    first, last = axes[0].times
    spans = []
    for start, end in intervals:
        if end >= first and start <= last:
            left, right = axes[0].across(np.clip([start, end], first, last))
            spans.append((int(np.floor(left)), max(int(np.floor(left)) + 1, int(np.ceil(right)))))
    return spans


def interval_mask(
    series: Series, settings: Plot, intervals: Iterable[tuple[float, float]], *, least: int = 1
) -> NDArray[np.bool_]:
    """Return the pixels of all panels between the ends of intervals, at least `least` pixels wide each."""
    axes, _ = _axes(series, settings)
    width, height = size_of_plot(settings)
    mask = np.zeros((height, width), dtype=bool)
    for left, right in interval_spans(series, settings, intervals):
        wider = max(0, least - (right - left))
        for one in axes:
            mask[one.top : one.bottom, max(0, left - wider // 2) : right + (wider + 1) // 2] = True
    return mask


def _axes(series: Series, settings: Plot) -> tuple[tuple[Axes, ...], NDArray[np.bool_]]:
    """Lay out the panels: as much room at the left as the widest label of a value takes."""
    width, height = size_of_plot(settings)
    font = _font(settings.size)
    above, below = font.size + 8, 3 * font.size + 12
    gap = above + 4
    box = (0, above, width - 2 * font.size, height - below)
    axes, inside = panels(series, settings, box, gap=gap)
    if axes[0].bottom - axes[0].top < 2 * font.size:
        raise BadInputError(
            f"has {len(axes)} channels, too many for {height} pixels. Name fewer, or a larger height."
        )
    widest = max(font.getlength(label) for one in axes for label in _value_ticks(one, font).labels or ("",))
    left = round(widest) + 14
    return tuple(Axes(left, one.top, one.right, one.bottom, one.times, one.values) for one in axes), inside


def _value_ticks(axes: Axes, font: ImageFont.FreeTypeFont) -> Ticks:
    """Return about as many ticks as have room, and two at least, since one alone tells no scale."""
    most = int(np.clip((axes.bottom - axes.top) / (3 * font.size), 2, 7))
    found = [number_ticks(*axes.values, count) for count in (most, most + 1, most + 2)]
    return next((ticks for ticks in found if len(ticks.places) > 1), found[0])


def _note(axes: Axes, font: ImageFont.FreeTypeFont) -> str:
    note = _value_ticks(axes, font).note
    return f"  {note}" if note else ""


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(max(9, round(size / 34)))
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise BadInputError("cannot be labelled: this Pillow lacks FreeType. Install Pillow from PyPI.")
    return font


def _draw_axes(
    pen: ImageDraw.ImageDraw, axes: Axes, time: Ticks, font: ImageFont.FreeTypeFont, *, last: bool
) -> None:
    values = _value_ticks(axes, font)
    rows = axes.down(np.array(values.places))
    columns = axes.across(np.array(time.places))
    for row, label in zip(rows, values.labels, strict=True):
        pen.line((axes.left, row, axes.right, row), _FAINT)
        pen.line((axes.left - 4, row, axes.left, row), _RULE)
        pen.text((axes.left - 7, row), label, _INK, font, anchor="rm")
    for column, label in zip(columns, time.labels, strict=True):
        pen.line((column, axes.top, column, axes.bottom), _FAINT)
        pen.line((column, axes.bottom, column, axes.bottom + 4), _RULE)
        if last:
            pen.multiline_text(
                (column, axes.bottom + 6), label, _INK, font, anchor="ma", align="center", spacing=1
            )
    pen.line((axes.left, axes.top, axes.left, axes.bottom, axes.right, axes.bottom), _RULE)


def _draw_values(image: Image.Image, axes: Axes, times: Array, values: Array, settings: Plot, colour: str) -> bool:
    """Draw one channel; return whether there was anything to draw."""
    finite = np.isfinite(values)
    if not finite.any():
        return False
    width, height = axes.right - axes.left + 1, axes.bottom - axes.top + 1
    across = (axes.across(times) - axes.left + 0.5) * _FINE
    down = (axes.down(values) - axes.top + 0.5) * _FINE
    layer = Image.new("L", (width * _FINE, height * _FINE))
    if settings.kind == "scatter":
        _draw_dots(layer, across[finite], down[finite], radius=2.4 * _FINE * settings.size / 448)
    else:
        for piece in _pieces(times, finite):
            _draw_line(layer, across[piece], down[piece], settings)
    image.paste(colour, (axes.left, axes.top), layer.reduce(_FINE))
    return True


def _pieces(times: Array, finite: NDArray[np.bool_]) -> Sequence[NDArray[np.integer[Any]]]:
    """Part the readings where one is missing or the time pauses; each piece is drawn as one line."""
    steps = np.diff(times)
    usual = float(np.quantile(steps, 0.9)) if len(steps) else 0.0
    pauses = np.append(steps > _GAP * usual, False) if usual > 0 else np.zeros(len(times), dtype=bool)
    kept = np.flatnonzero(finite)
    broken = (np.diff(kept) > 1) | pauses[kept[:-1]]
    return np.split(kept, np.flatnonzero(broken) + 1)


def _draw_line(layer: Image.Image, across: Array, down: Array, settings: Plot) -> None:
    width = max(_FINE, round(1.5 * _FINE * settings.size / 448))
    kept = _kept(across, down, settings)
    pen = ImageDraw.Draw(layer)
    if len(kept) == 1:
        _draw_dots(layer, across, down, radius=1.4 * width)
        return
    points = np.stack([across[kept], down[kept]], axis=1).ravel().tolist()
    pen.line(points, 255, width, joint="curve" if len(kept) < 600 else None)


def _kept(across: Array, down: Array, settings: Plot) -> NDArray[np.integer[Any]]:
    if settings.downsample == "minmax":
        return keep_extremes(np.floor(across / _FINE).astype(np.int64), down)
    if settings.downsample == "lttb":
        return largest_triangles(across, down, max(3, 2 * settings.size))
    return np.arange(len(across))


def _draw_dots(layer: Image.Image, across: Array, down: Array, radius: float) -> None:
    pen = ImageDraw.Draw(layer)
    for x, y in np.unique(np.round(np.stack([across, down], axis=1)), axis=0).tolist():
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
