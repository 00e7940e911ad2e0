"""Draws the surfaces of the `demo` data set: a depth picture, shaded by a light from the top left."""

import numpy as np

from vlm_eval.data.demo_drawing import LIGHT, PIXEL, SIDE, Array, Canvas, Drawing, X, Y, local

DEFECTS = ("dent", "bump")

Places = tuple[Array, Array]  # x and y


def draw_depth(rng: np.random.Generator, defect: str | None) -> Drawing:
    """Draw a smooth surface, sound or with one of the defect types of DEFECTS. Near is bright, far is dark."""
    height = bent_sheet(rng)
    mask, centre = None, (0.0, 0.0)
    if defect is not None:
        across, down = rng.uniform(-0.72, 0.72, 2)
        centre = float(across), float(down)
        relief, away = knob(rng, centre)
        height = height + (relief if defect == "bump" else -relief)
        mask = away < 1.3
    canvas = Canvas(_shade(rng, height))
    return Drawing(canvas.finish(rng), defect, mask, centre)


def knob(rng: np.random.Generator, centre: tuple[float, float], places: Places = (X, Y)) -> tuple[Array, Array]:
    """Return the height of a bump at a centre, and how far each place is from it in radii of the bump."""
    frame = local(centre, rng.uniform(0, np.pi), places)
    radius = rng.uniform(0.13, 0.19)
    away = np.hypot(frame[0], frame[1] * rng.uniform(1, 1.35)) / radius
    # Flat on top with steep flanks, so that both light and depth show it.
    shape = np.exp(-(away**4) / 2)
    return rng.uniform(0.9, 1.15) * radius * shape, away


def bent_sheet(rng: np.random.Generator, places: Places = (X, Y)) -> Array:
    """Return the height of a bent sheet with gentle waves at each place, in half widths."""
    x, y = places
    along, across = local((rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3)), rng.uniform(0, np.pi), places)
    bend = -rng.uniform(0.08, 0.42) * along**2 - rng.uniform(0, 0.15) * across**2
    tilt = rng.uniform(-0.1, 0.1) * x + rng.uniform(-0.1, 0.1) * y
    wave = rng.uniform(0.01, 0.035) * np.sin(rng.uniform(2, 4) * along + rng.uniform(0, 6))
    height: Array = bend + tilt + wave
    return height


def _shade(rng: np.random.Generator, height: Array) -> Array:
    """Return the surface as a grey picture: matt reflection of the light, and a veil that grows with depth."""
    slope_y, slope_x = np.gradient(height, PIXEL)
    upright = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    matt = (0.8 - slope_x * LIGHT[0] * 0.6 - slope_y * LIGHT[1] * 0.6) * upright
    near = (height - height.min()) / (np.ptp(height) + 1e-6)
    grain = 0.012 * rng.standard_normal((SIDE, SIDE), dtype=np.float32)
    grey = 0.1 + 0.5 * np.clip(matt, 0, 1.4) + 0.22 * near + grain
    picture: Array = np.clip(grey, 0, 1)[..., None] * (np.array([1, 1, 1]) + rng.uniform(-0.04, 0.04, 3))
    return picture
