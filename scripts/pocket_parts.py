"""Draw machined parts, whole and damaged, for the training of pocket-llava."""

from dataclasses import dataclass, replace

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
    far_colour,
    hue_colour,
    paint,
    photograph,
    polygon,
    segment,
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
DEFECTS = ("scratch", "stain", "hole", "missing piece", "misplaced piece")


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
    rim: float
    shadow: float
    turn: float
    wobble: float


def outline(design: Design, across: Field, down: Field) -> Field:
    """Distance to the outer shape in local coordinates."""
    size, half = design.size, design.size * design.proportion
    match design.outline:
        case "square":
            return box(across, down, size, size * (0.85 + 0.15 * design.proportion), design.corner)
        case "plank":
            return box(across, down, size * 1.15, half * 0.75, design.corner)
        case "disc":
            return disc(across, down, size)
        case "ring":
            return np.abs(disc(across, down, size * 0.8)) - np.float32(size * 0.27)
        case "washer":
            return np.abs(disc(across, down, size * 0.68)) - np.float32(size * 0.36)
        case "hexagon" | "octagon" | "triangle" | "pentagon":
            sides = {"triangle": 3, "pentagon": 5, "hexagon": 6, "octagon": 8}[design.outline]
            return polygon(across, down, sides, size * (0.6 if sides == 3 else 0.93))
        case "cross":
            return np.minimum(box(across, down, size, size * 0.4), box(across, down, size * 0.4, size))
        case "gear":
            angle = np.arctan2(down, across)
            return disc(across, down, size * 0.9) - np.float32(size * 0.1) * np.cos(angle * 10)
        case "star":
            angle = np.arctan2(down, across)
            return disc(across, down, size * 0.75) - np.float32(size * 0.28) * np.cos(angle * 5)
        case "oval":
            return disc(across, down / np.float32(0.45 + 0.2 * design.proportion), size * 1.1)
        case "frame":
            return np.maximum(
                box(across, down, size, size, design.corner), -box(across, down, size * 0.55, size * 0.55)
            )
        case "angle":
            return np.minimum(
                box(across + size * 0.6, down, size * 0.4, size), box(across, down - size * 0.6, size, size * 0.4)
            )
        case _:
            return np.minimum(
                box(across, down + size * 0.6, size, size * 0.4), box(across, down, size * 0.38, size)
            )


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
        rng.random(), rng.uniform(0, 0.35), rng.uniform(0.02, 0.45) if rng.random() < 0.5 else rng.uniform(0.5, 1.0)
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
        grain=int(rng.choice(5, p=[0.35, 0.2, 0.2, 0.15, 0.1])),
        grain_strength=rng.uniform(0.01, 0.05),
        pieces=(),
        piece_kind=int(rng.integers(5)),
        piece_size=size * rng.uniform(0.09, 0.18),
        piece_colour=far_colour(rng, [colour], 0.3),
        rim=rng.choice([0.0, rng.uniform(0.1, 0.6)]),
        shadow=rng.choice([0.0, rng.uniform(0.1, 0.5)]),
        turn=rng.choice([0.0, rng.uniform(-0.3, 0.3), rng.uniform(-np.pi, np.pi)], p=[0.6, 0.25, 0.15]),
        wobble=rng.choice([0.0, 0.05, 0.2, 1.0], p=[0.35, 0.3, 0.25, 0.1]),
    )
    return fit_pieces(rng, design) if rng.random() < 0.9 else design


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


def draw_pose(rng: Rng, design: Design) -> Pose:
    """Draw a pose in which the whole part is on the canvas."""
    room = max(0.0, 0.47 - design.size * 1.12)
    return Pose(
        column=0.5 + rng.uniform(-1, 1) * min(room, 0.1),
        row=0.5 + rng.uniform(-1, 1) * min(room, 0.1),
        scale=rng.uniform(0.93, 1.05),
        angle=design.turn + rng.uniform(-1, 1) * design.wobble,
    )


def background(rng: Rng, design: Design) -> Field:
    """Paint what lies behind the part."""
    canvas = np.empty((SIDE, SIDE, 3), np.float32)
    canvas[:] = design.ground
    match design.ground_kind:
        case 1:
            canvas *= (1 + rng.uniform(-0.3, 0.3) * (ROW - 0.5) + rng.uniform(-0.3, 0.3) * (COLUMN - 0.5))[
                ..., None
            ].astype(np.float32)
        case 2:
            canvas *= (1 + (clouds(rng, int(rng.integers(3, 30))) - 0.5) * rng.uniform(0.05, 0.25))[
                ..., None
            ].astype(np.float32)
        case 3:
            lines = np.sin((COLUMN * np.cos(design.turn) + ROW * np.sin(design.turn)) * rng.uniform(30, 150))
            canvas *= (1 + lines * rng.uniform(0.02, 0.08))[..., None].astype(np.float32)
    return canvas


