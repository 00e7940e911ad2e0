"""Reads bounding boxes that an answer states. Their scale is declared or plain from how they are written."""

import re
from dataclasses import dataclass
from typing import Literal

from vlm_eval.flow import Box

BoxScale = Literal["unit", "thousand", "pixel"]
"""Shares of the picture's sides, thousandths of them, or pixels of the source picture."""

_NUMBER = r"-?\d{1,6}(?:\.\d{1,9})?"
_GAP = r"\s{0,3},\s{0,3}"
_FOUR = re.compile(rf"[\[(]\s{{0,3}}({_NUMBER}){_GAP}({_NUMBER}){_GAP}({_NUMBER}){_GAP}({_NUMBER})\s{{0,3}}[\])]")
_CORNERS = re.compile(
    rf"\(\s{{0,3}}({_NUMBER}){_GAP}({_NUMBER})\s{{0,3}}\){_GAP}\(\s{{0,3}}({_NUMBER}){_GAP}({_NUMBER})\s{{0,3}}\)"
)
_TAG = re.compile(r"<\|?box(?:_start)?\|?>\s{0,3}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StatedBox:
    """A box as stated (left, top, right, bottom), its scale where it is plain, and its place in the text."""

    numbers: tuple[float, float, float, float]
    scale: BoxScale | None
    span: tuple[int, int]

    def in_pixels(self, size: tuple[int, int], declared: BoxScale | None = None) -> Box | None:
        """Return the box in pixels of a picture of (width, height); None without a scale, or if it is no box."""
        scale = declared or self.scale
        if scale is None:
            return None
        width, height = {"unit": size, "thousand": (size[0] / 1000, size[1] / 1000), "pixel": (1, 1)}[scale]
        left, top, right, bottom = self.numbers
        if not (left < right and top < bottom):
            return None
        return Box(left * width, top * height, right * width, bottom * height)


def find_boxes(text: str) -> list[StatedBox]:
    """Find boxes: `[x1, y1, x2, y2]`, `(x1, y1), (x2, y2)` and `<box>(x1,y1),(x2,y2)</box>`, in order.

    Numbers that all lie in 0 to 1 and have a decimal point are shares; those in a box tag are thousandths.
    """
    found = [_box(match, text) for pattern in (_FOUR, _CORNERS) for match in pattern.finditer(text)]
    return sorted(found, key=lambda box: box.span)


def _box(match: re.Match[str], text: str) -> StatedBox:
    left, top, right, bottom = (float(match[number]) for number in (1, 2, 3, 4))
    scale: BoxScale | None = None
    if _TAG.search(text[max(0, match.start() - 20) : match.start()]):
        scale = "thousand"
    elif max(left, top, right, bottom) <= 1 and "." in match[0]:
        scale = "unit"
    return StatedBox((left, top, right, bottom), scale, match.span())
