"""The pen of the drawn `demo` data set: shapes as signed distances, painted with soft edges on a square canvas.

Lengths are in half widths of the picture: x runs from -1 (left) to 1 (right), y from -1 (top) to 1 (bottom). A
signed distance is negative inside its shape. Formulas: I. Quilez, "2D distance functions".
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

Array = np.ndarray
Colour = tuple[float, float, float] | Array  # red, green, blue in [0, 1]

SIDE = 224
PIXEL = 2 / SIDE
_AXIS = ((np.arange(SIDE) + 0.5) * PIXEL - 1).astype(np.float32)
X, Y = np.meshgrid(_AXIS, _AXIS)
LIGHT = (-0.6, -0.8)  # towards the light: it comes from the top left

_PLACES = (
    ("top left", "top", "top right"),
    ("left", "center", "right"),
    ("bottom left", "bottom", "bottom right"),
)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture and what is true of it."""

    picture: Image.Image
    defect: str | None = None
    mask: Array | None = None  # bool, (SIDE, SIDE): the anomaly
    centre: tuple[float, float] = (0.0, 0.0)  # of the anomaly, in half widths
    accepted: tuple[str, ...] = ()  # answers that name this anomaly more closely than its type does

    @property
    def place(self) -> str:
        """Name the cell of the 3x3 grid that holds the anomaly's centre."""
        return name_place(self.centre)

    @property
    def is_clear(self) -> bool:
        """Tell whether the anomaly's centre is off the grid's inner lines, which puts its place beyond dispute."""
        return is_off_the_lines(self.centre)

    @property
    def mask_picture(self) -> Image.Image:
        """Return the mask as a picture; all black where nothing is wrong."""
        return Image.fromarray(np.zeros((SIDE, SIDE), dtype=bool) if self.mask is None else self.mask)


def name_place(centre: tuple[float, float]) -> str:
    """Name the cell of the 3x3 grid that holds a point."""
    column, row = (min(2, max(0, int((value + 1) * 1.5))) for value in centre)
    return _PLACES[row][column]


def is_off_the_lines(centre: tuple[float, float]) -> bool:
    """Tell whether a point is away from the inner lines of the 3x3 grid."""
    return all(abs(abs(value) - 1 / 3) > 0.04 for value in centre)


class Canvas:
    """A picture in the making: red, green, blue in [0, 1], shape (SIDE, SIDE, 3)."""

    def __init__(self, ground: Array) -> None:
        self.colours = np.array(np.broadcast_to(ground, (SIDE, SIDE, 3)), dtype=np.float32)

    def paint(self, distance: Array, colour: Colour, opacity: float = 1.0, blur: float = PIXEL) -> None:
        """Lay a colour over a shape; the edge fades over `blur`."""
        cover = opacity * coverage(distance, blur)[..., None]
        self.colours += (np.asarray(colour, dtype=np.float32) - self.colours) * cover

    def darken(self, distance: Array, factor: Array | float, blur: float = PIXEL) -> None:
        """Multiply the colours inside a shape by a factor."""
        self.colours *= np.asarray(1 + (factor - 1) * coverage(distance, blur))[..., None]

    def finish(self, rng: np.random.Generator, brightness: float = 0.12) -> Image.Image:
        """Expose the picture a little brighter or darker, add sensor noise, and return it with 8 bits."""
        exposed = self.colours * rng.uniform(1 - brightness, 1 + brightness)
        noisy = exposed + 0.006 * rng.standard_normal((SIDE, SIDE, 1), dtype=np.float32)
        return Image.fromarray((np.clip(noisy, 0, 1) * 255 + 0.5).astype(np.uint8))


def coverage(distance: Array, blur: float = PIXEL) -> Array:
    """Return how much of each pixel a shape covers, 0 to 1."""
    return np.clip(0.5 - distance / blur, 0, 1)


def local(
    centre: tuple[float, float], angle: float = 0.0, frame: tuple[Array, Array] = (X, Y)
) -> tuple[Array, Array]:
    """Return coordinates in a frame that is moved to a centre and turned clockwise by an angle in radians."""
    x, y = frame[0] - centre[0], frame[1] - centre[1]
    cos, sin = math.cos(angle), math.sin(angle)  # Python's own floats keep the arrays in single precision
    return x * cos + y * sin, y * cos - x * sin


def circle(frame: tuple[Array, Array], radius: float) -> Array:
    """Return the distance to a circle around the frame's origin."""
    distance: Array = np.hypot(*frame) - radius
    return distance


def box(frame: tuple[Array, Array], half_width: float, half_height: float, corner: float = 0.0) -> Array:
    """Return the distance to a box around the frame's origin with rounded corners."""
    dx, dy = np.abs(frame[0]) - half_width + corner, np.abs(frame[1]) - half_height + corner
    outside, inside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)), np.minimum(np.maximum(dx, dy), 0)
    distance: Array = outside + inside - corner
    return distance


def hexagon(frame: tuple[Array, Array], radius: float) -> Array:
    """Return about the distance to a regular hexagon whose sides are `radius` away from the frame's origin."""
    x, y = np.abs(frame[0]), np.abs(frame[1])
    distance: Array = np.maximum(y, x * math.sqrt(0.75) + y / 2) - radius
    return distance


def line(frame: tuple[Array, Array], points: Sequence[tuple[float, float]], width: float) -> Array:
    """Return the distance to a line of a width through points."""
    x, y = frame
    nearest = np.full(x.shape, np.inf, dtype=np.float32)
    for (ax, ay), (bx, by) in itertools.pairwise(points):
        along_x, along_y = bx - ax, by - ay
        length = along_x**2 + along_y**2 or 1.0
        share = np.clip(((x - ax) * along_x + (y - ay) * along_y) / length, 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - ax - share * along_x, y - ay - share * along_y))
    return nearest - width / 2


def relief(distance: Array, width: float) -> Array:
    """Return the shading of a bevelled edge: positive where it faces the light, zero away from the edge."""
    slope_y, slope_x = np.gradient(distance, PIXEL)
    facing = slope_x * LIGHT[0] + slope_y * LIGHT[1]
    shading: Array = facing * np.clip(1 + distance / width, 0, 1) * (distance < PIXEL)
    return shading


def shifted(distance: Array, down: int, right: int) -> Array:
    """Return a distance field moved by whole pixels."""
    return np.pad(distance, ((down, 0), (right, 0)), mode="edge")[:SIDE, :SIDE]


def soft_noise(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """Return noise of unit deviation whose grain is SIDE / rows by SIDE / columns pixels, shape (SIDE, SIDE)."""
    grains = rng.standard_normal((rows, columns), dtype=np.float32)
    smooth = np.asarray(Image.fromarray(grains).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    noise: Array = smooth / (smooth.std() + 1e-6)
    return noise


def mean_place(mask: Array) -> tuple[float, float]:
    """Return the centre of gravity of a mask in half widths."""
    return float(X[mask].mean()), float(Y[mask].mean())
