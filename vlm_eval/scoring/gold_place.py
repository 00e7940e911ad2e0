"""Where the anomaly of a sample is: its gold mask or boxes, on the picture and on the 3x3 grid."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Box, Gold, Sample
from vlm_eval.metrics.estimate import BoolArray
from vlm_eval.scoring.grid_words import Cell, find_grid_places

_LEAST_SHARE = 0.2
"""The least share of the anomaly's area that makes a cell one of its cells; the fullest cell always is one."""


@dataclass(frozen=True, slots=True)
class GoldPlace:
    """The cells of the anomaly, those that the data set itself names, and the mask, (height, width) pixels."""

    cells: frozenset[Cell]
    stated: frozenset[Cell]  # empty where only a mask or boxes tell the place
    mask: BoolArray | None = None


def gold_place(sample: Sample) -> GoldPlace | None:
    """Find the gold place of an anomalous sample: its masks or else boxes, and its words; None without any.

    Raises:
        BadInputError: a mask, or the picture whose size the boxes need, cannot be read.
    """
    gold = sample.gold
    mask = _from_masks(gold) if gold.masks else _from_boxes(gold.boxes, sample) if gold.boxes else None
    stated = frozenset(place.cell for place in find_grid_places(gold.place or ""))
    drawn = mask_cells(mask) if mask is not None and mask.any() else frozenset()
    return GoldPlace(stated | drawn, stated, mask if drawn else None) if stated or drawn else None


def mask_cells(mask: BoolArray) -> frozenset[Cell]:
    """Return the cells of the 3x3 grid that hold the anomaly: with a fifth of its area each, and the fullest."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    counts = np.zeros((3, 3), dtype=np.int64)
    np.add.at(counts, (rows * 3 // height, columns * 3 // width), 1)
    held = np.argwhere((counts >= _LEAST_SHARE * counts.sum()) | (counts == counts.max()))
    return frozenset((int(row), int(column)) for row, column in held)


def box_mask(boxes: tuple[Box, ...], size: tuple[int, int]) -> BoolArray:
    """Draw boxes, in pixels, into a mask of (width, height)."""
    width, height = size
    mask = np.zeros((height, width), dtype=np.bool_)
    for box in boxes:
        left, top = max(0, int(np.floor(box.left))), max(0, int(np.floor(box.top)))
        mask[top : int(np.ceil(box.bottom)), left : int(np.ceil(box.right))] = True
    return mask


def _from_masks(gold: Gold) -> BoolArray:
    united: BoolArray | None = None
    for path in gold.masks:
        with _open(path) as picture:
            found = np.asarray(picture.convert("L")) > 0
        if united is not None and united.shape != found.shape:
            raise BadInputError(
                f"The mask {path} has {found.shape} pixels, another mask of the item {united.shape}."
            )
        united = found if united is None else united | found
    return np.zeros((1, 1), dtype=np.bool_) if united is None else united


def _from_boxes(boxes: tuple[Box, ...], sample: Sample) -> BoolArray:
    if not sample.sources:
        raise BadInputError(f"The sample {sample.id!r} has gold boxes but no picture that tells their scale.")
    with _open(sample.sources[0]) as picture:
        size = picture.size
    return box_mask(boxes, size)


def _open(path: Any) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(path)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise BadInputError(f"{path} cannot be read: {error}") from error
