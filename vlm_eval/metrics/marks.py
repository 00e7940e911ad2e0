"""How well accused marks match gold ones, the best that marks allow, and chance."""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from math import comb

import numpy as np

from vlm_eval.metrics.estimate import BoolArray


@dataclass(frozen=True, slots=True)
class MarkMatch:
    """Precision, recall and IoU of accused marks in [0, 1]; None where the denominator is empty."""

    precision: float | None
    recall: float | None
    iou: float | None


def mark_match(accused: Collection[Hashable], gold: Collection[Hashable]) -> MarkMatch:
    """Compare the accused marks with the gold ones, as sets."""
    said, true = set(accused), set(gold)
    shared, either = len(said & true), len(said | true)
    return MarkMatch(
        shared / len(said) if said else None,
        shared / len(true) if true else None,
        shared / either if either else None,
    )


def chance_match(accused: int, gold: int, marks: int) -> MarkMatch:
    """Return the expected match of as many marks drawn at random (hypergeometric).

    Args:
        accused: number of marks drawn.
        gold: number of gold marks.
        marks: number of all marks.

    Raises:
        ValueError: more marks are drawn or gold than there are.
    """
    if not 0 <= accused <= marks or not 0 <= gold <= marks:
        raise ValueError(f"{accused} accused and {gold} gold marks of {marks}: neither can exceed all marks")
    ways = comb(marks, accused)
    iou = sum(
        comb(gold, hits) * comb(marks - gold, accused - hits) / ways * hits / (accused + gold - hits)
        for hits in range(1, min(accused, gold) + 1)
    )
    return MarkMatch(
        gold / marks if accused else None, accused / marks if gold else None, iou if accused + gold else None
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the marks themselves allow, whatever is accused."""

    best_mark: str | int | None
    best_iou: float  # of one mark's region with the gold mask
    covered: float  # share of the gold mask under any mark


def oracle_coverage(regions: Mapping[str, BoolArray] | Mapping[int, BoolArray], gold: BoolArray) -> Coverage:
    """Return the best that any answer by marks could reach.

    Args:
        regions: mark -> boolean mask of the picture's shape (height, width).
        gold: boolean mask of the anomaly, of the same shape.

    Raises:
        ValueError: the gold mask is empty, or a region has another shape.
    """
    if not gold.any():
        raise ValueError("the gold mask is empty: coverage is about anomalous items only")
    best: str | int | None = None
    best_iou, covered = 0.0, np.zeros_like(gold)
    for mark, region in regions.items():
        if region.shape != gold.shape:
            raise ValueError(f"the region of mark {mark} has the shape {region.shape}, the gold mask {gold.shape}")
        iou = float((region & gold).sum() / (region | gold).sum())
        if iou > best_iou:
            best, best_iou = mark, iou
        covered |= region
    return Coverage(best, best_iou, float((covered & gold).sum() / gold.sum()))
