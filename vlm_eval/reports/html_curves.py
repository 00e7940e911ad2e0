"""ROC and precision-recall curves with bands, and calibration, from the scores of one cell."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from sklearn.metrics import precision_recall_curve, roc_curve

from vlm_eval.metrics.calibration import BINS
from vlm_eval.metrics.estimate import Estimate, FloatArray, IntArray
from vlm_eval.metrics.ranking import undefined_reason
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.metrics.sampling import Sampling
from vlm_eval.reports.html_svg import Points, Scale, line, path, picture, tag, words
from vlm_eval.reports.measures import CellResult, refused
from vlm_eval.reports.panel import Panel

RESAMPLES = 200
_GRID = np.linspace(0, 1, 51)
_SIDE, _LEFT, _TOP, _BOTTOM = 236, 38, 22, 36


@dataclass(frozen=True, slots=True)
class Curves:
    """The charts of one cell, or the reason why there are none."""

    roc: Markup
    precision_recall: Markup
    calibration: Markup
    reason: str | None = None
    uncalibrated: str | None = None  # why there is no calibration


def draw_curves(panel: Panel, cell: str, result: CellResult) -> Curves:
    """Draw the curves of a cell, pooled over classes; bands are pointwise 95 % of resampled clusters."""
    arrays = panel.cells[cell]
    known = ~np.isnan(arrays.score)
    gold, score = panel.gold[known], arrays.score[known]
    reason = refused(arrays, known) or undefined_reason(gold, score)
    if reason:
        return Curves(Markup(""), Markup(""), Markup(""), reason)
    drawn = panel.drawn.subset(known)
    bands = _bands(gold, score, drawn)
    area, precision = (_number(result.measures[name].value) for name in ("auroc_pooled", "aupr_pooled"))
    false, true, _ = roc_curve(gold, score, drop_intermediate=True)
    roc = _square(
        f"ROC curve, area {area}",
        ("overkill (false positive rate)", "recall"),
        [_band(bands[0]), _diagonal(), _curve(list(zip(false, true, strict=True)))],
        f"AUROC {area}",
    )
    precisions, recalls, _ = precision_recall_curve(gold, score)
    steps = _steps(recalls[::-1], precisions[::-1])
    base = float(gold.mean())
    level = line(_x(0), _y(base), _x(1), _y(base), "mark")
    curve = _square(
        f"Precision-recall curve, average precision {precision}",
        ("recall", "precision"),
        [_band(bands[1]), level, _curve(steps)],
        f"AUPR {precision}",
    )
    brier = result.measures["brier"]
    if brier.value is None:
        return Curves(roc, curve, Markup(""), None, brier.reason)
    return Curves(roc, curve, _calibration(gold, score, drawn, result))


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


_x = Scale(0, 1, _LEFT, _SIDE - 8)
_y = Scale(0, 1, _SIDE - _BOTTOM, _TOP)


def _square(label: str, names: tuple[str, str], parts: list[Markup], note: str) -> Markup:
    frame = []
    for value in (0, 0.25, 0.5, 0.75, 1):
        text = f"{value:g}".replace("0.", ".")
        frame += [
            line(_x(value), _y(0), _x(value), _y(1), "grid"),
            line(_x(0), _y(value), _x(1), _y(value), "grid"),
        ]
        frame.append(words(_x(value), _y(0) + 13, text, "tick", "middle"))
        frame.append(words(_x(0) - 5, _y(value) + 3.5, text, "tick", "end"))
    frame.append(words(_x(0.5), _SIDE - 5, names[0], "name", "middle"))
    turn = f"translate(10 {_y(0.5):.0f}) rotate(-90)"
    frame.append(tag("text", names[1], transform=turn, class_="name", text_anchor="middle"))
    frame.append(words(_x(0), _TOP - 8, note, "note"))
    return picture(_SIDE, _SIDE, label, [*frame, *parts])


def _curve(points: Points) -> Markup:
    return path([(_x(float(x)), _y(float(y))) for x, y in points], "curve")


def _diagonal() -> Markup:
    return line(_x(0), _y(0), _x(1), _y(1), "mark")


def _band(band: tuple[FloatArray, FloatArray] | None) -> Markup:
    if band is None:
        return Markup("")
    upper = [(_x(float(x)), _y(float(y))) for x, y in zip(_GRID, band[1], strict=True) if not np.isnan(y)]
    lower = [(_x(float(x)), _y(float(y))) for x, y in zip(_GRID, band[0], strict=True) if not np.isnan(y)]
    return path([*upper, *lower[::-1]], "band", close=True)


def _steps(x: FloatArray, y: FloatArray) -> Points:
    """Return the corners of a step curve: between two recalls the precision is that of the higher one."""
    corners: list[tuple[float, float]] = []
    for left, right, height in zip(x[:-1], x[1:], y[1:], strict=True):
        corners += [(float(left), float(height)), (float(right), float(height))]
    return corners


def _bands(
    gold: IntArray, score: FloatArray, drawn: Sampling, seed: int = 0
) -> tuple[tuple[FloatArray, FloatArray] | None, tuple[FloatArray, FloatArray] | None]:
    """Return pointwise bands of recall over overkill and of precision over recall; None under ten clusters."""
    if drawn.clusters < 10:
        return None, None
    order = np.argsort(-score, kind="stable")
    gold, cluster = gold[order], drawn.cluster_of_item[order]
    last_of_tie = np.append(np.diff(score[order]) != 0, True)
    generator = np.random.default_rng(seed)
    rows: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    for _ in range(RESAMPLES):
        weights = np.bincount(generator.integers(0, drawn.clusters, drawn.clusters), minlength=drawn.clusters)[
            cluster
        ]
        found = np.append(0, np.cumsum(weights * gold)[last_of_tie]).astype(np.float64)
        false = np.append(0, np.cumsum(weights * (1 - gold))[last_of_tie]).astype(np.float64)
        if found[-1] and false[-1]:
            recall = found / found[-1]
            rows[0].append(np.interp(_GRID, false / false[-1], recall))
            precision = np.where(found + false > 0, found / np.maximum(found + false, 1), 1.0)
            rows[1].append(precision[np.searchsorted(recall, _GRID - 1e-12)])
    return _percentiles(rows[0]), _percentiles(rows[1])


def _percentiles(rows: list[FloatArray]) -> tuple[FloatArray, FloatArray] | None:
    if len(rows) < RESAMPLES // 2:
        return None
    low, high = np.percentile(np.array(rows), [2.5, 97.5], axis=0)
    return low, high


def _calibration(gold: IntArray, score: FloatArray, drawn: Sampling, result: CellResult) -> Markup:
    parts = [_diagonal()]
    place = np.minimum((score * BINS).astype(np.int64), BINS - 1)
    most = int(np.bincount(place).max())
    for own in np.unique(place):
        inside = place == own
        share = simple_rate(
            gold[inside].astype(np.float64), np.zeros(int(inside.sum()), np.int64), drawn.subset(inside)
        )
        parts += _bin(float(score[inside].mean()), share, int(inside.sum()), most)
    error, brier = (_number(result.measures[name].value) for name in ("calibration_error", "brier"))
    label = f"Calibration: expected calibration error {error}, Brier score {brier}"
    return _square(label, ("score", "share anomalous"), parts, f"ECE {error}, Brier {brier}")


def _bin(at: float, share: Estimate, items: int, most: int) -> list[Markup]:
    parts = []
    if share.low is not None and share.high is not None:
        parts.append(line(_x(at), _y(share.low), _x(at), _y(share.high), "whisker thin"))
    size = 2 + 4 * (items / most) ** 0.5
    title = tag("title", f"{items} items: mean score {at:.2f}, share anomalous {share.value or 0:.2f}")
    return [*parts, tag("circle", title, cx=_x(at), cy=_y(share.value or 0.0), r=size, class_="dot")]
