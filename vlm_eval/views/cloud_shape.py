"""Makes points ready to be drawn: finite, free of strays and of the ground, dense where there are faces."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_eval.errors import BadInputError
from vlm_eval.views.cloud_files import Cloud, Recent, read_cloud

Array = NDArray[np.floating[Any]]
FACE_POINTS = 400_000
"""Points laid on a mesh: two for each pixel of a picture of 448 x 448."""

FARTHEST = 1e30
"""Coordinates beyond this count as not finite: 32 bits hold no sizes and distances of such points."""

_NOTHING = " (0, 0, 0 says that the scanner saw nothing)"
_STRAY = 0.5  # of the object's width, beyond its 0.5 % to 99.5 % box, from where on points are strays
_recent = Recent(2)


@dataclass(frozen=True, slots=True)
class Shape:
    """Points to draw, about an origin that keeps their digits in 32 bits."""

    points: NDArray[np.float32]  # (n, 3), n >= 1
    origin: NDArray[np.float64]  # (3,), to be added
    organised: tuple[int, int] | None
    raw: Array  # (m, 3) as in the file


def read_shape(data: bytes, path: Path, plane: float = 0.0) -> Shape:
    """Read and prepare a file; the last two are kept, since several views of a file follow each other.

    Args:
        data: the file's bytes.
        path: names the format.
        plane: see Project.plane.

    Raises:
        BadInputError: the file cannot be read, or holds no finite point.
    """
    shape: Shape = _recent.get(
        data, (path.suffix.lower(), plane), lambda: prepare(read_cloud(data, path), path, plane)
    )
    return shape


def prepare(cloud: Cloud, path: Path, plane: float = 0.0) -> Shape:
    """Take out what would spoil the picture. Raises BadInputError where nothing is left."""
    points = np.asarray(cloud.points)
    finite: NDArray[np.bool_] = np.asarray(((points > -FARTHEST) & (points < FARTHEST)).all(axis=1))
    if not finite.any():
        raise BadInputError(
            f"{path} has {len(points):,} points, but none with finite coordinates below "
            f"{FARTHEST:g}{_NOTHING if cloud.organised else ''}. Replace the file or drop it."
        )
    origin = np.median(points[finite][:: max(1, len(points) // 100_000)], axis=0).astype(np.float64)
    if cloud.faces is not None:
        dense = _on_faces(np.where(finite[:, None], points, np.nan) - origin, cloud.faces)
        local = np.concatenate([(points[finite] - origin).astype(np.float32), dense])
    else:
        local = (points[finite] - origin).astype(np.float32)
    if plane:
        local = _without_plane(local, plane, cloud, finite, path)
    return Shape(_without_strays(local), origin, cloud.organised, points)


def _without_strays(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Leave out points far outside the box of nearly all others, so that one stray does not shrink the object."""
    some = points[:: max(1, len(points) // 50_000)]
    low, high = np.quantile(some, (0.005, 0.995), axis=0).astype(np.float32)
    slack = _STRAY * max(float((high - low).max()), float(np.finfo(np.float32).tiny))
    near = ((points >= low - slack) & (points <= high + slack)).all(axis=1)
    return points if near.all() else points[near]


def _on_faces(points: Array, faces: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Lay points on triangles, as many as their area asks for; the same mesh always gives the same points.

    Faces without three different finite corners are skipped. The sequence is R2 (Roberts 2018), folded into the
    triangle.
    """
    faces = faces[((faces >= 0) & (faces < len(points))).all(axis=1)]
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    sound = np.isfinite(area) & (area > 0)
    if not sound.any():
        return np.empty((0, 3), np.float32)
    a, b, c, area = a[sound], b[sound], c[sound], area[sound]
    ends = np.cumsum(area / area.sum() * FACE_POINTS)
    counts = np.diff(np.floor(ends).astype(np.int64), prepend=0)
    which = np.repeat(np.arange(len(area)), counts)
    number = np.arange(len(which))
    u, v = np.modf(0.5 + number * 0.7548776662466927)[0], np.modf(0.5 + number * 0.5698402909980532)[0]
    folded = u + v > 1
    u, v = np.where(folded, 1 - u, u), np.where(folded, 1 - v, v)
    laid: Array = a[which] + u[:, None] * (b - a)[which] + v[:, None] * (c - a)[which]
    return laid.astype(np.float32)


def _without_plane(
    points: NDArray[np.float32], distance: float, cloud: Cloud, finite: NDArray[np.bool_], path: Path
) -> NDArray[np.float32]:
    """Leave out the plane on which the object lies: the one that most border points lie on (seeded RANSAC)."""
    border = points[_at_border(points, cloud, finite)]
    if len(border) < 3:
        return points
    rng = np.random.default_rng(0)
    best, most = None, 0
    for _ in range(200):
        corner = border[rng.choice(len(border), 3, replace=False)]
        normal = np.cross(corner[1] - corner[0], corner[2] - corner[0])
        length = float(np.linalg.norm(normal))
        if length == 0:
            continue
        normal = normal / length
        count = int((np.abs((border - corner[0]) @ normal) < distance).sum())
        if count > most:
            best, most = (normal, corner[0]), count
    if best is None:
        return points
    left: NDArray[np.float32] = points[np.abs((points - best[1]) @ best[0]) >= distance]
    if not len(left):
        raise BadInputError(f"{path} is nothing but a plane within {distance:g}. Ask for a smaller `plane`, or 0.")
    return left


def _at_border(points: NDArray[np.float32], cloud: Cloud, finite: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find the points at the border: of a scanner's grid its outer tenth, else of the box of all points."""
    if cloud.organised and len(points) == int(finite.sum()):
        rows, columns = cloud.organised
        inner = np.zeros(cloud.organised, dtype=bool)
        inner[rows // 10 : rows - rows // 10, columns // 10 : columns - columns // 10] = True
        return ~inner.ravel()[finite]
    low, high = points.min(axis=0), points.max(axis=0)
    share = (points - low) / np.maximum(high - low, np.finfo(np.float32).tiny)
    wide = np.argsort(high - low)[1:]
    return np.asarray(((share[:, wide] < 0.1) | (share[:, wide] > 0.9)).any(axis=1))
