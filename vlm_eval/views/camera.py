"""Where a camera stands, and what it sees of a cloud: an orthographic depth buffer."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_eval.errors import InputError
from vlm_eval.views.settings import Project

Buffer = NDArray[np.float32]
MARGIN = 0.05  # of the picture's side, left free on each side of the object
_CHUNK = 1_000_000  # points projected at once, which bounds the memory
_TO_Z_UP: dict[str, NDArray[np.float64]] = {
    "z": np.eye(3),
    "y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "-y": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
}


@dataclass(frozen=True, slots=True)
class Camera:
    """An orthographic camera: pixel = scale * (rotation @ point) + shift, with depth growing away from it."""

    rotation: NDArray[np.float32]  # (3, 3): rows give right, down and away
    scale: float  # pixels a unit of the file
    shift: tuple[float, float]  # pixels, right and down
    size: int


def rotation_of(settings: Project) -> NDArray[np.float32]:
    """Return the rotation whose rows are the picture's right, down and away in the file's own axes."""
    azimuth, elevation = np.radians((settings.azimuth, settings.elevation))
    forward = np.array([-np.sin(azimuth), np.cos(azimuth), 0])
    up = np.array([0, 0, 1.0])
    away = np.cos(elevation) * forward - np.sin(elevation) * up
    down = -(np.sin(elevation) * forward + np.cos(elevation) * up)
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0])
    looking = np.stack([right, down, away]) @ _TO_Z_UP[settings.up]
    return (looking @ _turn(settings)).astype(np.float32)


def _turn(settings: Project) -> NDArray[np.float64]:
    """Return the rotation Rz Ry Rx of the object about its own axes."""
    x, y, z = np.radians((settings.turn_x, settings.turn_y, settings.turn_z))
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    turn: NDArray[np.float64] = about_z @ about_y @ about_x
    return turn


def place_camera(points: NDArray[np.float32], settings: Project) -> Camera:
    """Place the camera so that the points fill the picture, or at the scale that the settings state."""
    rotation = rotation_of(settings)
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    for start in range(0, len(points), _CHUNK):
        seen = rotation[:2] @ points[start : start + _CHUNK].T
        low, high = np.minimum(low, seen.min(axis=1)), np.maximum(high, seen.max(axis=1))
    width = settings.extent or float((high - low).max()) / (1 - 2 * MARGIN)
    scale = settings.size / width if width > 0 else 1.0
    middle = (low + high) / 2
    return Camera(
        rotation,
        scale,
        (settings.size / 2 - scale * float(middle[0]), settings.size / 2 - scale * float(middle[1])),
        settings.size,
    )


def see(points: NDArray[np.float32], camera: Camera, splat: int) -> Buffer:
    """Return the depth of the nearest point in each pixel, in pixels, shape (size, size); infinite where none is.

    A point covers splat x splat pixels. That is a minimum filter over the buffer of single pixels, which costs
    the same for any number of points.
    """
    side = camera.size
    buffer = np.full(side * side, np.inf, np.float32)
    matrix = (camera.rotation * camera.scale).astype(np.float32)
    for start in range(0, len(points), _CHUNK):
        right, down, depth = matrix @ points[start : start + _CHUNK].T
        column = np.floor(right + np.float32(camera.shift[0])).astype(np.int32)
        row = np.floor(down + np.float32(camera.shift[1])).astype(np.int32)
        inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
        if not inside.all():
            column, row, depth = column[inside], row[inside], depth[inside]
        np.minimum.at(buffer, row * side + column, depth)
    return widen(buffer.reshape(side, side), splat)


def widen(buffer: Buffer, splat: int) -> Buffer:
    """Let each pixel's depth cover splat x splat pixels, nearest first."""
    for axis in (0, 1):
        wide = buffer.copy()
        for step in range(1, splat // 2 + 1):
            ahead, behind = _slices(axis, step)
            np.minimum(wide[ahead], buffer[behind], out=wide[ahead])
            np.minimum(wide[behind], buffer[ahead], out=wide[behind])
        buffer = wide
    return buffer


def _slices(axis: int, step: int) -> tuple[Any, Any]:
    ahead, behind = slice(step, None), slice(None, -step)
    return (
        ((ahead, slice(None)), (behind, slice(None)))
        if axis == 0
        else ((slice(None), ahead), (slice(None), behind))
    )


def views_of(settings: Project) -> tuple[Project, ...]:
    """Return one setting a view of what `views` names. Raises InputError for words that name none."""
    words = settings.views.strip()
    if not words:
        return (settings,)
    one = replace(settings, views="", layout="separate")
    if words == "cpmf27":
        angles = (0.0, -15.0, 15.0)
        return tuple(replace(one, turn_x=x, turn_y=y, turn_z=z) for x in angles for y in angles for z in angles)
    kind, _, count = words.partition(" ")
    if kind == "around" and count.strip().isdecimal() and 1 <= int(count) <= 360:
        number = int(count)
        return tuple(replace(one, azimuth=settings.azimuth + 360 * turn / number) for turn in range(number))
    return tuple(_angles(one, pair) for pair in words.split(","))


def _angles(settings: Project, pair: str) -> Project:
    azimuth, _, elevation = pair.partition("/")
    try:
        found = float(azimuth), float(elevation)
    except ValueError as error:
        raise InputError(
            f"views holds {pair.strip()!r}; allowed are 'cpmf27', 'around 6', or pairs of azimuth and "
            "elevation in degrees such as '0/90, 45/30'."
        ) from error
    if not -90 <= found[1] <= 90:
        raise InputError(f"views holds {pair.strip()!r}; elevations go from -90 to 90 degrees.")
    return replace(settings, azimuth=found[0], elevation=found[1])
