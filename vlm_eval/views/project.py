"""Draws a point cloud or mesh as a depth, shaded or height picture, and known points of it as a mask."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm_eval.views.camera import Buffer, Camera, place_camera, rotation_of, see, views_of, widen
from vlm_eval.views.cloud_shape import Shape, read_shape
from vlm_eval.views.panels import corner, draw_panels, sheet_size
from vlm_eval.views.settings import Project
from vlm_eval.views.shading import close_holes, colour_height, shade

Mask = NDArray[np.bool_]
_NEAR, _FAR = 255, 70  # greys of a depth picture; its background is black


def draw_projection(data: bytes, path: Path, settings: Project) -> Image.Image:
    """Draw a file's cloud. Raises BadInputError."""
    shape = read_shape(data, path, settings.plane)
    if settings.layout == "sheet":
        views = _sheet_views(shape, settings)
        return draw_panels([draw_shape(shape, view) for view in views], [label_of(view) for view in views])
    return draw_shape(shape, views_of(settings)[0])


def _sheet_views(shape: Shape, settings: Project) -> list[Project]:
    """Return the views of a sheet, all at the scale at which the widest of them fits."""
    views = views_of(settings)
    scale = min(place_camera(shape.points, view).scale for view in views)
    return [replace(view, extent=settings.size / scale) for view in views]


def size_of_projection(settings: Project) -> tuple[int, int]:
    """Return width and height in pixels of what draw_projection draws."""
    if settings.layout == "sheet":
        return sheet_size(len(views_of(settings)), settings.size)
    return settings.size, settings.size


def label_of(view: Project) -> str:
    """Say from where a view is taken."""
    if view.turn_x or view.turn_y or view.turn_z:
        return f"turned x {view.turn_x:g}°, y {view.turn_y:g}°, z {view.turn_z:g}°"
    return f"azimuth {view.azimuth:g}°, elevation {view.elevation:g}°"


def draw_shape(shape: Shape, settings: Project) -> Image.Image:
    """Draw one view of a shape, grey or RGB."""
    seen = look(shape, settings)
    depth = seen.depth
    solid = np.isfinite(depth)
    if settings.style == "depth":
        near, far = float(depth[solid].min()), float(depth[solid].max())
        share = (np.where(solid, depth, far) - near) / max(far - near, 1e-6)
        grey = np.where(solid, _NEAR - share * (_NEAR - _FAR), 0).round().astype(np.uint8)
        return Image.fromarray(grey)
    light = shade(depth, solid, seen.splat)
    if settings.style == "shaded":
        return Image.fromarray(np.where(solid, light * 205, 255).round().astype(np.uint8))
    return Image.fromarray(colour_height(_heights(depth, solid, settings), solid, light))


@dataclass(frozen=True, slots=True)
class Look:
    """What a camera sees."""

    camera: Camera
    depth: Buffer  # in pixels, infinite where nothing is; gaps between points closed
    splat: int  # side of a drawn point in pixels
    reach: int  # side of the widest gap that was closed


def look(shape: Shape, settings: Project) -> Look:
    """Return what the camera of one view sees of a shape."""
    camera = place_camera(shape.points, settings)
    depth = see(shape.points, camera, 1)
    spacing = _spacing(depth)
    # Where points are far apart, those of the far side show through unless the near ones overlap.
    splat = settings.splat or int(min(21, max(3, 2 * round(spacing) + (1 if spacing > 3 else -1))))
    reach = splat + 2 * min(10, max(1, round(1.2 * spacing)))
    return Look(camera, close_holes(widen(depth, splat), reach | 1), splat, reach | 1)


def _spacing(depth: Buffer) -> float:
    """Return the mean distance of drawn points in pixels, over the part of the picture where there are any."""
    drawn = np.isfinite(depth)
    step = max(1, len(depth) // 56)
    side = len(depth) // step * step
    cells = drawn[:side, :side].reshape(side // step, step, side // step, step).any(axis=(1, 3))
    return float(np.sqrt(cells.sum() * step * step / max(1, int(drawn.sum()))))


def _heights(depth: Buffer, solid: Mask, settings: Project) -> Buffer:
    """Return how far up each pixel's point lies, in pixels, along the file's own up."""
    rotation = rotation_of(settings)
    up = {"z": (0, 0, 1), "y": (0, 1, 0), "-y": (0, -1, 0)}[settings.up]
    right, down, away = rotation @ np.array(up, np.float32)
    steps = np.arange(len(depth), dtype=np.float32)
    height: Buffer = np.where(solid, depth, 0) * away + steps * right + steps[:, None] * down
    return height


def project_mask(shape: Shape, settings: Project, points: NDArray[np.floating[Any]]) -> Mask:
    """Return where known points of a shape are seen in a view, shape (size, size); hidden ones are not.

    Args:
        shape: what is drawn.
        settings: of one view.
        points: coordinates as in the file, shape (k, 3).
    """
    view = look(shape, settings)
    known = (np.asarray(points, np.float64) - shape.origin).astype(np.float32)
    known = known[np.isfinite(known).all(axis=1)]
    if not len(known):
        return np.zeros(view.depth.shape, dtype=bool)
    seen = close_holes(see(known, view.camera, view.splat), view.reach)
    slack = max(2.0 * view.splat, 0.02 * settings.size)  # a point lies that much behind what covers it, at a slope
    with np.errstate(invalid="ignore"):
        return np.isfinite(seen) & (seen <= view.depth + slack)


def panel_masks(shape: Shape, settings: Project, points: NDArray[np.floating[Any]]) -> Mask:
    """Return the mask of what draw_projection draws: of one view, or of all panels of a sheet."""
    if settings.layout != "sheet":
        return project_mask(shape, views_of(settings)[0], points)
    views = _sheet_views(shape, settings)
    width, height = size_of_projection(settings)
    whole = np.zeros((height, width), dtype=bool)
    for number, view in enumerate(views):
        left, top = corner(number, len(views), settings.size)
        whole[top : top + settings.size, left : left + settings.size] = project_mask(shape, view, points)
    return whole
