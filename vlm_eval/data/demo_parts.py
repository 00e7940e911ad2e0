"""Draws the metal parts of the `demo` data set: bolted rings and plates of steel and brass on a workbench."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from vlm_eval.data.demo_drawing import (
    PIXEL,
    SIDE,
    Array,
    Canvas,
    Drawing,
    box,
    circle,
    hexagon,
    line,
    local,
    mean_place,
    relief,
    shifted,
    soft_noise,
)

Kind = Literal["ring", "plate"]
Metal = Literal["steel", "brass"]
Frame = tuple[Array, Array]
Point = tuple[float, float]

KINDS: tuple[Kind, ...] = ("ring", "plate")
METALS: dict[Metal, tuple[float, float, float]] = {"steel": (0.56, 0.63, 0.72), "brass": (0.80, 0.61, 0.26)}

DEFECTS = ("scratch", "stain", "hole", "missing piece", "misplaced piece")
REFERENCE_DEFECTS = ("wrong colour", "wrong kind")  # only a reference of the class tells

_BOLT = 0.125
_ZINC = np.array([0.97, 0.98, 1.0], dtype=np.float32)
_SEATS: dict[Kind, tuple[Point, ...]] = {
    "ring": tuple((0.54 * np.cos(turn), 0.54 * np.sin(turn)) for turn in np.arange(6) * np.pi / 3),
    "plate": tuple((x, y) for y in (-0.38, 0.38) for x in (-0.54, 0.54)),
}


@dataclass(frozen=True, slots=True)
class _Part:
    """A part where it lies, before anything happens to it."""

    frame: Frame
    centre: Point
    angle: float
    body: Array  # signed distance
    seats: tuple[Point, ...]  # in the part's frame

    def at(self, point: Point) -> Point:
        """Turn a point of the part's frame into a point of the picture."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return self.centre[0] + point[0] * cos - point[1] * sin, self.centre[1] + point[0] * sin + point[1] * cos

    def metal_at(self, point: Point) -> float:
        """Return how far a point of the part's frame is inside the metal, clear of edges and bolts."""
        x, y = self.at(point)
        column, row = (int(np.clip((value + 1) / PIXEL, 0, SIDE - 1)) for value in (x, y))
        off_bolts = min(np.hypot(point[0] - sx, point[1] - sy) for sx, sy in self.seats) - _BOLT
        return float(min(-self.body[row, column], off_bolts))


def draw_part(rng: np.random.Generator, kind: Kind, metal: Metal, defect: str | None) -> Drawing:
    """Draw a part for a class of a kind and metal, sound or with a type of DEFECTS or REFERENCE_DEFECTS."""
    if defect == "wrong colour":
        metal = "brass" if metal == "steel" else "steel"
    elif defect == "wrong kind":
        kind = "plate" if kind == "ring" else "ring"
    part = _place(rng, kind)
    canvas = Canvas(_workbench(rng))
    canvas.darken(shifted(part.body, 5, 4), 0.45, blur=0.16)  # its shadow
    canvas.paint(part.body, _metal(rng, part, METALS[metal]))
    bolts = list(part.seats)
    masked: list[Array] = []
    centre: Point | None = None
    if defect in ("missing piece", "misplaced piece"):
        empty = bolts.pop(int(rng.integers(len(bolts))))
        masked.append(circle(local(empty, 0, part.frame), _BOLT))
        centre = part.at(empty)
        if defect == "misplaced piece":
            bolts.append(_free_point(rng, part, 0.13))
            masked.append(circle(local(bolts[-1], 0, part.frame), _BOLT))
            centre = part.at(bolts[-1])
    elif defect in REFERENCE_DEFECTS:
        masked.append(part.body)
    elif defect is not None:
        seats = np.minimum.reduce([circle(local(seat, 0, part.frame), _BOLT * 1.12) for seat in part.seats])
        masked.append(np.maximum(_MARKS[defect](rng, canvas, part), -seats))
    for seat in part.seats:
        _draw_seat(canvas, local(seat, 0, part.frame))
    for bolt in bolts:
        _draw_bolt(canvas, local(bolt, rng.uniform(0, 1), part.frame))
    picture = canvas.finish(rng)
    if not masked:
        return Drawing(picture)
    mask = np.minimum.reduce(masked) < 0
    return Drawing(picture, defect, mask, centre or mean_place(mask))


def _place(rng: np.random.Generator, kind: Kind) -> _Part:
    size = rng.uniform(0.96, 1.1)
    centre = float(rng.uniform(-0.06, 0.06)), float(rng.uniform(-0.06, 0.06))
    angle = float(rng.uniform(-0.5, 0.5) if kind == "ring" else rng.uniform(-0.2, 0.2))
    frame = local(centre, angle)
    if kind == "ring":
        outline, bore = circle(frame, 0.79 * size), 0.27 * size
    else:
        outline, bore = box(frame, 0.77 * size, 0.61 * size, 0.13), 0.2 * size
    seats = tuple((x * size, y * size) for x, y in _SEATS[kind])
    return _Part(frame, centre, angle, np.maximum(outline, -circle(frame, bore)), seats)


