"""Draw machined parts, whole and damaged, for the training of pocket-llava."""

import numpy as np
from pocket_canvas import (
    COLUMN,
    ROW,
    SIDE,
    Field,
    Pose,
    Rng,
    box,
    clouds,
    cover,
    disc,
    paint,
    photograph,
    polygon,
    relief,
    shine,
)
from pocket_damage import bite, hole, scratch, spot, stain
from pocket_designs import Design, body

DEFECTS = ("scratch", "stain", "hole", "missing piece", "misplaced piece")


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
        case 4:
            uneven = rng.uniform(0.1, 0.5) * (clouds(rng, int(rng.integers(2, 5))) - 0.5)
            rough = rng.uniform(0.02, 0.15) * (clouds(rng, int(rng.integers(30, 95))) - 0.5)
            canvas *= (1 + uneven + rough)[..., None].astype(np.float32)
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
        if kind in (4, 10)
        else disc(across, down, radius)
    )
    colour = design.ground if kind == 1 else design.piece_colour
    paint(canvas, mask, colour)
    detail_piece(canvas, design, across, down, radius, colour)
    return mask


def detail_piece(canvas: Field, design: Design, across: Field, down: Field, radius: float, colour: Field) -> None:
    """Paint what is seen on top of a piece: a socket, a slot, a cross, a ring, a head, a highlight, a rim."""
    kind = design.piece_kind
    if kind in (0, 4, 8):
        paint(canvas, cover(disc(across, down, radius * 0.45)), colour * 0.6)
    elif kind in (2, 5):
        paint(canvas, cover(box(across, down, radius * 0.8, radius * 0.15)), colour * 0.5)
        if kind == 5:
            paint(canvas, cover(box(across, down, radius * 0.15, radius * 0.8)), colour * 0.5)
    elif kind == 6:
        paint(canvas, cover(disc(across, down, radius * 0.6)), np.float32(0.08))
    elif kind == 7:
        bright = np.minimum(colour + 0.25, 1)
        paint(canvas, cover(disc(across + radius * 0.25, down + radius * 0.25, radius * 0.45), 3.0), bright, 0.8)
    elif kind in (9, 10):
        head = polygon(across, down, 6, radius * 0.8) if kind == 9 else disc(across, down, radius * 0.7)
        paint(canvas, cover(np.abs(head) - 0.004), colour * 0.6, 0.6)
        bright = disc(across + radius * 0.3, down + radius * 0.2, radius * 0.3)
        paint(canvas, cover(bright, 2.0), np.minimum(colour + 0.3, 1), design.dome)
    if kind != 1 and design.rim:
        paint(canvas, cover(np.abs(disc(across, down, radius)) - 0.004), design.colour * 0.5, design.rim)
    if kind != 1 and design.dome:
        round_head = disc(across, down, radius)
        shine(canvas, relief(round_head, radius, design.light) * cover(round_head), design.dome)


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
    if design.bevel:
        shine(canvas, relief(whole, design.bevel, design.light) * cover(whole), design.bevel_shade)
    if design.groove:
        groove = cover(np.abs(whole + np.float32(design.groove)) - 0.003)
        paint(canvas, groove, np.minimum(design.colour * design.groove_shade, 1), 0.7)
    mask = gone + assemble(rng, canvas, design, pose, skip, defect == "misplaced piece")
    avoid = [(*pose.place(x, y), design.piece_size * 1.6 + 0.04) for x, y in design.pieces]
    if defect == "scratch":
        mask = scratch(rng, canvas, design, whole, spot(rng, whole, [], 0.03))
    elif defect == "stain":
        mask = stain(rng, canvas, design, whole, spot(rng, whole, [], 0.03))
    elif defect == "hole":
        mask = hole(rng, canvas, design, whole, spot(rng, whole, avoid, 0.035))
    return photograph(canvas, rng), mask


def empty(canvas: Field, design: Design, column: float, row: float, scale: float) -> None:
    """Paint the recess that a piece leaves where it belongs."""
    distance = disc(COLUMN - column, ROW - row, design.piece_size * scale)
    paint(canvas, cover(distance), design.colour * (1 - design.recess), 0.9)
    shine(canvas, -relief(np.abs(distance) - 0.004, 0.02, design.light), 0.5 * design.dome)


def assemble(rng: Rng, canvas: Field, design: Design, pose: Pose, skip: int, misplace: bool) -> Field:
    """Paint the pieces, one of them left out or put elsewhere; return the mask of what is wrong."""
    wrong = np.zeros_like(COLUMN)
    moved = int(rng.integers(len(design.pieces))) if misplace else -1
    for index, (x, y) in enumerate(design.pieces):
        column, row = pose.place(x, y)
        if index == skip:
            wrong = cover(disc(COLUMN - column, ROW - row, design.piece_size * 1.3))
            if design.recess:
                empty(canvas, design, column, row, pose.scale)
            elif rng.random() < 0.3:
                paint(
                    canvas,
                    cover(np.abs(disc(COLUMN - column, ROW - row, design.piece_size)) - 0.004),
                    design.colour * 0.7,
                )
            continue
        if index == moved:
            if design.recess:
                empty(canvas, design, column, row, pose.scale)
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
