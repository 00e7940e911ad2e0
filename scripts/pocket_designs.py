"""Draw the makes of machined parts: outline, bore, pieces and colours."""

from dataclasses import dataclass, replace

import numpy as np
from pocket_canvas import (
    SIDE,
    Field,
    Pose,
    Rng,
    any_colour,
    box,
    disc,
    far_colour,
    hue_colour,
    metal,
    polygon,
)

OUTLINES = (
    "square",
    "plank",
    "disc",
    "ring",
    "hexagon",
    "octagon",
    "triangle",
    "cross",
    "gear",
    "angle",
    "frame",
    "oval",
    "tee",
    "washer",
    "pentagon",
    "star",
)
OUTLINE_SHARES = np.array([5, 2.5, 2, 4, 1, 0.5, 0.3, 0.4, 0.4, 0.3, 0.8, 0.4, 0.3, 4, 0.3, 0.2])
OUTLINE_SHARES /= OUTLINE_SHARES.sum()
OUTLINES_ROUND = frozenset({"disc", "ring", "hexagon", "octagon", "gear", "washer", "pentagon"})


@dataclass(frozen=True)
class Design:
    """What all parts of one make share."""

    outline: str
    size: float
    proportion: float
    corner: float
    bore: str
    bore_size: float
    colour: Field
    ground: Field
    ground_kind: int
    grain: int
    grain_strength: float
    pieces: tuple[tuple[float, float], ...]
    piece_kind: int
    piece_size: float
    piece_colour: Field
    groove: float
    groove_shade: float
    rim: float
    shadow: float
    turn: float
    wobble: float
    light: float = 0.0
    bevel: float = 0.0
    bevel_shade: float = 0.0
    dome: float = 0.0
    recess: float = 0.0


def outline(design: Design, across: Field, down: Field) -> Field:
    """Distance to the outer shape in local coordinates."""
    size, half = design.size, design.size * design.proportion
    match design.outline:
        case "square":
            return box(across, down, size, size * (0.85 + 0.15 * design.proportion), design.corner)
        case "plank":
            return box(across, down, size * 1.15, half * 0.75, design.corner)
        case "cross":
            return np.minimum(box(across, down, size, size * 0.4), box(across, down, size * 0.4, size))
        case "frame":
            inner = box(across, down, size * 0.55, size * 0.55)
            return np.maximum(box(across, down, size, size, design.corner), -inner)
        case "angle":
            upright, foot = (
                box(across + size * 0.6, down, size * 0.4, size),
                box(across, down - size * 0.6, size, size * 0.4),
            )
            return np.minimum(upright, foot)
        case "tee":
            head, stem = box(across, down + size * 0.6, size, size * 0.4), box(across, down, size * 0.38, size)
            return np.minimum(head, stem)
        case _:
            return round_outline(design, across, down)


def round_outline(design: Design, across: Field, down: Field) -> Field:
    """Distance to the shapes that turn about their middle."""
    size = design.size
    match design.outline:
        case "disc":
            return disc(across, down, size)
        case "ring":
            return np.abs(disc(across, down, size * 0.8)) - np.float32(size * 0.27)
        case "washer":
            return np.abs(disc(across, down, size * 0.68)) - np.float32(size * 0.36)
        case "gear":
            return disc(across, down, size * 0.9) - np.float32(size * 0.1) * np.cos(np.arctan2(down, across) * 10)
        case "star":
            return disc(across, down, size * 0.75) - np.float32(size * 0.28) * np.cos(np.arctan2(down, across) * 5)
        case "oval":
            return disc(across, down / np.float32(0.45 + 0.2 * design.proportion), size * 1.1)
        case _:
            sides = {"triangle": 3, "pentagon": 5, "hexagon": 6, "octagon": 8}[design.outline]
            return polygon(across, down, sides, size * (0.6 if sides == 3 else 0.93))


