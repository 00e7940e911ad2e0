"""How well score maps locate anomalies, pixels of all pictures pooled, with pixels that may be ignored.

AUPRO: Bergmann, Batzner, Fauser, Sattlegger and Steger, International Journal of Computer Vision 129 (2021)
1038-1059, section 5; the area up to a false positive rate of 0.3, divided by 0.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from vlm_eval.metrics.estimate import BoolArray, FloatArray, IntArray
from vlm_eval.metrics.ranking import average_precision, f1_max, undefined_reason

LIMIT = 0.3


@dataclass(frozen=True, slots=True)
class PixelMetrics:
    """Rates in [0, 1]; None where `reason` says why."""

    auprc: float | None  # average precision
    false_positive_rate_at_95: float | None  # at the first threshold with a recall of at least 0.95
    f1_max: float | None  # threshold chosen on these pixels
    aupro: float | None
    pixels: int  # that are not ignored
    anomalous: int
    regions: int  # connected (8 neighbours) gold regions
    reason: str | None = None


def pixel_metrics(
    maps: Sequence[FloatArray], masks: Sequence[BoolArray], ignored: Sequence[BoolArray | None] = ()
) -> PixelMetrics:
    """Compare score maps with gold masks over the pooled pixels of all pictures.

    Args:
        maps: one score map a picture, shape (height, width), higher is more anomalous.
        masks: the anomalous pixels of each picture, same shape; all False for a normal one.
        ignored: pixels of each picture that count for nothing, or None; regions are what is left of them.

    Raises:
        ValueError: numbers or shapes do not match, or a mask holds other values than True and False.
    """
    left_out = list(ignored) or [None] * len(maps)
    _check(maps, masks, left_out)
    scores, golds, regions, count = [], [], [], 0
    for score, mask, ignore in zip(maps, masks, left_out, strict=True):
        keep = np.ones(mask.shape, dtype=np.bool_) if ignore is None else ~ignore
        labelled, found = ndimage.label(mask & keep, structure=np.ones((3, 3)))
        scores.append(score[keep])
        golds.append((mask & keep)[keep])
        regions.append(np.where(labelled[keep] > 0, labelled[keep] + count, 0))
        count += found
    if not scores:
        return PixelMetrics(None, None, None, None, 0, 0, 0, "no pictures")
    score, gold = np.concatenate(scores).astype(np.float64), np.concatenate(golds).astype(np.int64)
    region = np.concatenate(regions).astype(np.int64)
    sizes = (score.size, int(gold.sum()), count)
    reason = undefined_reason(gold, score)
    if reason:
        return PixelMetrics(None, None, None, None, *sizes, reason.replace("items", "pixels"))
    best = f1_max(gold, score)
    return PixelMetrics(
        average_precision(gold, score),
        false_positive_rate_at(0.95, gold, score),
        best.value if best else None,
        per_region_overlap(score, region),
        *sizes,
    )


def _check(maps: Sequence[FloatArray], masks: Sequence[BoolArray], ignored: Sequence[BoolArray | None]) -> None:
    if not len(maps) == len(masks) == len(ignored):
        raise ValueError(f"{len(maps)} score maps, {len(masks)} masks, {len(ignored)} ignore masks: one each")
    for index, (score, mask, ignore) in enumerate(zip(maps, masks, ignored, strict=True)):
        if score.shape != mask.shape or (ignore is not None and ignore.shape != mask.shape):
            raise ValueError(
                f"picture {index}: the score map is {score.shape}, the mask {mask.shape}; make them equal"
            )
        wrong = [own.dtype for own in (mask, ignore) if own is not None and own.dtype != np.bool_]
        if wrong:  # ~ of a mask of 0 and 255 would choose pixels by number
            raise ValueError(f"picture {index}: a mask of {wrong[0]}; make it boolean, such as mask > 0")


def false_positive_rate_at(recall: float, gold: IntArray, score: FloatArray) -> float | None:
    """Return the share of normal items flagged at the highest threshold that reaches the recall, or None."""
    if undefined_reason(gold, score):
        return None
    anomalous = np.sort(score[gold == 1])[::-1]
    threshold = anomalous[max(1, int(np.ceil(recall * anomalous.size - 1e-9))) - 1]
    return float(np.mean(score[gold == 0] >= threshold))


def per_region_overlap(score: FloatArray, region: IntArray, limit: float = LIMIT) -> float | None:
    """Return AUPRO: the area under mean overlap of a region against false positive rate, over the limit.

    Args:
        score: score of each pixel, finite.
        region: 0 for a normal pixel, else the number of its gold region.
        limit: false positive rate up to which the area is taken; the curve is interpolated there.

    Returns:
        The area in [0, 1], or None without regions or without normal pixels.
    """
    sizes = np.bincount(region)
    present = np.flatnonzero(sizes[1:]) + 1
    if not present.size or not sizes[0]:
        return None
    weight = np.zeros(sizes.size)
    weight[present] = 1 / (sizes[present] * present.size)
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    overlap = np.append(0.0, np.cumsum(weight[region[order]])[last])
    alarms = np.append(0.0, np.cumsum(region[order] == 0)[last] / sizes[0])
    inside = alarms <= limit
    at_limit = np.interp(limit, alarms, overlap)
    area = np.trapezoid(np.append(overlap[inside], at_limit), np.append(alarms[inside], limit))
    return float(area / limit)
