"""Sets of marks: numbered regions drawn on a picture, and which of them lie on a known anomaly.

Source of the idea: Yang et al., Set-of-Mark Prompting, arXiv:2310.11441.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from vlm_eval.errors import BadInputError
from vlm_eval.views.mark_regions import Labels, in_reading_order, regions_of
from vlm_eval.views.settings import Marks

_COLOURS = ((230, 60, 50), (40, 120, 220), (30, 160, 80), (240, 150, 20), (150, 80, 200), (20, 170, 180))
_AIR = 2  # pixels around a number


@dataclass(frozen=True, slots=True)
class Number:
    """Where the number of a mark stands."""

    mark: int
    box: tuple[int, int, int, int]  # left, top, right, bottom in pixels
    font: int
    anchor: tuple[int, int] | None = None  # the region's own point, where the number stands outside of it


def draw_marks(image: Image.Image, settings: Marks, given: bytes = b"") -> tuple[Image.Image, Labels]:
    """Draw numbered marks; return the picture and the regions, whose labels are the numbers.

    A number stands inside its region where it has room, else beside it with a line to it; no two overlap. A region
    whose number has room nowhere gets none and is no mark.

    Raises:
        BadInputError: there is no region, or no room for any number.
    """
    pixels = np.asarray(image.convert("RGB"))
    labels, numbers = place_numbers(regions_of(pixels, settings, given), settings.font)
    drawn = Image.fromarray(_paint(pixels, labels, settings.style))
    pen = ImageDraw.Draw(drawn)
    for number in numbers:
        if number.anchor is not None:
            left, top, right, bottom = number.box
            pen.line((*number.anchor, (left + right) // 2, (top + bottom) // 2), (0, 0, 0), 3)
            pen.line((*number.anchor, (left + right) // 2, (top + bottom) // 2), (255, 255, 255), 1)
    for number in numbers:
        pen.rectangle(number.box, (0, 0, 0))
        middle = (number.box[0] + number.box[2] + 1) / 2, (number.box[1] + number.box[3] + 1) / 2
        pen.text(middle, str(number.mark), (255, 255, 255), _font(number.font), anchor="mm")
    return drawn, labels


def place_numbers(labels: Labels, font: int = 15) -> tuple[Labels, tuple[Number, ...]]:
    """Find a place for each number; return the regions that have one, renumbered, and the numbers.

    The smallest regions choose first, since they have the least room.

    Args:
        labels: regions numbered from 1, shape (height, width).
        font: height of numbers in pixels of a picture of 448 pixels; larger pictures have larger ones.
    """
    size = max(9, round(font * max(labels.shape) / 448))
    placed = _place(labels, size)
    if not placed:
        raise BadInputError("has no region with room for a number. Ask for fewer or larger regions.")
    kept = in_reading_order(np.where(np.isin(labels, [number.mark for number in placed]), labels, 0))
    names = np.zeros(int(labels.max()) + 1, np.int32)
    names[labels.ravel()] = kept.ravel()
    renamed = (replace(number, mark=int(names[number.mark])) for number in placed)
    return kept, tuple(sorted(renamed, key=lambda number: number.mark))


def _place(labels: Labels, font: int) -> list[Number]:
    """Place all numbers, each with room for as many digits as the largest has."""
    count = int(labels.max())
    depth = ndimage.distance_transform_edt(~_edges(labels))
    order = np.lexsort((-depth.ravel(), labels.ravel()))
    ends = np.cumsum(np.bincount(labels.ravel(), minlength=count + 1))
    taken = np.zeros(labels.shape, bool)
    numbers = []
    areas = np.diff(ends)
    for mark in sorted(range(1, count + 1), key=lambda mark: (areas[mark - 1], mark)):
        members = order[ends[mark - 1] : ends[mark]]
        if not len(members):
            continue
        number = _find(labels, members, mark, font, taken, len(str(count)))
        if number is not None:
            left, top, right, bottom = number.box
            taken[max(0, top - 1) : bottom + 2, max(0, left - 1) : right + 2] = True
            numbers.append(number)
    return numbers


def _edges(labels: Labels) -> NDArray[np.bool_]:
    """Find where a region ends: at another region, at nothing, and at the picture's own edge."""
    framed = np.pad(labels, 1, constant_values=-1)
    edges = np.zeros(labels.shape, bool)
    for down, across in ((0, 1), (2, 1), (1, 0), (1, 2)):
        edges |= framed[down : down + labels.shape[0], across : across + labels.shape[1]] != labels
    return edges