def body(design: Design, across: Field, down: Field) -> Field:
    """Distance to the part: the outer shape less its bore."""
    shape = outline(design, across, down)
    match design.bore:
        case "round":
            return np.maximum(shape, -disc(across, down, design.bore_size))
        case "square":
            return np.maximum(shape, -box(across, down, design.bore_size, design.bore_size))
        case "slot":
            return np.maximum(
                shape, -box(across, down, design.bore_size * 1.6, design.bore_size * 0.6, design.bore_size * 0.6)
            )
        case _:
            return shape


def layout(rng: Rng, name: str, size: float) -> tuple[tuple[float, float], ...]:
    """Draw a symmetric set of places for the pieces: on a circle, in the corners, in a grid."""
    kind = rng.integers(3) if name not in OUTLINES_ROUND else 0
    if name in ("cross", "star", "tee", "angle", "plank") or (kind == 2 and rng.random() < 0.5):
        reach = size * rng.uniform(0.5, 0.8)
        if name in ("plank", "tee"):
            return tuple(
                (x, -size * 0.6 if name == "tee" else 0.0) for x in np.linspace(-reach, reach, rng.integers(2, 5))
            )
        if name == "angle":
            return ((-size * 0.6, -reach), (-size * 0.6, size * 0.6), (reach, size * 0.6))
        return ((-reach, 0.0), (reach, 0.0), (0.0, -reach), (0.0, reach))
    if kind == 0:
        count = int(rng.integers(3, 9))
        reach = size * {"ring": 0.8, "washer": 0.68}.get(name, rng.uniform(0.5, 0.75))
        turns = np.arange(count) * 2 * np.pi / count - np.pi / 2 + (np.pi / count if rng.random() < 0.5 else 0)
        return tuple((reach * np.cos(turn), reach * np.sin(turn)) for turn in turns)
    reach = size * rng.uniform(0.5, 0.78)
    if kind == 1 or name == "frame":
        return tuple((x, y) for x in (-reach, reach) for y in (-reach, reach))
    steps = np.linspace(-reach, reach, 3)
    return tuple((float(x), float(y)) for x in steps for y in (steps if rng.random() < 0.5 else (-reach, reach)))


def draw_design(rng: Rng) -> Design:
    """Draw the make of a part."""
    name = str(rng.choice(OUTLINES, p=OUTLINE_SHARES))
    ground = hue_colour(
        rng.random(),
        rng.uniform(0, 0.35),
        rng.uniform(0.02, 0.45) if rng.random() < 0.5 else rng.uniform(0.5, 1.0),
    )
    if rng.random() < 0.1:
        ground = any_colour(rng)
    colour = far_colour(rng, [ground], 0.28, 0.55)
    size = rng.uniform(0.24, 0.42) * (0.9 if name == "oval" else 1.0)
    design = Design(
        outline=name,
        size=size,
        proportion=rng.uniform(0.45, 1.0),
        corner=size * rng.choice([0.0, 0.1, 0.2, 0.35]),
        bore="none"
        if name in ("ring", "washer", "frame", "angle", "tee")
        else str(rng.choice(["none", "round", "square", "slot"], p=[0.5, 0.35, 0.07, 0.08])),
        bore_size=size * rng.uniform(0.15, 0.3),
        colour=colour,
        ground=ground,
        ground_kind=int(rng.choice(4, p=[0.55, 0.2, 0.15, 0.1])),
        grain=int(rng.choice(5, p=[0.25, 0.25, 0.15, 0.2, 0.15])),
        grain_strength=rng.uniform(0.01, 0.07),
        pieces=(),
        piece_kind=int(rng.integers(9)),
        piece_size=size * rng.uniform(0.09, 0.18),
        piece_colour=far_colour(rng, [colour], rng.choice([0.12, 0.3]), 0.6),
        groove=rng.choice([0.0, rng.uniform(0.012, 0.06)], p=[0.6, 0.4]),
        groove_shade=rng.choice([rng.uniform(0.5, 0.85), rng.uniform(1.15, 1.4)]),
        rim=rng.choice([0.0, rng.uniform(0.1, 0.6)]),
        shadow=rng.choice([0.0, rng.uniform(0.1, 0.5)]),
        turn=rng.choice([0.0, rng.uniform(-0.3, 0.3), rng.uniform(-np.pi, np.pi)], p=[0.6, 0.25, 0.15]),
        wobble=rng.choice([0.0, 0.05, 0.2, 1.0], p=[0.35, 0.3, 0.25, 0.1]),
    )
    return fit_pieces(rng, design) if rng.random() < 0.9 else design


