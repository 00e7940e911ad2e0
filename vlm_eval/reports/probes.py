"""What the probes of a run show of each model: numbers, and one line of plain words for each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from vlm_eval.flow import Scalar
from vlm_eval.metrics.comparisons import holm
from vlm_eval.metrics.detection import DEFECT_RATE
from vlm_eval.metrics.effects import Effect
from vlm_eval.metrics.equivalence import MARGIN
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.probes import Change, Said, compare_probe
from vlm_eval.reports.files import Row, fields_of
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.measures import measure, refused
from vlm_eval.reports.panel import CellArrays, Panel, read_panels
from vlm_eval.reports.probe_words import Finding, find
from vlm_eval.runs.probes import PROBES, base_name, probe_name

_SCORES = ("accuracy", "balanced_accuracy", "auroc")


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """One probe of one model on one dataset."""

    probe: str
    base: str  # name of the cell that it is put to
    change: Change
    adjusted_p: float | None  # of the change of the balanced accuracy, Holm over the probes of the panel
    finding: Finding
    scores: dict[str, Estimate]  # of the probe's own cell
    base_scores: dict[str, Estimate]


def probe_panels(frame: pd.DataFrame) -> list[Panel]:
    """Read the probes' cells and the cells that they are compared with, of the models that have some."""
    names = frame["cell"].map(lambda cell: probe_name(str(cell)))
    if not names.notna().any():
        return []
    bases = {base_name(str(cell)) for cell in frame.loc[names.notna(), "cell"]}
    first = frame["round"] == 0 if "round" in frame else names.notna() | True
    kept = frame[first & (names.notna() | frame["cell"].isin(bases))]
    panels = read_panels(kept, [], probes=True)
    return [panel for panel in panels if any(probe_name(cell) for cell in panel.cells)]


def probe_rows(panel: Panel, info: ReportInfo) -> list[ProbeRow]:
    """Compare each probe of a panel with its base, in the order in which probes are known."""
    margin = info.get("margin", MARGIN)
    known = list(PROBES)
    cells = [(str(probe_name(cell)), cell) for cell in panel.cells if probe_name(cell) in PROBES]
    cells = [one for one in cells if base_name(one[1]) in panel.cells]
    cells.sort(key=lambda one: known.index(one[0]))
    changes = [_change(panel, cell, margin) for _, cell in cells]
    tested = [change.balanced.p_value for change in changes if change.balanced.p_value is not None]
    adjusted = iter(holm(tested))
    rows = []
    for (probe, cell), change in zip(cells, changes, strict=True):
        p_value = None if change.balanced.p_value is None else next(adjusted)
        base = base_name(cell)
        scores, base_scores = (_scores(panel, one) for one in (cell, base))
        rows.append(ProbeRow(probe, base, change, p_value, find(probe, change, p_value), scores, base_scores))
    return rows


def _change(panel: Panel, cell: str, margin: float) -> Change:
    base, probe = (_said(panel.cells[one]) for one in (base_name(cell), cell))
    scored = ~np.isnan(base.score)
    if scored.any() and refused(panel.cells[base_name(cell)], scored):  # such as hard labels, which have no AUROC
        probe = replace(probe, score=np.full_like(base.score, np.nan))
    return compare_probe(base, probe, panel.gold, panel.class_of_item, panel.drawn, margin)


def _said(arrays: CellArrays) -> Said:
    return Said(arrays.yes, arrays.no, arrays.score)


def _scores(panel: Panel, cell: str) -> dict[str, Estimate]:
    measures = measure(panel, cell, DEFECT_RATE).measures
    return {name: measures[name] for name in _SCORES}


def probe_table_rows(panel: Panel, rows: Sequence[ProbeRow]) -> list[Row]:
    """List one row a probe for probes.csv."""
    return [_row(panel, row) for row in rows]


def _row(panel: Panel, row: ProbeRow) -> Row:
    line: dict[str, Scalar] = {
        "model": panel.model,
        "dataset": panel.card,
        "cell": row.base,
        "probe": row.probe,
        "group": PROBES[row.probe].group,
        "finding": row.finding.kind,
        "words": row.finding.words,
        "items": row.change.flips.difference.items,
        "clusters": row.change.flips.difference.clusters,
    }
    line |= fields_of("changed_answers", row.change.flips.difference)
    line["p_fewer_than_margin"] = row.change.few_flips.p_value
    for name in ("recall", "overkill", "balanced"):
        effect: Effect = getattr(row.change, name)
        called = "balanced_accuracy" if name == "balanced" else name
        line |= fields_of(f"{called}_change", effect.difference)
        line[f"{called}_p"] = effect.p_value
    line["balanced_accuracy_p_holm"] = row.adjusted_p
    line["p_equivalence"] = row.change.no_loss.p_value
    line["margin"] = row.change.no_loss.margin
    line |= fields_of("change_of_auroc", row.change.auroc)
    for name in _SCORES:
        line |= fields_of(f"base_{name}", row.base_scores[name]) | fields_of(f"probe_{name}", row.scores[name])
    return line
