"""Tiles, zoom, resize and scale: which piece of a picture is shown, and at which size."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm_eval.errors import InputError
from vlm_eval.flow import Step
from vlm_eval.views.settings import Resize, Scale, Tile, Zoom, read_settings

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A box of whole pixels (left, top, right, bottom) and the size at which it is shown."""

    box: tuple[int, int, int, int]
    size: Size

    def apply(self, image: Image.Image) -> Image.Image:
        """Cut out and scale a picture: by area means to make it smaller, bicubic to make it larger."""
        cut = image if self.box == (0, 0, *image.size) else image.crop(self.box)
        if cut.size == self.size:
            return cut
        smaller = self.size[0] < cut.width
        return cut.resize(self.size, Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC)

    def apply_mask(self, mask: NDArray[Any]) -> NDArray[Any]:
        """Cut out and scale a mask or labels by the nearest pixel, shape (height, width)."""
        left, top, right, bottom = self.box
        cut = mask[top:bottom, left:right]
        rows = np.arange(self.size[1]) * cut.shape[0] // self.size[1]
        columns = np.arange(self.size[0]) * cut.shape[1] // self.size[0]
        return np.asarray(cut[rows[:, None], columns])


def piece_of(step: Step, size: Size) -> Piece:
    """Return what a step shows of a picture of a size (width, height). Raises InputError."""
    return _PIECES[step.operation](step, size)


def is_piece(step: Step) -> bool:
    """Say whether a step is one of those here."""
    return step.operation in _PIECES


def tiles_of(settings: Tile) -> tuple[Tile, ...]:
    """Return one setting a tile, row by row. Raises InputError where only one of row and column is given."""
    if (settings.row < 0) != (settings.column < 0) or max(settings.row, settings.column) >= settings.k:
        raise InputError(
            f"A tile has row {settings.row} and column {settings.column}; give both, from 0 to {settings.k - 1}, "
            "or none."
        )
    if settings.row >= 0:
        return (settings,)
    count = range(settings.k)
    return tuple(replace(settings, row=row, column=column) for row in count for column in count)


def _tile(step: Step, size: Size) -> Piece:
    settings = read_settings(step, Tile)
    across = _span(size[0], settings.k, settings.overlap, max(0, settings.column))
    down = _span(size[1], settings.k, settings.overlap, max(0, settings.row))
    return _cut((across[0], down[0], across[1], down[1]))


def _span(length: int, count: int, overlap: float, number: int) -> tuple[int, int]:
    """Return the ends of one of `count` equal spans, each of which repeats a share of the one before."""
    width = length / (count - (count - 1) * overlap)
    start = min(length - 1, round(number * width * (1 - overlap)))
    end = length if number == count - 1 else round(number * width * (1 - overlap) + width)
    return start, min(length, max(start + 1, end))


def _zoom(step: Step, size: Size) -> Piece:
    settings = read_settings(step, Zoom)
    if settings.right <= settings.left or settings.bottom <= settings.top:
        raise InputError(
            f"A zoom from {settings.left:g}, {settings.top:g} to {settings.right:g}, {settings.bottom:g} shows "
            "nothing."
        )
    left, top = (min(length - 1, int(share * length)) for share, length in zip((settings.left, settings.top), size,
                                                                             strict=True))  # fmt: skip
    right = min(size[0], max(left + 1, round(settings.right * size[0])))
    bottom = min(size[1], max(top + 1, round(settings.bottom * size[1])))
    piece = _cut((left, top, right, bottom))
    return replace(piece, size=_fit(piece.size, settings.size)) if settings.size else piece


def _resize(step: Step, size: Size) -> Piece:
    longest = read_settings(step, Resize).size
    return Piece((0, 0, *size), _fit(size, longest) if max(size) > longest else size)


def _scale(step: Step, size: Size) -> Piece:
    factor = read_settings(step, Scale).factor
    return Piece((0, 0, *size), (max(1, round(size[0] * factor)), max(1, round(size[1] * factor))))


def _fit(size: Size, longest: int) -> Size:
    factor = longest / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _cut(box: tuple[int, int, int, int]) -> Piece:
    return Piece(box, (box[2] - box[0], box[3] - box[1]))


_PIECES: dict[str, Callable[[Step, Size], Piece]] = {
    "tile": _tile,
    "zoom": _zoom,
    "resize": _resize,
    "scale": _scale,
}