BOLTED = ("ring", "washer", "disc", "square", "plank")


def draw_bolted(rng: Rng) -> Design:
    """Draw the make of a ring, disc or plate that is bolted down, mostly of metal, in relief, on a dark ground."""
    design = draw_design(rng)
    while design.outline not in BOLTED or len(design.pieces) < 3:
        design = draw_design(rng)
    steel = hue_colour(rng.uniform(0.5, 0.65), rng.uniform(0, 0.08), rng.uniform(0.7, 1.0))
    return replace(
        design,
        colour=metal(rng) if rng.random() < 0.75 else design.colour,
        ground=hue_colour(rng.random(), rng.uniform(0, 0.25), rng.uniform(0.08, 0.45))
        if rng.random() < 0.75
        else design.ground,
        piece_kind=int(rng.choice([0, 2, 4, 7, 9, 9, 9, 10, 10])),
        piece_size=design.piece_size * rng.uniform(0.95, 1.25),
        piece_colour=steel if rng.random() < 0.7 else design.piece_colour,
        bore="round" if design.outline in BOLTED[2:] and rng.random() < 0.8 else design.bore,
        rim=rng.uniform(0.2, 0.7),
        shadow=rng.uniform(0.1, 0.5),
        grain=int(rng.choice([1, 1, 1, 0, 4])),
        ground_kind=int(rng.choice([0, 1, 2, 4, 4, 4])),
        light=rng.uniform(-np.pi, np.pi),
        bevel=rng.choice([0.0, rng.uniform(0.02, 0.07)], p=[0.2, 0.8]),
        bevel_shade=rng.uniform(0.1, 0.6),
        dome=rng.choice([0.0, rng.uniform(0.15, 0.7)], p=[0.2, 0.8]),
        recess=rng.choice([0.0, rng.uniform(0.2, 0.7)], p=[0.3, 0.7]),
    )


def fit_pieces(rng: Rng, design: Design) -> Design:
    """Put pieces where the part has room for all of them."""
    whole = body(design, *Pose().local())
    for _ in range(8):
        places = layout(rng, design.outline, design.size)
        if all(whole[pixel(0.5 + x, 0.5 + y)] < -design.piece_size * 1.1 for x, y in places):
            return replace(design, pieces=places)
    return design


def pixel(column: float, row: float) -> tuple[int, int]:
    """Return the array index of a canvas position."""
    return min(max(int(row * SIDE), 0), SIDE - 1), min(max(int(column * SIDE), 0), SIDE - 1)


def other_colour(rng: Rng, design: Design) -> Design:
    """Return the same make in a clearly other colour."""
    return replace(design, colour=far_colour(rng, [design.colour, design.ground], 0.3, 0.5))


def other_kind(rng: Rng, design: Design) -> Design:
    """Return a part of another outline in the same colours."""
    name = design.outline
    alike = [{"disc", "octagon", "gear"}, {"ring", "washer"}, {"hexagon", "octagon", "pentagon", "disc"}]
    while name == design.outline or any({name, design.outline} <= group for group in alike):
        name = str(rng.choice(OUTLINES))
    bare = replace(
        design,
        outline=name,
        pieces=(),
        bore="none" if name in ("ring", "washer", "frame", "angle", "tee") else design.bore,
    )
    return fit_pieces(rng, bare) if design.pieces else bare