def _find(
    labels: Labels, members: NDArray[np.int64], mark: int, font: int, taken: NDArray[np.bool_], digits: int
) -> Number | None:
    """Find room deep inside the region, then less deep with a smaller number, then beside it.

    Args:
        labels: all regions.
        members: flat places of the region's pixels, deepest first.
        mark: the region.
        font: height of the number in pixels.
        taken: pixels of numbers that are placed already.
        digits: of the largest number.
    """
    tried = members[:: max(1, len(members) // 60)]
    small = max(8, round(font * 0.75))
    for size in (font, small):
        for place in tried:
            box = _box(np.array(np.unravel_index(place, labels.shape)), digits, size, labels.shape)
            inside = labels[box[1] : box[3] + 1, box[0] : box[2] + 1] == mark
            if inside.all() and not taken[box[1] : box[3] + 1, box[0] : box[2] + 1].any():
                return Number(mark, box, size)
    middle = np.array(np.unravel_index(members[0], labels.shape))
    for point in _around(middle, small):
        box = _box(point, digits, small, labels.shape)
        if not taken[box[1] : box[3] + 1, box[0] : box[2] + 1].any():
            return Number(mark, box, small, (int(middle[1]), int(middle[0])))
    return None


def _around(middle: NDArray[Any], font: int) -> list[NDArray[Any]]:
    """List places on circles about a point, near ones first."""
    turns = np.arange(12) * (2 * np.pi / 12)
    return [
        np.round(middle + radius * np.array([np.sin(turn), np.cos(turn)])).astype(int)
        for radius in np.arange(1, 4) * 1.6 * font
        for turn in turns
    ]


def _box(middle: NDArray[Any], digits: int, font: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    width = round(_font(font).getlength("0" * digits)) + 2 * _AIR + 1
    height = round(font * 0.78) + 2 * _AIR + 1
    left = int(np.clip(int(middle[1]) - width // 2, 0, max(0, shape[1] - width)))
    top = int(np.clip(int(middle[0]) - height // 2, 0, max(0, shape[0] - height)))
    return left, top, left + width - 1, top + height - 1


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise BadInputError("cannot be marked: this Pillow lacks FreeType. Install Pillow from PyPI.")
    return font


def _paint(pixels: NDArray[np.uint8], labels: Labels, style: str) -> NDArray[np.uint8]:
    painted = pixels.astype(np.float32)
    colours = np.array([(0, 0, 0), *_COLOURS], np.float32)[
        np.where(labels > 0, (labels - 1) % len(_COLOURS) + 1, 0)
    ]
    if style == "fill":
        painted = np.where((labels > 0)[..., None], 0.62 * painted + 0.38 * colours, painted)
    if style == "box":
        edge = _boxes(labels)
        line = edge > 0
        colours = np.array(_COLOURS, np.float32)[(edge - 1) % len(_COLOURS)]
    else:
        line = _borders(labels)
    halo = ndimage.binary_dilation(line, np.ones((3, 3))) & ~line
    painted[halo] = 0.45 * painted[halo] + 0.55 * 255
    painted[line] = colours[line]
    return painted.round().astype(np.uint8)


def _borders(labels: Labels) -> NDArray[np.bool_]:
    """Find the pixels of regions that touch another region, nothing, or not the picture's own edge."""
    lowest = ndimage.minimum_filter(labels, 3, mode="nearest")
    highest = ndimage.maximum_filter(labels, 3, mode="nearest")
    border: NDArray[np.bool_] = (lowest != highest) & (labels > 0)
    return border


def _boxes(labels: Labels) -> Labels:
    """Return each region's bounding box as a frame of two pixels with its number."""
    frames = np.zeros_like(labels)
    for mark, where in enumerate(ndimage.find_objects(labels), 1):
        if where is not None:
            inner = frames[where]
            frame = np.ones(inner.shape, bool)
            frame[2:-2, 2:-2] = False
            inner[frame] = mark
    return frames


@dataclass(frozen=True, slots=True)
class GoldMarks:
    """The marks that lie on a known anomaly, and how well marks could tell where it is."""

    marks: tuple[int, ...]  # the union of these comes nearest to the anomaly
    iou: float  # of that union: no answer by marks can do better
    best: int  # the one mark that comes nearest
    best_iou: float


def gold_marks(labels: Labels, anomaly: NDArray[np.bool_]) -> GoldMarks | None:
    """Find the marks whose union has the greatest IoU with the anomaly; None where it lies under no mark.

    With marks in falling order of the share of them that is anomalous, some prefix is optimal: adding a mark helps
    exactly if its share exceeds the IoU so far.

    Args:
        labels: regions that do not overlap, shape (height, width).
        anomaly: of the same shape.
    """
    count = int(labels.max())
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    shared = np.bincount(labels[anomaly], minlength=count + 1)[1:]
    total = int(anomaly.sum())
    if not shared.any():
        return None
    alone = shared / (areas + total - shared)
    order = [int(mark) for mark in np.argsort(-shared / np.maximum(areas, 1), kind="stable") if shared[mark]]
    union = np.cumsum(shared[order]) / (total + np.cumsum(areas[order] - shared[order]))
    last = int(union.argmax())
    best = int(alone.argmax())
    return GoldMarks(
        tuple(sorted(mark + 1 for mark in order[: last + 1])), float(union[last]), best + 1, float(alone[best])
    )