def _workbench(rng: np.random.Generator) -> Array:
    grey = rng.uniform(0.22, 0.4)
    tint = np.array([1, 1, 1]) + rng.uniform(-0.06, 0.06, 3)
    texture = 1 + 0.05 * soft_noise(rng, 60, 60) + 0.06 * soft_noise(rng, 4, 4)
    return grey * tint * texture[..., None]


def _metal(rng: np.random.Generator, part: _Part, colour: tuple[float, float, float]) -> Array:
    """Return the part's surface: brushed along its length, brighter towards the light, with bevelled edges."""
    streaks = Image.fromarray(soft_noise(rng, SIDE, 5).astype(np.float32))
    brushed = np.asarray(streaks.rotate(-np.degrees(part.angle), Image.Resampling.BILINEAR))
    sheen = -0.1 * (part.frame[0] * 0.6 + part.frame[1] * 0.8)
    shade = 1 + 0.035 * brushed + sheen + 0.55 * relief(part.body, 0.07)
    surface: Array = np.asarray(colour, dtype=np.float32) * rng.uniform(0.94, 1.06) * shade[..., None]
    return surface


def _draw_seat(canvas: Canvas, frame: Frame) -> None:
    sunk = circle(frame, _BOLT * 1.12)
    canvas.darken(sunk, 0.72 - 0.4 * relief(sunk, 0.04))


def _draw_bolt(canvas: Canvas, frame: Frame) -> None:
    washer, head = circle(frame, _BOLT), hexagon(frame, _BOLT * 0.66)
    canvas.paint(washer, (0.74 + 0.5 * relief(washer, 0.05))[..., None] * _ZINC)
    canvas.darken(head - 0.015, 0.55, blur=0.03)
    canvas.paint(head, (0.86 + 0.35 * relief(head, 0.06))[..., None] * _ZINC)


def _free_point(rng: np.random.Generator, part: _Part, room: float) -> Point:
    """Choose a point of the part with room around it, in the part's frame."""
    for _ in range(2000):
        point = float(rng.uniform(-0.8, 0.8)), float(rng.uniform(-0.8, 0.8))
        if part.metal_at(point) > room:
            return point
    raise AssertionError(f"no point of the part has {room} of room around it")


def _scratch(rng: np.random.Generator, canvas: Canvas, part: _Part) -> Array:
    while True:
        middle, angle = _free_point(rng, part, 0.05), rng.uniform(0, np.pi)
        along = np.linspace(-1, 1, 9) * rng.uniform(0.2, 0.28)
        across = rng.uniform(-0.05, 0.05) * np.cos(np.linspace(-2, 2, 9)) + rng.normal(0, 0.004, 9)
        x = middle[0] + along * np.cos(angle) - across * np.sin(angle)
        y = middle[1] + along * np.sin(angle) + across * np.cos(angle)
        points = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
        if all(part.metal_at(point) > 0.02 for point in points):
            break
    groove = line(part.frame, points, 0.0)
    reach = np.hypot(part.frame[0] - middle[0], part.frame[1] - middle[1]) / np.abs(along).max()
    tapered = groove - rng.uniform(0.02, 0.026) * (1.1 - 0.6 * np.clip(reach, 0, 1))
    canvas.darken(shifted(tapered, 2, 1), 0.4, blur=0.025)
    canvas.paint(tapered, (0.97, 0.96, 0.93), 0.92, blur=0.014)
    groove = groove - 0.025
    return groove


def _stain(rng: np.random.Generator, canvas: Canvas, part: _Part) -> Array:
    frame = local(_free_point(rng, part, 0.1), rng.uniform(0, 3), part.frame)
    turn, radius = np.arctan2(frame[1], frame[0]), rng.uniform(0.15, 0.2)
    ripple = sum(rng.uniform(0.3, 1) * 0.2 / wave * np.cos(wave * turn + rng.uniform(0, 6)) for wave in (2, 3, 5))
    blot: Array = np.maximum(circle((frame[0], frame[1] * 1.25), 0) - radius * (1 + ripple), part.body + 0.02)
    colour = np.array([0.27, 0.15, 0.07]) * rng.uniform(0.7, 1.2)
    canvas.paint(blot, colour, rng.uniform(0.68, 0.84), blur=0.07)
    canvas.paint(np.abs(blot + 0.02) - 0.01, colour * 0.6, 0.5, blur=0.04)
    return blot


def _hole(rng: np.random.Generator, canvas: Canvas, part: _Part) -> Array:
    frame = local(_free_point(rng, part, 0.1), 0, part.frame)
    hole = circle(frame, rng.uniform(0.075, 0.1))
    canvas.darken(hole - 0.02, 1 - 0.5 * relief(hole - 0.02, 0.03))
    canvas.paint(hole, (0.035, 0.035, 0.04))
    wall = np.maximum(hole, -circle(local((-0.02, -0.025), 0, frame), 0.085))
    canvas.paint(wall, (0.25, 0.25, 0.25), 0.4, blur=0.02)
    return hole


_MARKS: dict[str, Callable[[np.random.Generator, Canvas, _Part], Array]] = {
    "scratch": _scratch,
    "stain": _stain,
    "hole": _hole,
}
