"""For the one who must decide: operating points, triage, risk against coverage, repeatability."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from vlm_eval.flow import Scalar
from vlm_eval.metrics.detection import DEFECT_RATE
from vlm_eval.metrics.estimate import IntArray
from vlm_eval.metrics.one_versus import one_versus
from vlm_eval.metrics.operating import Costs, operating_point, triage_curve
from vlm_eval.metrics.repeatability import Repeatability, repeatability
from vlm_eval.metrics.selective import risk_coverage
from vlm_eval.metrics.splitting import folds
from vlm_eval.reports.effects import outcome
from vlm_eval.reports.files import fields_of
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.measures import refused
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.tables import with_interval

RECALLS = (0.9, 0.95, 0.98, 0.99, 1.0)
_TOLD_RECALL = 0.99
MISSES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
TRIAGE_OVERKILL = 0.05
COVERAGES = tuple(round(0.05 * step, 2) for step in range(1, 21))

Row = Mapping[str, Scalar]


def _scored(panel: Panel) -> Iterator[tuple[str, IntArray]]:
    """Yield each cell whose scores can be used, with the items that have one."""
    for cell, arrays in panel.cells.items():
        known = ~np.isnan(arrays.score)
        if known.any() and refused(arrays, known) is None:
            yield cell, np.flatnonzero(known)


def _place(panel: Panel, cell: str) -> dict[str, Scalar]:
    return {"model": panel.model, "dataset": panel.card, "cell": cell}


def operating_rows(panel: Panel, info: ReportInfo) -> Iterator[Row]:
    """Yield thresholds that half of the clusters chose, by recall and by cost, as judged on the other half."""
    costs = info.get("costs")
    targets: list[float | Costs] = list(RECALLS)
    if costs is not None:
        targets.append(Costs(costs[0], costs[1], info.get("defect_rate", DEFECT_RATE)))
    for cell, items in _scored(panel):
        keep = np.isin(np.arange(panel.gold.size), items)
        arrays = (panel.gold[keep], panel.cells[cell].score[keep], panel.class_of_item[keep])
        drawn = panel.drawn.subset(keep)
        for target in targets:
            point = operating_point(*arrays, drawn, target)
            aim = "least cost" if isinstance(target, Costs) else f"recall {target:g}"
            row = _place(panel, cell) | {"chosen_for": aim, "threshold": point.threshold}
            yield (
                row | fields_of("miss", point.miss) | fields_of("overkill", point.overkill) | {"cost": point.cost}
            )


def operating_note(panel: Panel, best: str | None) -> str | None:
    """Tell what a cell does at the threshold for 99 % recall; None where it has no usable scores."""
    cells = dict(_scored(panel))
    if best not in cells:
        return None
    keep = np.isin(np.arange(panel.gold.size), cells[best])
    arrays = (panel.gold[keep], panel.cells[best].score[keep], panel.class_of_item[keep])
    point = operating_point(*arrays, panel.drawn.subset(keep), _TOLD_RECALL)
    if point.miss.value is None or point.overkill.value is None:
        return None
    return (
        f"At the threshold that half of the clusters chose for {100 * _TOLD_RECALL:g} % recall, {best} misses"
        f" {with_interval(point.miss)} and has overkill {with_interval(point.overkill)} on the other half"
        " (operating_points.csv; with a person for the unsure: triage.csv)."
    )


def triage_rows(panel: Panel) -> Iterator[Row]:
    """Yield what accepting, rejecting and asking a person would do, by the misses that are allowed."""
    for cell, items in _scored(panel):
        keep = np.isin(np.arange(panel.gold.size), items)
        calibration = folds(panel.drawn.subset(keep), 2) == 0
        gold, score = panel.gold[keep], panel.cells[cell].score[keep]
        points = triage_curve(gold, score, calibration, MISSES, TRIAGE_OVERKILL)
        for allowed, point in zip(MISSES, points, strict=False):
            yield _place(panel, cell) | {
                "allowed_miss": allowed,
                "allowed_overkill": TRIAGE_OVERKILL,
                "accept_below": point.accept_below,
                "reject_from": point.reject_from,
                "to_person": round(point.to_person, 6),
                "automatic": round(1 - point.to_person, 6),
                "miss": point.miss,
                "overkill": point.overkill,
            }


def risk_rows(panel: Panel) -> Iterator[Row]:
    """Yield the risk at twenty coverages; confidence is the distance of the score from one half."""
    for cell, items in _scored(panel):
        arrays = panel.cells[cell]
        known = items[~np.isnan(arrays.yes[items])]
        if not known.size:
            continue
        claims = (arrays.yes + arrays.no)[known] > 0
        confidence = np.abs(arrays.score[known] - 0.5)
        curve = risk_coverage(outcome(panel, cell, wrong=True)[known], confidence, claims)
        for coverage in COVERAGES:
            reached = np.flatnonzero(curve.coverage >= coverage - 1e-12)
            if reached.size:
                at = reached[0]
                point = {"coverage": round(float(curve.coverage[at]), 6), "risk": round(float(curve.risk[at]), 6)}
                yield _place(panel, cell) | {"at_least": coverage} | point | {"area": curve.area}


def kind_rows(panel: Panel) -> Iterator[Row]:
    """Yield AUROC by defect type: against all at once, on average, the closest one and what chance makes of it."""
    known = panel.asks[panel.asks["gold"].isin(("yes", "no"))].drop_duplicates("sample_id")
    kinds = known["defect_type"].where(known["defect_type"].notna(), "untyped").astype(str).to_numpy()
    if len(set(kinds[panel.gold == 1])) < 2:
        return
    for cell, items in _scored(panel):
        score = panel.cells[cell].score[items]
        found = one_versus(panel.gold[items], score, list(kinds[items]), panel.class_of_item[items])
        yield _place(panel, cell) | {
            "one_versus_rest": found.rest,
            "one_versus_one": found.average,
            "closest": found.closest,
            "closest_by_chance": found.closest_by_chance,
            "closest_type": found.closest_kind,
            "types": len(found.kinds),
            "note": found.reason,
        }


def repeat_rows(panel: Panel) -> Iterator[Row]:
    """Yield how often repeats of a question agree; nothing where each was asked once."""
    for cell, found in repeatabilities(panel).items():
        yield (
            _place(panel, cell) | fields_of("unanimous", found.unanimous) | fields_of("agreement", found.agreement)
        )


def repeatabilities(panel: Panel) -> dict[str, Repeatability]:
    """Return the repeatability of each cell that asked an item at least twice."""
    asks = panel.asks[(panel.asks["status"] == "answered") & panel.asks["gold"].isin(("yes", "no"))]
    if not (asks["repeat"] != asks["repeat"].iloc[0] if len(asks) else asks["repeat"]).any():
        return {}
    items = panel.asks[panel.asks["gold"].isin(("yes", "no"))].drop_duplicates("sample_id")["sample_id"]
    place = pd.Index(items).get_indexer(pd.Index(asks["sample_id"]))
    kind = asks["verdict"].map({"anomalous": 0, "normal": 1}).fillna(2).astype(int).to_numpy()
    found = {}
    for cell in panel.cells:
        here = (asks["cell"] == cell).to_numpy()
        counts = np.zeros((panel.gold.size, 3), dtype=np.int64)
        np.add.at(counts, (place[here], kind[here]), 1)
        if (counts.sum(axis=1) >= 2).any():
            found[cell] = repeatability(counts, panel.class_of_item, panel.drawn)
    return found
