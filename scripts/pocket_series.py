"""Draw plotted series, normal and not, for the training of pocket-llava."""

import numpy as np
from PIL import Image, ImageDraw
from pocket_canvas import (
    COLUMN,
    ROW,
    SIDE,
    Field,
    Rng,
    box,
    cover,
    far_colour,
    hue_colour,
    paint,
    photograph,
)

Picture = np.ndarray
Style = dict[str, object]
DEFECTS = ("spike", "level shift", "flat line")


def series_style(rng: Rng) -> Style:
    """Draw how a chart looks and what its signal is."""
    dark = rng.random() < 0.2
    paper = hue_colour(
        rng.random(), rng.uniform(0, 0.1), rng.uniform(0.0, 0.2) if dark else rng.uniform(0.88, 1.0)
    )
    return {
        "paper": paper,
        "ink": far_colour(rng, [paper], 0.55),
        "width": rng.uniform(1.2, 5.0),
        "wave": int(rng.choice(7, p=[0.2, 0.1, 0.1, 0.1, 0.05, 0.05, 0.4])),
        "harmonics": rng.normal(0, 1, (2, 5)) / np.arange(1, 6) ** rng.uniform(0.3, 1.5),
        "cycles": rng.uniform(1.5, 9.0) if rng.random() < 0.7 else rng.uniform(8.0, 16.0),
        "second": rng.uniform(0, 0.5) * (rng.random() < 0.5),
        "noise": rng.choice([0.0, rng.uniform(0.01, 0.1), rng.uniform(0.05, 0.25)], p=[0.25, 0.5, 0.25]),
        "count": int(rng.integers(60, 260)),
        "fit": rng.random() < 0.6,
        "frame": int(rng.integers(4)),
        "grid": int(rng.integers(0, 3) * rng.integers(2, 6)),
        "margin": rng.uniform(0.02, 0.14, 4),
        "trend": rng.uniform(-0.5, 0.5) * (rng.random() < 0.15),
        "points": rng.random() < 0.08,
    }


def signal(rng: Rng, style: Style) -> np.ndarray:
    """Return a normal signal of amplitude about 1."""
    time = np.linspace(0, 1, style["count"])
    turn = time * style["cycles"] + rng.random()
    match style["wave"]:
        case 0 | 1:
            value = np.sin(2 * np.pi * turn)
        case 2:
            value = 2 * np.abs(2 * (turn % 1) - 1) - 1
        case 3:
            value = np.sin(2 * np.pi * turn) + 0.35 * np.sin(4 * np.pi * turn + 1)
        case 4:
            value = 2 * (turn % 1) - 1 if rng.random() < 0.3 else np.sin(2 * np.pi * turn)
        case 6:
            angles = 2 * np.pi * turn[:, None] * np.arange(1, 6)
            value = np.sin(angles) @ style["harmonics"][0] + np.cos(angles) @ style["harmonics"][1]
            value = value * 2 / np.ptp(value)
        case _:
            value = 0.25 * np.sin(2 * np.pi * turn)
    value = value + style["second"] * np.sin(2 * np.pi * time * style["cycles"] * 2.6 + rng.uniform(0, 6))
    value = value + style["trend"] * (time - 0.5)
    noise = max(style["noise"], 0.12) if style["wave"] == 5 else style["noise"]
    return value + rng.standard_normal(len(time)) * noise


def upset(rng: Rng, value: np.ndarray, defect: str) -> tuple[np.ndarray, int, int]:
    """Put one anomaly in a signal; return it with the first and last index."""
    count, spread = len(value), float(np.ptp(value))
    changed = value.copy()
    if defect == "spike":
        width = max(1, int(rng.uniform(0.003, 0.022) * count))
        start = int(rng.integers(int(0.04 * count), int(0.95 * count) - width))
        height = rng.uniform(0.4, 1.6) * spread * rng.choice([-1, 1])
        shape = 1 - np.abs(np.linspace(-1, 1, width + 2)[1:-1])
        changed[start : start + width] += height * (shape / shape.max())
        return changed, max(start - 1, 0), start + width
    if defect == "level shift":
        start = int(rng.uniform(0.12, 0.85) * count)
        end = count if rng.random() < 0.6 else min(count, start + int(rng.uniform(0.15, 0.4) * count))
        changed[start:end] += rng.uniform(0.3, 1.3) * spread * rng.choice([-1, 1])
        return changed, start, end - 1
    width = int(rng.uniform(0.1, 0.35) * count)
    start = int(rng.integers(int(0.03 * count), int(0.97 * count) - width))
    level = value[start] if rng.random() < 0.6 else rng.choice([value.mean(), value.min(), value.max(), 0.0])
    changed[start : start + width] = level + rng.standard_normal(width) * 0.005 * spread
    return changed, start, start + width


