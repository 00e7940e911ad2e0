"""Noise and textures, made from a generator. Perlin noise: K. Perlin, "An Image Synthesizer", SIGGRAPH 1985."""

import numpy as np
from numpy.typing import NDArray

from vlm_eval.synthetic.seams import Picture

Field = NDArray[np.float64]


def perlin(rng: np.random.Generator, shape: tuple[int, int], cells: int = 4) -> Field:
    """Return gradient noise of deviation 1 and mean 0, shape (rows, columns), with `cells` cells a side."""
    angles = rng.uniform(0, 2 * np.pi, (cells + 1, cells + 1))
    slope_x, slope_y = np.cos(angles), np.sin(angles)
    y, x = (np.linspace(0, cells, size, endpoint=False) for size in shape)
    column, row = np.meshgrid(np.floor(x).astype(int), np.floor(y).astype(int))
    dx, dy = x[None, :] - column, y[:, None] - row

    def corner(right: int, down: int) -> Field:
        at = (row + down, column + right)
        found: Field = slope_x[at] * (dx - right) + slope_y[at] * (dy - down)
        return found

    ease_x, ease_y = (value**3 * (value * (6 * value - 15) + 10) for value in (dx, dy))
    above = corner(0, 0) + ease_x * (corner(1, 0) - corner(0, 0))
    below = corner(0, 1) + ease_x * (corner(1, 1) - corner(0, 1))
    noise: Field = above + ease_y * (below - above)
    scaled: Field = (noise - noise.mean()) / (noise.std() + 1e-9)
    return scaled


def texture(rng: np.random.Generator, shape: tuple[int, int], beside: Picture) -> Picture:
    """Return a texture (stripes, dots or clouds) whose brightness differs from that of a picture it is put into.

    Args:
        rng: chooses.
        shape: rows and columns.
        beside: the crop; the texture's mean is drawn at least 40 grey levels from its mean, its tint at random.
    """
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    turn, length = rng.uniform(0, np.pi), rng.uniform(4, 14)
    along = x * np.cos(turn) + y * np.sin(turn)
    across = y * np.cos(turn) - x * np.sin(turn)
    grain = perlin(rng, shape, cells=max(2, min(shape) // 6))
    patterns = (
        np.sin(2 * np.pi * along / length + 0.6 * grain),
        np.sin(2 * np.pi * along / length) * np.sin(2 * np.pi * across / length),
        grain,
    )
    pattern = patterns[int(rng.integers(len(patterns)))] + 0.25 * rng.standard_normal(shape)
    grey = float(beside.mean())
    distance = rng.uniform(40, 110) * (1 if rng.random() < (255 - grey) / 255 else -1)
    coloured = bool(np.ptp(beside.astype(np.int16), axis=2).mean() > 4)  # no colour in a grey picture
    tint = rng.uniform(-25, 25, 3) if coloured else np.zeros(3)
    values = grey + distance + tint + rng.uniform(12, 35) * pattern[..., None]
    return np.clip(values, 0, 255).astype(np.uint8)
