"""Draws the table scenes of the `demo` data set: a place laid for one, seen from above."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from vlm_eval.data.demo_drawing import (
    PIXEL,
    Array,
    Canvas,
    Drawing,
    X,
    Y,
    box,
    circle,
    line,
    local,
    mean_place,
    relief,
    shifted,
    soft_noise,
)

DEFECTS = ("misplaced object",)

Frame = tuple[Array, Array]


@dataclass(frozen=True, slots=True)
class _Thing:
    """An object on the table."""

    name: str
    centre: tuple[float, float]
    angle: float = 0.0


_LAID = (
    _Thing("plate", (0.0, 0.14)),
    _Thing("fork", (-0.68, 0.16)),
    _Thing("knife", (0.64, 0.16)),
    _Thing("spoon", (0.82, 0.16)),
    _Thing("cup", (0.56, -0.66), -0.6),
)
# Where an object may lie wrongly: places that are empty on a well laid table, or on top of the plate.
_WRONG: dict[str, tuple[tuple[float, float], ...]] = {
    "fork": ((-0.5, -0.64), (0.0, 0.14), (-0.14, -0.64)),
    "knife": ((-0.5, -0.64), (0.0, 0.14), (-0.14, -0.64)),
    "spoon": ((-0.5, -0.64), (0.0, 0.14), (-0.14, -0.64)),
    "cup": ((-0.62, -0.64), (0.0, 0.14), (-0.42, 0.74), (0.36, 0.74)),
}


def draw_scene(rng: np.random.Generator, defect: str | None) -> Drawing:
    """Draw a laid table, well laid or with one object out of place ("misplaced object")."""
    things, turn = _lay(rng)
    wrong: _Thing | None = None
    if defect is not None:
        things, wrong = _with_one_misplaced(rng, things)
    canvas, shape = _paint(rng, things, turn)
    picture = canvas.finish(rng)
    return Drawing(picture) if wrong is None else _misplaced(picture, wrong, shape)


def draw_scene_clip(rng: np.random.Generator, out_of_place: Sequence[bool]) -> list[Drawing]:
    """Film a table on which one object lies out of place in some frames; else only light and noise change."""
    things, turn = _lay(rng)
    others, wrong = _with_one_misplaced(rng, things)
    seed = int(rng.integers(2**62))
    sound, _ = _paint(np.random.default_rng(seed), things, turn)
    spoilt, shape = _paint(np.random.default_rng(seed), others, turn)
    brightness = rng.uniform(0.9, 1.1)
    frames = []
    for is_wrong in out_of_place:
        shown = Canvas((spoilt if is_wrong else sound).colours * brightness)
        picture = shown.finish(rng, brightness=0.02)
        frames.append(_misplaced(picture, wrong, shape) if is_wrong else Drawing(picture))
    return frames


def _lay(rng: np.random.Generator) -> tuple[list[_Thing], float]:
    """Return what lies on a well laid table, and by how much the table is turned."""
    shift, turn = rng.uniform(-0.04, 0.04, 2), float(rng.uniform(-0.05, 0.05))
    things = [
        replace(thing, centre=_moved(thing.centre, shift, rng), angle=thing.angle + rng.normal(0, 0.012))
        for thing in _LAID
    ]
    return things, turn


def _with_one_misplaced(rng: np.random.Generator, things: list[_Thing]) -> tuple[list[_Thing], _Thing]:
    """Return the things with one of them put elsewhere, which comes last."""
    wrong = _misplace(rng, things[int(rng.integers(1, len(things)))])
    return [thing for thing in things if thing.name != wrong.name] + [wrong], wrong


def _paint(rng: np.random.Generator, things: list[_Thing], turn: float) -> tuple[Canvas, Array]:
    """Return the painted table and the distance to the last of its things."""
    canvas = Canvas(_table(rng))
    table = local((0, 0), turn)
    colours = _Colours(rng)
    shape = np.zeros_like(X)
    for thing in things:
        shape = _PAINTERS[thing.name](canvas, local(thing.centre, thing.angle, table), colours)
    return canvas, shape


def _misplaced(picture: Image.Image, wrong: _Thing, shape: Array) -> Drawing:
    mask = shape < PIXEL
    names = (f"misplaced {wrong.name}", f"{wrong.name} out of place", f"{wrong.name} in the wrong place")
    return Drawing(picture, "misplaced object", mask, mean_place(mask), names)


def _moved(centre: tuple[float, float], shift: Array, rng: np.random.Generator) -> tuple[float, float]:
    x, y = np.array(centre) + shift + rng.uniform(-0.015, 0.015, 2)
    return float(x), float(y)


def _misplace(rng: np.random.Generator, thing: _Thing) -> _Thing:
    spots = _WRONG[thing.name]
    centre = _moved(spots[int(rng.integers(len(spots)))], rng.uniform(-0.04, 0.04, 2), rng)
    sides = (-1,) if thing.name == "cup" else (-1, 1)  # a cup's handle stays inside the picture
    return replace(thing, centre=centre, angle=float(rng.choice(sides) * rng.uniform(0.95, 1.5)))


class _Colours:
    """The colours of one table's crockery and cutlery."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.china = np.array([0.95, 0.95, 0.93]) * rng.uniform(0.94, 1.0)
        self.rim = np.array([(0.25, 0.4, 0.62), (0.62, 0.3, 0.25), (0.3, 0.5, 0.36)][int(rng.integers(3))])
        self.metal = np.array([0.8, 0.82, 0.85]) * rng.uniform(0.92, 1.02)
        self.coffee = np.array([0.24, 0.13, 0.07]) * rng.uniform(0.8, 1.3)


