"""Draws the sensor signals of the `demo` data set: a time series plotted as a line between two axes."""

import numpy as np
from PIL import Image, ImageDraw

from vlm_eval.data.demo_drawing import SIDE, Array, Drawing, X, Y, line, mean_place

DEFECTS = ("spike", "level shift", "flat line")

STEPS = 240
_FINE = 4  # the plot is drawn this many times larger and then reduced, which smooths its lines
_LEFT, _TOP, _RIGHT, _BOTTOM = 20, 12, 214, 206  # the axes, in pixels of the picture
_LIMIT = 2.6  # the value axis runs from -_LIMIT to _LIMIT, whatever the signal does
_INKS = ("#1f5fa8", "#0b7a75", "#a33327", "#3d3d6b", "#2e2e2e")
_PAPERS = ("#ffffff", "#fbfaf5", "#f4f6f8")


def draw_series(rng: np.random.Generator, defect: str | None) -> Drawing:
    """Draw a periodic signal, sound or with one of the defect types of DEFECTS."""
    values = periodic_signal(rng)
    touched = np.zeros(STEPS, dtype=bool)
    if defect is not None:
        values, touched = disturb(rng, values, defect)
    columns = _LEFT + 4 + np.arange(STEPS) / (STEPS - 1) * (_RIGHT - _LEFT - 8)
    rows = (_TOP + _BOTTOM) / 2 - values / _LIMIT * (_BOTTOM - _TOP) / 2
    points = np.stack([columns, rows], axis=1)
    picture = _plot(rng, points)
    if defect is None:
        return Drawing(picture)
    mask = _band(points[touched])
    return Drawing(picture, defect, mask, mean_place(mask))


def periodic_signal(rng: np.random.Generator, steps: int = STEPS) -> Array:
    """Return a sum of two waves with a little noise, amplitude about 1, shape (steps,)."""
    time = np.linspace(0, (steps - 1) / (STEPS - 1), steps)
    cycles, second = rng.uniform(4.5, 7), rng.integers(2, 4)
    wave = np.sin(2 * np.pi * (cycles * time + rng.uniform()))
    over = rng.uniform(0.1, 0.3) * np.sin(2 * np.pi * (cycles * second * time + rng.uniform()))
    noise = rng.normal(0, rng.uniform(0.03, 0.07), steps)
    return rng.uniform(0.8, 0.98) * (wave + over) + noise


def disturb(rng: np.random.Generator, values: Array, defect: str) -> tuple[Array, Array]:
    """Return the signal with a defect of DEFECTS, and where it is touched; both of shape (STEPS,)."""
    values, touched = values.copy(), np.zeros(STEPS, dtype=bool)
    middle = int(STEPS * (rng.choice([1 / 6, 1 / 2, 5 / 6]) + rng.uniform(-0.04, 0.04)))
    if defect == "spike":
        shape = np.array([0.35, 0.8, 1, 0.8, 0.35])
        towards = 1 if values[middle] > 0 else -1
        touched[middle - 2 : middle + 3] = True
        peak = towards * rng.uniform(2.1, 2.45)
        values[touched] += (peak - values[touched]) * shape
        return values, touched
    reach = int(STEPS * rng.uniform(0.11, 0.15))
    touched[max(3, middle - reach) : middle + reach] = True
    if defect == "flat line":
        noise = rng.normal(0, 0.006, STEPS)
        values[touched] = (values[np.argmax(touched) - 1] + noise)[touched]
    else:
        values[touched] += rng.choice([-1, 1]) * rng.uniform(1.15, 1.35)
    return values, touched


def _plot(rng: np.random.Generator, points: Array) -> Image.Image:
    image = Image.new("RGB", (SIDE * _FINE, SIDE * _FINE), str(rng.choice(_PAPERS)))
    draw = ImageDraw.Draw(image)
    for share in (0.25, 0.5, 0.75):
        across, down = (start + share * (end - start) for start, end in ((_LEFT, _RIGHT), (_TOP, _BOTTOM)))
        draw.line(_scaled([(across, _TOP), (across, _BOTTOM)]), "#dfe3e8", _FINE)
        draw.line(_scaled([(_LEFT, down), (_RIGHT, down)]), "#dfe3e8", _FINE)
        draw.line(_scaled([(across, _BOTTOM), (across, _BOTTOM + 5)]), "#444c55", _FINE)
        draw.line(_scaled([(_LEFT - 5, down), (_LEFT, down)]), "#444c55", _FINE)
    draw.line(_scaled([(_LEFT, _TOP), (_LEFT, _BOTTOM), (_RIGHT, _BOTTOM)]), "#444c55", 5)
    draw.line(_scaled(points), str(rng.choice(_INKS)), round(rng.uniform(1.9, 2.5) * _FINE), joint="curve")
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def _scaled(points: Array | list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(float(x) * _FINE, float(y) * _FINE) for x, y in points]


def _band(points: Array) -> Array:
    """Return the mask of a line of 9 pixels' width through points that are given in pixels."""
    path = [(float(x), float(y)) for x, y in points / SIDE * 2 - 1]
    return line((X, Y), path, 9 / SIDE * 2) < 0
