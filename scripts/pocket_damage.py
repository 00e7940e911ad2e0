"""Damage a machined part: scratch, soil, pierce or break it."""

import numpy as np
from pocket_canvas import (
    COLUMN,
    ROW,
    SIDE,
    Field,
    Pose,
    Rng,
    any_colour,
    box,
    clouds,
    cover,
    disc,
    hue_colour,
    paint,
    polygon,
    segment,
)
from pocket_designs import Design


def spot(rng: Rng, inside: Field, avoid: list[tuple[float, float, float]], depth: float) -> tuple[float, float]:
    """Choose a canvas position at least that deep inside the part and clear of circles (column, row, radius)."""
    free = inside < -depth
    for column, row, radius in avoid:
        free &= (COLUMN - column) ** 2 + (ROW - row) ** 2 > radius**2
    places = np.flatnonzero(free)
    if not len(places):
        places = np.flatnonzero(inside <= max(inside.min() * 0.7, -depth))
    index = int(rng.choice(places))
    return float(COLUMN.flat[index]), float(ROW.flat[index])


def scratch(rng: Rng, canvas: Field, design: Design, inside: Field, start: tuple[float, float]) -> Field:
    """Scratch the part along a bent line; return the mask."""
    length, heading, bend = (
        rng.uniform(0.14, 0.5),
        rng.uniform(0, 2 * np.pi),
        rng.choice([0.0, rng.uniform(-0.9, 0.9)]),
    )
    steps = 1 if bend == 0 else 4
    half_width = rng.uniform(0.003, 0.017 if design.bevel else 0.011)
    column = start[0] - 0.5 * length * np.cos(heading + bend * 0.5)
    row = start[1] - 0.5 * length * np.sin(heading + bend * 0.5)
    mask = np.zeros_like(inside)
    for _ in range(steps):
        end = column + length / steps * np.cos(heading), row + length / steps * np.sin(heading)
        mask = np.maximum(mask, thin(segment((column, row), end, 0.0), half_width))
        column, row = end
        heading += bend / steps
    mask = mask * cover(inside)
    bright = design.colour.mean() < 0.45 if rng.random() < 0.7 else rng.random() < 0.5
    colour = rng.uniform(0.75, 1.0) if bright else rng.uniform(0.0, 0.25)
    paint(canvas, mask, np.float32(colour) * np.ones(3, np.float32), rng.uniform(0.65, 1.0))
    return mask


def thin(distance: Field, half_width: float) -> Field:
    """Cover a line that may be thinner than a pixel."""
    wide = max(half_width, 0.5 / SIDE)
    return cover(distance - np.float32(wide)) * np.float32(min(1.0, half_width * SIDE * 2))


def stain(rng: Rng, canvas: Field, design: Design, inside: Field, centre: tuple[float, float]) -> Field:
    """Soil the part with a soft irregular blot; return the mask."""
    radius = rng.uniform(0.05, 0.13)
    across, down = Pose(*centre, 1.0, rng.uniform(0, np.pi)).local()
    rough = (clouds(rng, int(rng.integers(6, 18))) - 0.5) * rng.uniform(0.2, 1.2) * radius
    distance = disc(across, down * np.float32(rng.uniform(0.8, 1.6)), radius) + rough.astype(np.float32)
    mask = cover(distance, rng.uniform(1, 7)) * cover(inside)
    choices = [
        hue_colour(rng.uniform(0.05, 0.12), rng.uniform(0.4, 0.9), rng.uniform(0.15, 0.5)),
        design.colour * rng.uniform(0.3, 0.65),
        any_colour(rng),
    ]
    colour = choices[rng.choice(3, p=[0.45, 0.3, 0.25])]
    opacity = rng.uniform(0.5, 0.95)
    if np.linalg.norm(colour - design.colour) * opacity < 0.25:
        colour = design.colour * 0.4 if design.colour.mean() > 0.35 else design.colour + 0.4
    paint(canvas, mask, colour, opacity)
    return mask


def hole(rng: Rng, canvas: Field, design: Design, inside: Field, centre: tuple[float, float]) -> Field:
    """Pierce the part where no hole belongs; return the mask."""
    radius = rng.uniform(0.028, 0.065)
    across, down = Pose(*centre, 1.0, rng.uniform(0, np.pi)).local()
    distance = disc(across, down * np.float32(rng.uniform(0.85, 1.35)), radius)
    if rng.random() < 0.4:
        distance = distance + ((clouds(rng, 16) - 0.5) * radius * 0.8).astype(np.float32)
    mask = cover(distance) * cover(inside)
    dark = (
        design.ground
        if rng.random() < 0.5 and np.linalg.norm(design.ground - design.colour) > 0.3
        else np.full(3, rng.uniform(0, 0.12), np.float32)
    )
    if np.linalg.norm(dark - design.colour) < 0.22:
        dark = np.full(3, 0.0 if design.colour.mean() > 0.25 else 0.9, np.float32)
    if rng.random() < 0.4:
        paint(canvas, cover(np.abs(distance) - 0.006) * cover(inside), design.colour * rng.choice([0.6, 1.4]), 0.7)
    paint(canvas, mask, dark)
    return mask


def bite(rng: Rng, whole: Field) -> tuple[Field, Field]:
    """Break a chunk off the edge of the part; return the new distance and the mask of what is gone."""
    edge = np.flatnonzero(np.abs(whole) < 0.012)
    index = int(rng.choice(edge))
    column, row = float(COLUMN.flat[index]), float(ROW.flat[index])
    size = rng.uniform(0.075, 0.15)
    across, down = Pose(column, row, 1.0, rng.uniform(0, np.pi)).local()
    choice = rng.integers(3)
    chunk = (
        disc(across, down, size)
        if choice == 0
        else box(across, down, size, size * 0.8)
        if choice == 1
        else polygon(across, down, 3, size * 0.6)
    )
    if rng.random() < 0.5:
        chunk = chunk + ((clouds(rng, 14) - 0.5) * size * 0.6).astype(np.float32)
    return np.maximum(whole, -chunk), cover(whole) * cover(chunk)
