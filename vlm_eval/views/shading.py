"""From a depth buffer to a picture of a surface: holes closed, normals lit, heights coloured."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vlm_eval.views.camera import widen

Buffer = NDArray[np.float32]
Mask = NDArray[np.bool_]
_LIGHT = np.array([-0.45, -0.55, 0.70], np.float32) / np.float32(np.sqrt(0.45**2 + 0.55**2 + 0.70**2))
"""Towards the light, in right, down and towards the camera: from the top left, over the viewer's shoulder."""

_STEP = 0.035
"""Share of the picture's side: a jump in depth by more is a step, where one part hides another."""

_BEHIND = 0.02
"""The same for what shows through narrow gaps; a pit so deep in so few pixels would be no dent to be seen."""

# Anchors of viridis (Smith and van der Walt 2015, CC0), dark to bright, evenly spaced.
_VIRIDIS = np.array(
    [
        (68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137), (53, 183, 121),
        (109, 205, 89), (180, 222, 44), (253, 231, 37),
    ]
)  # fmt: skip
_COLOURS = np.stack(
    [np.interp(np.linspace(0, len(_VIRIDIS) - 1, 256), np.arange(len(_VIRIDIS)), band) for band in _VIRIDIS.T],
    axis=1,
).astype(np.float32)


def close_holes(depth: Buffer, reach: int) -> Buffer:
    """Fill gaps at most `reach` pixels wide through which nothing, or the far side, is seen between near points.

    That is a closing of the near surface: a minimum filter, then a maximum filter. Only what lies a step behind is
    replaced, so that dents stay; wider gaps are holes of the object.

    Args:
        depth: in pixels, infinite where nothing is; shape (side, side).
        reach: odd.
    """
    # Beyond the picture's edge there is nothing, so that no gap opens there.
    framed = np.pad(depth, reach, constant_values=np.inf)
    closed = -widen(-widen(framed, reach), reach)[reach:-reach, reach:-reach]
    with np.errstate(invalid="ignore"):
        behind = depth - closed > _BEHIND * len(depth)
    filled: Buffer = np.where(behind & np.isfinite(closed), closed, depth)
    return filled


def shade(depth: Buffer, solid: Mask, splat: int) -> Buffer:
    """Return how bright a matt surface is in each pixel, 0 to 1; dark where the depth jumps.

    The normal is that of the depth buffer itself, smoothed against the steps that flat points leave; so no
    neighbour search among the points is needed.
    """
    side = len(depth)
    window = max(5, side // 90 | 1, splat + 2)
    jump = _jumps(depth, solid, side)
    smooth = _smooth(depth, solid, window)
    down, right = np.zeros_like(depth), np.zeros_like(depth)
    down[1:-1] = (smooth[2:] - smooth[:-2]) / 2
    right[:, 1:-1] = (smooth[:, 2:] - smooth[:, :-2]) / 2
    length = np.sqrt(1 + right * right + down * down)
    # The surface falls away by `right` a pixel to the right, so its normal leans to the right.
    matt = (right * _LIGHT[0] + down * _LIGHT[1] + _LIGHT[2]) / length
    light = 0.28 + 0.72 * np.clip(matt, 0, 1)
    edge = jump | ~_erode(solid, 1)
    lit: Buffer = np.where(edge & solid, 0.32 * light, light).astype(np.float32)
    return lit


def colour_height(height: Buffer, solid: Mask, light: Buffer) -> NDArray[np.uint8]:
    """Return an RGB picture, low dark blue to high yellow, darkened by the light; white where nothing is."""
    low, high = float(height[solid].min()), float(height[solid].max())
    place = ((np.where(solid, height, low) - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
    lit = _COLOURS[place] * np.clip(0.35 + 0.75 * light, 0, 1)[..., None]
    lit[~solid] = 255
    return np.asarray(lit, np.uint8)


def _jumps(depth: Buffer, solid: Mask, side: int) -> Mask:
    """Find pixels behind which the depth falls off a step."""
    limit, far = side * np.float32(_STEP), np.where(solid, depth, -np.inf).astype(np.float32)
    jump = np.zeros(depth.shape, dtype=bool)
    with np.errstate(invalid="ignore"):
        for near, behind in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
            step = far[behind] - far[near]
            jump[near] |= step > limit
            jump[behind] |= -step > limit
    return jump & solid


def _smooth(depth: Buffer, solid: Mask, window: int) -> Buffer:
    """Smooth twice by a square window, which comes near a Gaussian; 0 where nothing is.

    The first pass counts solid pixels alone, and its means reach beyond the edge as far as the second one looks.
    """
    weight, total = solid.astype(np.float32), np.where(solid, depth, 0).astype(np.float32)
    weight = ndimage.uniform_filter(weight, window, mode="constant")
    total = ndimage.uniform_filter(total, window, mode="constant")
    means = np.divide(total, weight, out=np.zeros_like(total), where=weight > 1e-4)
    smooth: Buffer = ndimage.uniform_filter(means, window, mode="nearest")
    smooth[~solid] = 0
    return smooth


def _erode(mask: Mask, reach: int) -> Mask:
    return ~_spread(~mask, reach)


def _spread(mask: Mask, reach: int) -> Mask:
    """Set each pixel within a square of 2 reach + 1 pixels of one that is set."""
    size = 2 * reach + 1
    bytes_: NDArray[Any] = mask.view(np.uint8)
    wide = ndimage.maximum_filter1d(ndimage.maximum_filter1d(bytes_, size, axis=0), size, axis=1)
    spread: Mask = wide.astype(bool)
    return spread
