"""Draw with signed distances on a small canvas: shapes, paint, noise and the wear of cameras and files."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.float32]  # one value a pixel
Rng = np.random.Generator

SIDE = 96
COLUMN, ROW = (axis.astype(np.float32) for axis in np.meshgrid(*[(np.arange(SIDE) + 0.5) / SIDE] * 2))


@dataclass(frozen=True)
class Pose:
    """Where and how a thing lies on the canvas, in shares of its side."""

    column: float = 0.5
    row: float = 0.5
    scale: float = 1.0
    angle: float = 0.0

    def local(self) -> tuple[Field, Field]:
        """Return the canvas in the thing's own coordinates."""
        cosine, sine = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        across, down = COLUMN - np.float32(self.column), ROW - np.float32(self.row)
        scale = np.float32(self.scale)
        return (across * cosine + down * sine) / scale, (down * cosine - across * sine) / scale

    def place(self, across: float, down: float) -> tuple[float, float]:
        """Return the canvas position (column, row) of a local point."""
        cosine, sine = np.cos(self.angle) * self.scale, np.sin(self.angle) * self.scale
        return self.column + across * cosine - down * sine, self.row + across * sine + down * cosine


def disc(across: Field, down: Field, radius: float) -> Field:
    """Distance to a disc."""
    return np.sqrt(across * across + down * down) - np.float32(radius)


def box(across: Field, down: Field, half_width: float, half_height: float, corner: float = 0.0) -> Field:
    """Distance to a box with rounded corners."""
    over = np.abs(across) - np.float32(half_width - corner)
    under = np.abs(down) - np.float32(half_height - corner)
    outside = np.sqrt(np.maximum(over, 0) ** 2 + np.maximum(under, 0) ** 2)
    return outside + np.minimum(np.maximum(over, under), 0) - np.float32(corner)


def polygon(across: Field, down: Field, sides: int, radius: float) -> Field:
    """Distance to a regular polygon of that inner radius."""
    distances = (
        across * np.float32(np.cos(turn)) + down * np.float32(np.sin(turn))
        for turn in np.arange(sides) * 2 * np.pi / sides + np.pi / 2
    )
    result = next(distances)
    for distance in distances:
        result = np.maximum(result, distance)
    return result - np.float32(radius)


def segment(start: tuple[float, float], end: tuple[float, float], half_width: float) -> Field:
    """Distance to a capsule between two canvas points."""
    across, down = COLUMN - np.float32(start[0]), ROW - np.float32(start[1])
    step = np.float32(end[0] - start[0]), np.float32(end[1] - start[1])
    along = (across * step[0] + down * step[1]) / (step[0] ** 2 + step[1] ** 2 + np.float32(1e-9))
    along = np.clip(along, 0, 1)
    return np.sqrt((across - along * step[0]) ** 2 + (down - along * step[1]) ** 2) - np.float32(half_width)


def cover(distance: Field, softness: float = 1.0) -> Field:
    """Return the share of each pixel inside, with an edge so many pixels soft."""
    return np.clip(0.5 - distance * np.float32(SIDE / softness), 0, 1)


def paint(canvas: Field, mask: Field, colour: Field | float, opacity: float = 1.0) -> None:
    """Paint a colour through a mask, in place."""
    canvas += (np.asarray(colour, np.float32) - canvas) * (mask * np.float32(opacity))[..., None]


def relief(distance: Field, width: float, light: float) -> Field:
    """Return the shade in about [-1, 1] of an edge that rises over that width inwards, lit from that direction."""
    height = np.clip(0.5 - distance / np.float32(width), 0, 1)
    height = height * height * (3 - 2 * height) * np.float32(width * SIDE * 0.6)
    down, across = np.gradient(height)
    return -(across * np.float32(np.cos(light)) + down * np.float32(np.sin(light)))


def shine(canvas: Field, shade: Field, strength: float) -> None:
    """Lighten or darken the canvas by a shade, in place."""
    canvas *= (1 + np.float32(strength) * shade)[..., None]
    canvas += (np.float32(0.25 * strength) * np.maximum(shade, 0))[..., None]


