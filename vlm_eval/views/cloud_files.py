"""Reads point clouds and meshes: PLY, PCD, XYZ, CSV, OBJ, STL, OFF, NumPy, and organised xyz TIFF."""

import io
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_eval.errors import BadInputError, MissingExtraError
from vlm_eval.views.cloud_pcd import read_pcd
from vlm_eval.views.cloud_tables import read_array, read_points_table

Points = NDArray[np.floating[Any]]
ENDINGS = (".csv", ".npy", ".npz", ".obj", ".off", ".pcd", ".ply", ".stl", ".tif", ".tiff", ".txt", ".xyz")
_LINE = re.compile(rb"\S[^\r\n]*")
MAX_POINTS = 20_000_000
"""More points are refused: they take more than two gigabytes, and 448 x 448 pixels show none of them."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """What a file holds, as it holds it."""

    points: Points  # (n, 3); not finite where a scanner saw nothing
    faces: NDArray[np.integer[Any]] | None = None  # (m, 3) triangles over the points
    organised: tuple[int, int] | None = None  # rows, columns of a scanner's grid


def read_cloud(data: bytes, path: Path) -> Cloud:
    """Read a cloud or mesh; the path's ending says how.

    Raises:
        BadInputError: the ending is none of ENDINGS, or the file is empty, damaged, or holds less than it states.
        MissingExtraError: the format needs a package that is not installed.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise BadInputError(f"{path} is no point cloud by its ending; allowed are {', '.join(ENDINGS)}.")
    try:
        cloud = _READERS.get(ending, _read_mesh)(data, ending)
    except (BadInputError, MissingExtraError) as error:
        raise BadInputError(f"{path} {error}") if isinstance(error, BadInputError) else error from error
    except Exception as error:  # a parser may raise anything; whatever it is, this file is at fault
        raise BadInputError(
            f"{path} cannot be read as {ending[1:].upper()} ({error}). Replace the file or drop the item."
        ) from error
    if cloud.points.ndim != 2 or cloud.points.shape[1] != 3:
        raise BadInputError(f"{path} holds an array of shape {cloud.points.shape}; (n, 3) is needed.")
    if not len(cloud.points):
        raise BadInputError(f"{path} has no points. Replace the file or drop the item.")
    if len(cloud.points) > MAX_POINTS:
        raise BadInputError(
            f"{path} has {len(cloud.points):,} points; at most {MAX_POINTS:,} are allowed. Thin it out first."
        )
    return cloud


def _read_mesh(data: bytes, ending: str) -> Cloud:
    """Read PLY, OBJ, STL and OFF by trimesh, and check what it found against what a PLY's header states."""
    try:
        import trimesh
    except ImportError as error:
        raise MissingExtraError("trimesh", "clouds", f"Reading {ending[1:].upper()} files") from error
    stated = _stated_points(data) if ending == ".ply" else None
    if stated == 0:
        raise BadInputError("has no points. Replace the file or drop the item.")
    if ending == ".ply":
        _check_lines(data)
    loaded: Any = trimesh.load(io.BytesIO(data), file_type=ending[1:], process=False, skip_materials=True)
    if isinstance(loaded, trimesh.Scene):
        loaded = loaded.to_mesh()
    points = np.asarray(loaded.vertices).reshape(-1, 3)
    if stated is not None and len(points) < stated:
        raise BadInputError(
            f"states {stated:,} points in its header but holds {len(points):,}. It is cut off or damaged: "
            "replace the file or drop the item."
        )
    faces = getattr(loaded, "faces", None)
    return Cloud(points, np.asarray(faces) if faces is not None and len(faces) else None)


def _stated_points(data: bytes) -> int:
    found = re.search(rb"^element\s+vertex\s+(-?\d+)\s*$", data[: data.find(b"end_header")], re.MULTILINE)
    if not data.startswith(b"ply") or found is None or int(found[1]) < 0:
        raise BadInputError("has no sound PLY header. Replace the file or drop the item.")
    return int(found[1])


def _check_lines(data: bytes) -> None:
    """Check that a text PLY holds one line for each element that its header states."""
    end = data.find(b"end_header")
    header = data[:end]
    if not re.search(rb"^format\s+ascii\b", header, re.MULTILINE):
        return
    stated = sum(int(count) for count in re.findall(rb"^element\s+\S+\s+(\d+)\s*$", header, re.MULTILINE))
    found = sum(1 for _ in _LINE.finditer(data, end + len(b"end_header")))
    if found != stated:
        raise BadInputError(
            f"states {stated:,} points and faces in its header but holds {found:,} lines of them. It is cut off "
            "or damaged: replace the file or drop the item."
        )


def _read_table(data: bytes, ending: str) -> Cloud:
    return Cloud(read_points_table(data))


def _read_numpy(data: bytes, ending: str) -> Cloud:
    return _organised(read_array(data))


def _read_pcd(data: bytes, ending: str) -> Cloud:
    return Cloud(read_pcd(data))


def _read_tiff(data: bytes, ending: str) -> Cloud:
    """Read an organised grid of x, y, z as MVTec 3D-AD has it: 0, 0, 0 where the scanner saw nothing."""
    try:
        import tifffile
    except ImportError as error:
        raise MissingExtraError("tifffile", "clouds", "Reading xyz TIFF files") from error
    grid = tifffile.imread(io.BytesIO(data))
    if grid.ndim != 3 or grid.shape[2] != 3 or not np.issubdtype(grid.dtype, np.floating):
        raise BadInputError(
            f"holds {grid.dtype} of shape {grid.shape}; an xyz TIFF holds floats (rows, columns, 3)."
        )
    return _organised(grid)


def _organised(grid: Points) -> Cloud:
    if grid.ndim != 3:
        return Cloud(grid)
    points = grid.reshape(-1, grid.shape[2])
    empty = np.asarray(~points.any(axis=1))
    if empty.any():
        points = np.where(empty[:, None], np.nan, points)
    return Cloud(points, organised=(grid.shape[0], grid.shape[1]))


_READERS: dict[str, Callable[[bytes, str], Cloud]] = {
    ".csv": _read_table, ".npy": _read_numpy, ".npz": _read_numpy, ".pcd": _read_pcd, ".tif": _read_tiff,
    ".tiff": _read_tiff, ".txt": _read_table, ".xyz": _read_table,
}  # fmt: skip


class Recent:
    """Keeps the last few results that are dear to make, by the bytes that they were made of; safe for threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: dict[object, Any] = {}
        self._lock = threading.Lock()

    def get(self, data: bytes, about: object, make: Callable[[], Any]) -> Any:
        """Return what was made of the same bytes under the same settings, or make it."""
        key = sha256(data).digest(), about
        with self._lock:
            if key in self._kept:
                return self._kept[key]
            made = make()
            while len(self._kept) >= self._size:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = made
            return made
