"""Is the anomaly where the answer says it is? A right verdict with a right, a wrong or no place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Box, Item, Judgement, Role, Scalar
from vlm_eval.metrics.estimate import BoolArray
from vlm_eval.scoring.boxes import BoxScale, StatedBox, find_boxes
from vlm_eval.scoring.final_answer import start_of_final_answer
from vlm_eval.scoring.gold_place import GoldPlace, box_mask, gold_place
from vlm_eval.scoring.grid_words import Cell, GridPlace, cell_names, find_grid_places
from vlm_eval.scoring.intervals_scorer import judge_times
from vlm_eval.scoring.local_claims import LocalClaimReader
from vlm_eval.scoring.too_long import is_too_long
from vlm_eval.scoring.verdict_scorer import read_item

_EXPECTED = re.compile(r"\b(?:should|supposed|expected|ought|normally|required)\b", re.IGNORECASE)
_FILLER = re.compile(
    r"\b(?:at|in|on|near|the|and|of|corner|side|image|picture|part|area|region|edge|it|is)\b|[\W_]"
)


@dataclass(frozen=True, slots=True)
class PlaceReading:
    """The cells that an answer accuses, by place words in clauses that claim an anomaly."""

    places: tuple[GridPlace, ...]
    ambiguous: bool = False  # there were places, but only by a left or right that may be a patient's

    @property
    def cells(self) -> frozenset[Cell]:
        """Return every cell that the words allow."""
        return frozenset(cell for place in self.places for cell in place.cells)


def read_place(text: str, *, medical: bool = False, image_roles: Sequence[Role] = ()) -> PlaceReading:
    """Read where an answer says that the anomaly is, on the 3x3 grid; linear time.

    Places in clauses that claim normality, or that claim nothing, do not count. In medical answers left and right
    count only where they are plainly those of the picture ("on the left of the image"), as a radiologist's are the
    patient's; what such a phrase says of up and down still counts.
    """
    offset = start_of_final_answer(text.lower())
    body = text[offset:]
    found = find_grid_places(body)
    claims = LocalClaimReader(body, image_roles).read([place.span for place in found])
    accused = [
        place
        for place, local in zip(found, claims, strict=True)
        if local.claim == "anomalous" and not _EXPECTED.search(body, local.clause[0], place.span[0])
    ]
    if found and not accused and _is_bare(body, found):
        accused = found
    kept = [sure for place in accused if (sure := _sure(place, medical)) is not None]
    moved = tuple(
        GridPlace(place.row, place.column, (place.span[0] + offset, place.span[1] + offset), place.of_the_image)
        for place in kept
    )
    return PlaceReading(moved, ambiguous=bool(accused) and not kept)


def _is_bare(body: str, found: Sequence[GridPlace]) -> bool:
    """Tell whether an answer is nothing but places, as to a question where the anomaly is."""
    rest = body[: found[0].span[0]] + "".join(
        body[left.span[1] : right.span[0]] for left, right in pairwise(found)
    )
    return not _FILLER.sub("", (rest + body[found[-1].span[1] :]).casefold())


def _sure(place: GridPlace, medical: bool) -> GridPlace | None:
    """Drop a left or right that may be the patient's."""
    if not medical or place.of_the_image or place.column in (None, 1):
        return place
    if place.row in (None, 1):
        return None
    return GridPlace(place.row, None, place.span, place.of_the_image)


class PlaceScorer:
    """Judges the place of rightly found anomalies: "right", "wrong", or "none" where the answer names no place.

    Words on the 3x3 grid against the gold mask, boxes or stated place; boxes against mask or boxes, by whether the
    centre of a box lies on the anomaly, with the IoU as score; times and frames against gold intervals. Items
    that are normal, or whose anomaly was not claimed, are abstained on: their verdict is judged elsewhere. In
    the details stand what was said, the gold cells, and the chance that a random place of the same size is
    right.
    """

    version = "1"

    def __init__(self, box_scale: BoxScale | None = None) -> None:
        self.box_scale = box_scale
        self.name = "place" if box_scale is None else f"place:{box_scale}"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        return [self._judge(item) for item in items]

    def _judge(self, item: Item) -> Judgement:
        gold = item.sample.gold
        if gold.anomalous != "yes":
            return Judgement(None, "normal-item" if gold.anomalous == "no" else "no-gold")
        if is_too_long(item.answer.text):
            return Judgement(None, "too-long")
        verdict = read_item(item)
        asked_where = item.question.yes_means is None and verdict.claim is None
        if verdict.claim != "anomalous" and not asked_where:
            return Judgement(None, "not-accused", verdict.span)
        if gold.intervals:
            return judge_times(item)
        try:
            place = gold_place(item.sample)
        except BadInputError:
            return Judgement(None, "gold-unreadable")
        if place is None:
            return Judgement(None, "no-gold-place")
        boxes = find_boxes(item.answer.text) if place.mask is not None else []
        return (
            self._judge_boxes(boxes, place.mask) if boxes and place.mask is not None else _judge_words(item, place)
        )

    def _judge_boxes(self, boxes: Sequence[StatedBox], mask: BoolArray) -> Judgement:
        size = mask.shape[1], mask.shape[0]
        drawn = [box.in_pixels(size, self.box_scale) for box in boxes]
        known = [box for box in drawn if box is not None]
        if not known:
            return Judgement(None, "box-scale", boxes[0].span)
        said = box_mask(tuple(known), size)
        union = int((said | mask).sum())
        iou = float((said & mask).sum() / union) if union else 0.0
        hit = any(_holds(mask, box) for box in known)
        chance = float(mask.mean())
        return Judgement(
            "right" if hit else "wrong", None, boxes[0].span, iou, {"boxes": len(known), "chance": chance}
        )


def _holds(mask: BoolArray, box: Box) -> bool:
    row, column = int((box.top + box.bottom) / 2), int((box.left + box.right) / 2)
    return 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] and bool(mask[row, column])


def _judge_words(item: Item, gold: GoldPlace) -> Judgement:
    medical = item.sample.modality == "medical" or item.sample.domain == "medical"
    reading = read_place(item.answer.text, medical=medical, image_roles=item.question.image_roles)
    said = reading.cells
    details: dict[str, Scalar] = {"gold": cell_names(gold.cells), "said": cell_names(said)}
    if not said:
        return Judgement("none", "left-or-right-of-the-patient" if reading.ambiguous else None, details=details)
    named = frozenset(place.cell for place in reading.places)
    shared = len(said & gold.cells)
    details |= {
        "exact": named == (gold.stated or gold.cells),
        "precision": shared / len(said),
        "chance": _chance(len(said), gold),
    }
    value = "right" if shared else "wrong"
    return Judgement(value, None, reading.places[0].span, 1.0 if shared else 0.0, details)


def _chance(said: int, gold: GoldPlace) -> float:
    """Return the chance that so many cells drawn at random hold one of the gold cells."""
    missed = 1.0
    for drawn in range(said):
        missed *= max(0, 9 - len(gold.cells) - drawn) / (9 - drawn)
    return 1 - missed