def _table(rng: np.random.Generator) -> Array:
    wood = [(0.50, 0.33, 0.2), (0.58, 0.42, 0.28), (0.40, 0.27, 0.18), (0.45, 0.36, 0.3)]
    grain = 1 + 0.06 * soft_noise(rng, 70, 3) + 0.05 * soft_noise(rng, 9, 2)
    board = np.where(np.abs((Y + 1 + rng.uniform(0, 0.4)) % 0.5) < PIXEL, 0.78, 1.0)
    return np.array(wood[int(rng.integers(len(wood)))]) * (grain * board)[..., None]


def _shadow(canvas: Canvas, shape: Array) -> None:
    canvas.darken(shifted(shape, 4, 3), 0.5, blur=0.09)


def _plate(canvas: Canvas, frame: Frame, colours: _Colours) -> Array:
    plate, well = circle(frame, 0.47), circle(frame, 0.31)
    _shadow(canvas, plate)
    canvas.paint(plate, colours.china * (0.97 + 0.12 * relief(plate, 0.06))[..., None])
    canvas.paint(np.abs(plate + 0.035) - 0.011, colours.rim)
    canvas.darken(well, 0.95 - 0.12 * relief(well, 0.05))
    return plate


def _cutlery(canvas: Canvas, shape: Array, colours: _Colours) -> Array:
    _shadow(canvas, shape)
    canvas.darken(shape - 0.012, 0.6)
    canvas.paint(shape, colours.metal * (1 + 0.3 * relief(shape, 0.035))[..., None])
    return shape


def _fork(canvas: Canvas, frame: Frame, colours: _Colours) -> Array:
    handle = line(frame, [(0, -0.05), (0, 0.42)], 0.06)
    neck = box(local((0, -0.17), 0, frame), 0.085, 0.09, 0.06)
    tines = [line(frame, [(x, -0.42), (x, -0.18)], 0.034) for x in (-0.068, 0, 0.068)]
    return _cutlery(canvas, np.minimum.reduce([handle, neck, *tines]), colours)


def _knife(canvas: Canvas, frame: Frame, colours: _Colours) -> Array:
    handle = line(frame, [(0, 0.08), (0, 0.42)], 0.07)
    blade = np.maximum(
        box(local((-0.005, -0.18), 0, frame), 0.052, 0.27, 0.05), -(frame[0] + 0.09 - 0.06 * frame[1])
    )
    return _cutlery(canvas, np.minimum(handle, blade), colours)


def _spoon(canvas: Canvas, frame: Frame, colours: _Colours) -> Array:
    handle = line(frame, [(0, -0.2), (0, 0.42)], 0.05)
    bowl = circle((frame[0] * 1.45, frame[1] + 0.3), 0.13)
    shape = _cutlery(canvas, np.minimum(handle, bowl), colours)
    canvas.darken(bowl + 0.035, 0.86 - 0.3 * relief(bowl + 0.035, 0.05))
    return shape


def _cup(canvas: Canvas, frame: Frame, colours: _Colours) -> Array:
    cup = circle(frame, 0.2)
    handle = np.abs(circle(local((0.23, 0), 0, frame), 0.075)) - 0.026
    shape: Array = np.minimum(cup, handle)
    _shadow(canvas, shape)
    canvas.paint(shape, colours.rim * (1.1 + 0.3 * relief(shape, 0.05))[..., None])
    canvas.paint(cup + 0.035, colours.china)
    canvas.paint(cup + 0.055, colours.coffee)
    return shape


_PAINTERS = {"plate": _plate, "fork": _fork, "knife": _knife, "spoon": _spoon, "cup": _cup}