def draw_series(rng: Rng, style: Style, defect: str | None) -> tuple[Picture, Field]:
    """Draw one chart; return its picture and the mask of its anomaly."""
    value = signal(rng, style)
    low, high = float(value.min()), float(value.max())
    first = last = 0
    if defect:
        value, first, last = upset(rng, value, defect)
    if style["fit"] or defect:
        low, high = min(low, float(value.min())), max(high, float(value.max()))
    slack = (high - low) * (rng.uniform(0.02, 0.1) if style["fit"] else rng.uniform(0.1, 0.7))
    left, right, top, bottom = style["margin"]
    across = left + np.linspace(0, 1, len(value)) * (1 - left - right)
    down = 1 - bottom - (value - low + slack) / (high - low + 2 * slack) * (1 - top - bottom)
    canvas = np.empty((SIDE, SIDE, 3), np.float32)
    canvas[:] = style["paper"]
    furnish(rng, canvas, style)
    stroke = line_cover(across, down, style["width"])
    paint(canvas, stroke, style["ink"])
    if not defect:
        return photograph(canvas, rng, 0.35), np.zeros_like(COLUMN)
    part = down[first : last + 1]
    inside = (across[first] - 0.02 <= COLUMN) & (across[min(last, len(across) - 1)] + 0.02 >= COLUMN)
    inside &= (part.min() - 0.03 <= ROW) & (part.max() + 0.03 >= ROW)
    return photograph(canvas, rng, 0.35), (inside * np.maximum(stroke, 0.05)).astype(np.float32)


def line_cover(across: np.ndarray, down: np.ndarray, width: float) -> Field:
    """Rasterise a polyline at four times the size and shrink it."""
    scale = 4
    large = Image.new("L", (SIDE * scale, SIDE * scale))
    points = np.stack([across, down], 1) * SIDE * scale
    ImageDraw.Draw(large).line(
        [tuple(point) for point in points.tolist()], fill=255, width=round(width * scale / 2.2)
    )
    return np.asarray(large.reduce(scale), np.float32) / 255


def furnish(rng: Rng, canvas: Field, style: Style) -> None:
    """Draw grid, axes and marks that look like tick labels."""
    left, right, top, bottom = style["margin"]
    grey = style["paper"] * 0.82 if style["paper"].mean() > 0.5 else style["paper"] + 0.2
    for step in np.linspace(0, 1, style["grid"] + 1)[1:-1] if style["grid"] else ():
        column = left + step * (1 - left - right)
        row = top + step * (1 - top - bottom)
        paint(canvas, cover(np.abs(COLUMN - np.float32(column)) - 0.004), grey, 0.6)
        paint(canvas, cover(np.abs(ROW - np.float32(row)) - 0.004), grey, 0.6)
    ink = np.float32(0.15 if style["paper"].mean() > 0.5 else 0.85)
    if style["frame"] in (1, 2):
        paint(canvas, cover(np.abs(COLUMN - np.float32(left)) - 0.005), ink)
        paint(canvas, cover(np.abs(ROW - np.float32(1 - bottom)) - 0.005), ink)
    if style["frame"] == 2:
        paint(canvas, cover(np.abs(COLUMN - np.float32(1 - right)) - 0.005), ink)
        paint(canvas, cover(np.abs(ROW - np.float32(top)) - 0.005), ink)
    if style["frame"] and bottom > 0.08:
        for step in np.linspace(0.05, 0.95, 5):
            paint(canvas, cover(box(COLUMN - step, ROW - (1 - bottom / 2.5), 0.02, 0.012)), ink, 0.6)