def surface(rng: Rng, design: Design, across: Field, down: Field) -> Field:
    """Paint the material of the part: plain, brushed, turned, cast or shiny."""
    strength = np.float32(design.grain_strength)
    match design.grain:
        case 1:
            lines = rng.standard_normal(192).astype(np.float32)
            light = 1 + strength * lines[((down + 1) * 95).astype(np.int32) % 192]
        case 2:
            light = 1 + strength * np.sin(np.sqrt(across**2 + down**2) * np.float32(rng.uniform(60, 160)))
        case 3:
            light = 1 + 4 * strength * (clouds(rng, int(rng.integers(4, 32))) - 0.5)
        case 4:
            streak = (across + down * np.float32(rng.uniform(-1, 1)) - np.float32(rng.uniform(-0.2, 0.2))) / 0.12
            light = 1 + 3 * strength * np.exp(-streak * streak)
        case _:
            light = np.ones_like(across)
    tint = design.colour * rng.uniform(0.95, 1.05) + rng.uniform(-0.015, 0.015, 3)
    return (light[..., None] * tint).astype(np.float32)


def paint_piece(canvas: Field, design: Design, column: float, row: float, scale: float, angle: float) -> Field:
    """Paint one bolt, mounting hole, cap, insert or screw; return its mask."""
    radius = design.piece_size * scale
    across, down = Pose(column, row, 1.0, angle).local()
    kind = design.piece_kind
    mask = cover(
        box(across, down, radius, radius)
        if kind == 3
        else polygon(across, down, 6, radius)
        if kind == 4
        else disc(across, down, radius)
    )
    colour = design.ground if kind == 1 else design.piece_colour
    paint(canvas, mask, colour)
    if kind in (0, 4):
        paint(canvas, cover(disc(across, down, radius * 0.45)), colour * 0.6)
    elif kind == 2:
        paint(canvas, cover(box(across, down, radius * 0.8, radius * 0.15)), colour * 0.5)
    if kind != 1 and design.rim:
        paint(canvas, cover(np.abs(disc(across, down, radius)) - 0.004), design.colour * 0.5, design.rim)
    return mask


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
    half_width = rng.uniform(0.003, 0.011)
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


def draw_part(rng: Rng, design: Design, defect: str | None) -> tuple[np.ndarray, Field]:
    """Draw one part; return its picture and the mask of its defect."""
    pose = draw_pose(rng, design)
    across, down = pose.local()
    whole = body(design, across, down) * np.float32(pose.scale)
    gone = np.zeros_like(whole)
    skip = -1
    if defect == "missing piece":
        if len(design.pieces) >= 3 and rng.random() < 0.5:
            skip = int(rng.integers(len(design.pieces)))
        else:
            whole, gone = bite(rng, whole)
    canvas = background(rng, design)
    if design.shadow:
        offset = rng.uniform(0.008, 0.03)
        shade = np.roll(cover(whole, 4.0), (int(offset * SIDE), int(offset * SIDE)), (0, 1))
        paint(canvas, shade, design.ground * 0.3, design.shadow)
    paint(canvas, cover(whole, rng.uniform(0.8, 1.6)), surface(rng, design, across, down))
    if design.rim:
        paint(
            canvas,
            cover(np.abs(whole + 0.004) - 0.005),
            design.colour * (0.5 if design.colour.mean() > 0.3 else 1.5),
            design.rim,
        )
    mask = gone + assemble(rng, canvas, design, pose, skip, defect == "misplaced piece")
    avoid = [(*pose.place(x, y), design.piece_size * 1.6 + 0.04) for x, y in design.pieces]
    if defect == "scratch":
        mask = scratch(rng, canvas, design, whole, spot(rng, whole, [], 0.03))
    elif defect == "stain":
        mask = stain(rng, canvas, design, whole, spot(rng, whole, [], 0.03))
    elif defect == "hole":
        mask = hole(rng, canvas, design, whole, spot(rng, whole, avoid, 0.035))
    return photograph(canvas, rng), mask


def assemble(rng: Rng, canvas: Field, design: Design, pose: Pose, skip: int, misplace: bool) -> Field:
    """Paint the pieces, one of them left out or put elsewhere; return the mask of what is wrong."""
    wrong = np.zeros_like(COLUMN)
    moved = int(rng.integers(len(design.pieces))) if misplace else -1
    for index, (x, y) in enumerate(design.pieces):
        column, row = pose.place(x, y)
        if index == skip:
            wrong = cover(disc(COLUMN - column, ROW - row, design.piece_size * 1.3))
            if rng.random() < 0.3:
                paint(
                    canvas,
                    cover(np.abs(disc(COLUMN - column, ROW - row, design.piece_size)) - 0.004),
                    design.colour * 0.7,
                )
            continue
        if index == moved:
            heading, reach = rng.uniform(0, 2 * np.pi), max(rng.uniform(0.075, 0.18), design.piece_size * 1.6)
            for _ in range(12):
                place = column + reach * np.cos(heading), row + reach * np.sin(heading)
                if 0.05 < place[0] < 0.95 and 0.05 < place[1] < 0.95:
                    break
                heading = rng.uniform(0, 2 * np.pi)
            wrong = np.maximum(
                wrong, paint_piece(canvas, design, *place, pose.scale, pose.angle + rng.choice([0.0, 0.6]))
            )
            continue
        paint_piece(canvas, design, column, row, pose.scale, pose.angle)
    return wrong


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