def clouds(rng: Rng, cells: int) -> Field:
    """Return smooth noise in [0, 1] with so many blobs a side."""
    small = (rng.random((cells + 1, cells + 1)) * 255).astype(np.uint8)
    large = Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(large, np.float32) / 255


def hue_colour(hue: float, saturation: float, value: float) -> Field:
    """Convert HSV in [0, 1] to RGB."""
    steps = (np.array([0.0, 2 / 3, 1 / 3]) + hue) % 1 * 6
    ramp = np.clip(np.abs(steps - 3) - 1, 0, 1)
    return np.asarray(value * (1 - saturation + saturation * ramp), np.float32)


def metal(rng: Rng) -> Field:
    """Draw the colour of steel, aluminium, brass, gold, bronze or copper."""
    hue, saturation, value = (
        (0.58, 0.08, 0.65),
        (0.6, 0.03, 0.82),
        (0.125, 0.55, 0.78),
        (0.14, 0.45, 0.85),
        (0.085, 0.6, 0.6),
        (0.05, 0.6, 0.72),
    )[rng.integers(6)]
    return hue_colour(
        hue + rng.normal(0, 0.012), saturation * rng.uniform(0.7, 1.3), value * rng.uniform(0.75, 1.15)
    )


def any_colour(rng: Rng, vivid: float = 0.6, metals: float = 0.25) -> Field:
    """Draw a colour, vivid with that chance, else close to grey."""
    if rng.random() < metals:
        return metal(rng)
    if rng.random() < vivid:
        return hue_colour(rng.random(), rng.uniform(0.35, 1.0), rng.uniform(0.35, 1.0))
    return hue_colour(rng.random(), rng.uniform(0.0, 0.2), rng.uniform(0.15, 0.95))


def far_colour(rng: Rng, others: list[Field], least: float, metals: float = 0.25) -> Field:
    """Draw a colour at least so far (RGB distance) from all the others."""
    colour = any_colour(rng, metals=metals)
    for _ in range(60):
        if all(np.linalg.norm(colour - other) >= least for other in others):
            break
        colour = any_colour(rng, metals=metals)
    return colour


def blur(canvas: Field, amount: float) -> Field:
    """Blur with a 3 x 3 binomial kernel, mixed in by that amount in [-0.3, 1]; negative sharpens."""
    padded = np.pad(canvas, ((1, 1), (1, 1), (0, 0)), mode="edge")
    smooth = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    smooth = (smooth[:, :-2] + 2 * smooth[:, 1:-1] + smooth[:, 2:]) / 4
    return canvas + np.float32(amount) * (smooth - canvas)


def photograph(canvas: Field, rng: Rng, harsh: float = 1.0) -> NDArray[np.uint8]:
    """Add light fall-off, blur, noise and now and then JPEG's marks; return 8-bit RGB."""
    if rng.random() < 0.5 * harsh:
        direction = rng.uniform(0, 2 * np.pi)
        ramp = (COLUMN - 0.5) * np.cos(direction) + (ROW - 0.5) * np.sin(direction)
        canvas = canvas * (1 + ramp * rng.uniform(0.05, 0.4) * harsh).astype(np.float32)[..., None]
    canvas = canvas * np.float32(rng.uniform(0.85, 1.1)) + np.float32(rng.uniform(-0.04, 0.06))
    if rng.random() < 0.75:
        canvas = blur(canvas, rng.uniform(-0.3, 0.9))
    if rng.random() < 0.7:
        strength = rng.uniform(0.002, 0.025) * harsh
        shape = canvas.shape if rng.random() < 0.5 else (SIDE, SIDE, 1)
        canvas = canvas + rng.standard_normal(shape, dtype=np.float32) * np.float32(strength)
    pixels = (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)
    return jpeg(pixels, int(rng.integers(45, 96))) if rng.random() < 0.15 else pixels


def jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Send pixels through a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
