"""Holes and the square crops round them: where something may be put, and the part of the picture that is shown."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vlm_eval.errors import BadInputError
from vlm_eval.synthetic.seams import Mask, Picture

LARGEST_SHARE = 0.9
"""A hole that covers more of its picture leaves no scene to be out of place in."""

_SIZES_TRIED = 12
_Kind = TypeVar("_Kind", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a picture in pixels: left, top inclusive, right, bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in pixels."""
        return self.right - self.left, self.bottom - self.top

    def crop(self, array: NDArray[_Kind]) -> NDArray[_Kind]:
        """Return a copy of the part of an array of shape (height, width, ...)."""
        return array[self.top : self.bottom, self.left : self.right].copy()

    def place(self, part: Mask, shape: tuple[int, int]) -> Mask:
        """Return a mask of the whole picture, shape (height, width), that holds a mask of this part."""
        whole = np.zeros(shape, dtype=np.bool_)
        whole[self.top : self.bottom, self.left : self.right] = part
        return whole


def bounds(mask: Mask) -> Window:
    """Return the smallest window that holds all pixels of a mask. Raises BadInputError where it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise BadInputError("the mask is empty; it must hold at least one pixel")
    return Window(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def check_hole(hole: Mask, picture: Picture) -> Mask:
    """Return a hole that fits its picture.

    Raises:
        BadInputError: it is of another size, empty, or covers nearly the whole picture.
    """
    if hole.shape != picture.shape[:2]:
        raise BadInputError(
            f"the mask has {hole.shape[1]}x{hole.shape[0]} pixels and lies outside its picture of "
            f"{picture.shape[1]}x{picture.shape[0]}; both must be of the same size"
        )
    bounds(hole)
    if (share := float(hole.mean())) > LARGEST_SHARE:
        raise BadInputError(
            f"the hole covers {share:.0%} of its picture; at most {LARGEST_SHARE:.0%} leaves a scene round it. "
            "Give a smaller mask or smaller size limits"
        )
    return hole


def box_hole(box: tuple[float, float, float, float], picture: Picture) -> Mask:
    """Return a rectangular hole of left, top, right, bottom. Raises BadInputError where it leaves the picture."""
    height, width = picture.shape[:2]
    left, top, right, bottom = (round(value) for value in box)
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise BadInputError(
            f"the box {left} {top} {right} {bottom} is empty or lies outside its picture of {width}x{height}"
        )
    hole = np.zeros((height, width), dtype=np.bool_)
    hole[top:bottom, left:right] = True
    return check_hole(hole, picture)


def square_window(hole: Mask, factor: float = 2.0, least: int = 64) -> Window:
    """Return the square round a hole, moved and cut to lie in the picture.

    Args:
        hole: of the whole picture.
        factor: side of the square over the longer side of the hole.
        least: pixels that the side has at least, where the picture has them.
    """
    inner, (height, width) = bounds(hole), hole.shape
    side = max(round(max(inner.size) * factor), least)
    left, right = _around(inner.left, inner.right, min(side, width), width)
    top, bottom = _around(inner.top, inner.bottom, min(side, height), height)
    return Window(left, top, right, bottom)


def _around(low: int, high: int, side: int, limit: int) -> tuple[int, int]:
    start = min(max((low + high - side) // 2, 0), limit - side)
    return start, start + side


def choose_hole(valid: Mask, limits: tuple[float, float], rng: np.random.Generator, inside: float = 1.0) -> Mask:
    """Choose a rectangular hole of random size and place within a valid region.

    Args:
        valid: pixels where something may be put, shape of the picture.
        limits: shortest and longest side of the hole, as shares of the shorter side of the picture.
        rng: chooses.
        inside: share of the hole that must be valid, in (0, 1].

    Raises:
        BadInputError: no hole of any of the sizes that were tried fits.
    """
    shorter = min(valid.shape)
    shrink = 1.0
    for _ in range(_SIZES_TRIED):
        sides = rng.uniform(limits[0], max(limits[0], limits[1] * shrink), 2)
        width, height = (min(max(2, round(share * shorter)), shorter) for share in sides)
        rows, columns = np.nonzero(_valid_share(valid, width, height) >= inside - 1e-9)
        if rows.size:
            at = int(rng.integers(rows.size))
            hole = np.zeros(valid.shape, dtype=np.bool_)
            hole[rows[at] : rows[at] + height, columns[at] : columns[at] + width] = True
            return hole
        shrink *= 0.75
    raise BadInputError(
        f"no hole of {limits[0]:.2f} to {limits[1]:.2f} of the shorter side fits into the valid region, which is "
        f"{valid.mean():.0%} of the picture. Give smaller limits or another region"
    )


def _valid_share(valid: Mask, width: int, height: int) -> NDArray[np.float64]:
    """Return the valid share of the box whose top left corner is at each pixel."""
    total = np.pad(valid.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    found = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    share: NDArray[np.float64] = found / (width * height)
    return share
