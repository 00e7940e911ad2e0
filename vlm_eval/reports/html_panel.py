"""The numbers of one model on one data set as a page shows them, bounded where a grid is huge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from vlm_eval.flow import Scalar
from vlm_eval.metrics.detection import DEFECT_RATE
from vlm_eval.reports import choice, classes, more_files
from vlm_eval.reports.effects import EffectRow, effect_rows, grid_cells, outcome
from vlm_eval.reports.html_confusion import Placed, place
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.interactions import InteractionRow
from vlm_eval.reports.ledger import Ledger, read_ledger
from vlm_eval.reports.measures import CellResult, measure
from vlm_eval.reports.panel import Panel

MOST_ROWS = 200
"""Cells that the ablation table shows."""
MOST_DETAILED = 32
"""Cells that get matrices, curves and a table by class."""
MOST_CONTRASTS = 60
"""Levels (beside the first ones) whose effects are tested for the page."""
MOST_CHOICE = 300
"""Cells beyond which effects are left to the CSV files and no best one is sought."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What the answers of one cell cost: means an answer; None where nobody recorded it."""

    seconds: float | None
    tokens: float | None
    dollars: float | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a page says of one model on one data set."""

    run: int
    folder: Path
    number: int  # of the panel, as the page's script knows it
    panel: Panel  # with the shown cells only
    info: ReportInfo
    all_cells: int
    results: list[CellResult]
    effects: list[EffectRow]
    choice: choice.NamedChoice | None
    interactions: list[InteractionRow]
    notes: list[str]
    spent: Mapping[str, Spent]
    placed: Mapping[str, Placed]
    ledger: Ledger
    classes: Mapping[str, list[Mapping[str, Scalar]]]  # by cell
    asks: pd.DataFrame  # of the panel, all cells

    @property
    def detailed(self) -> list[str]:
        """List the cells that get matrices and curves."""
        return list(self.panel.cells)[:MOST_DETAILED]

    @property
    def data(self) -> str:
        """Return the title of the data set."""
        return self.info.get("datasets", {}).get(self.panel.card, self.panel.card)


def read_numbers(panel: Panel, info: ReportInfo, *, run: int, folder: Path, number: int) -> Numbers:
    """Compute everything that a page says of a panel."""
    shown = _shown(panel)
    bounded = replace(panel, cells={cell: panel.cells[cell] for cell in shown})
    rate = info.get("defect_rate", DEFECT_RATE)
    results = [measure(bounded, cell, rate) for cell in shown]
    effects, more, notes = _more(panel, info)
    detailed = replace(bounded, cells={cell: panel.cells[cell] for cell in shown[:MOST_DETAILED]})
    by_class: dict[str, list[Mapping[str, Scalar]]] = {}
    for row in classes.class_rows(detailed, info):
        by_class.setdefault(str(row["cell"]), []).append(row)
    return Numbers(
        run=run,
        folder=folder,
        number=number,
        panel=bounded,
        info=info,
        all_cells=len(panel.cells),
        results=results,
        effects=effects,
        choice=more.choice if more else None,
        interactions=more.interactions if more else [],
        notes=notes,
        spent=_spent(panel, info),
        placed=place(panel),
        ledger=read_ledger(bounded),
        classes=by_class,
        asks=panel.asks,
    )


def _shown(panel: Panel) -> list[str]:
    """Return the cells of the page in grid order: all, or the most accurate ones where there are too many."""
    cells = list(panel.cells)
    if len(cells) <= MOST_ROWS:
        return cells
    right = [outcome(panel, cell, wrong=False) for cell in cells]
    means = [-1.0 if np.isnan(values).all() else float(np.nanmean(values)) for values in right]
    best = sorted(range(len(cells)), key=lambda index: -means[index])[:MOST_ROWS]
    return [cells[index] for index in sorted(best)]


def _more(panel: Panel, info: ReportInfo) -> tuple[list[EffectRow], more_files.More | None, list[str]]:
    """Return effects, what is told beside them, and notes; a huge grid is left to the CSV files."""
    cells = grid_cells(panel, info)
    levels = {(name, level) for _, own in cells for name, level in own.items()}
    contrasts = len(levels) - len({name for name, _ in levels})
    if contrasts > MOST_CONTRASTS or len(panel.cells) > MOST_CHOICE:
        note = (
            f"{len(panel.cells):,} cells with {contrasts:,} levels to compare: the CSV files hold their effects."
        )
        return [], None, [note]
    more = more_files.read_more(panel, info)
    best = choice.choice_note(more.choice)  # stands in the summary
    return (
        effect_rows(panel, info),
        more,
        [note for note in more_files.notes_of(panel, more, info) if note != best],
    )


def _spent(panel: Panel, info: ReportInfo) -> Mapping[str, Spent]:
    answered = panel.asks[panel.asks["status"] == "answered"]
    price = info.get("prices", {}).get(panel.model)
    found = {}
    for cell, asks in answered.groupby("cell", sort=False):
        seconds, read, written = (
            pd.to_numeric(asks[name], errors="coerce").mean()
            for name in ("latency", "prompt_tokens", "completion_tokens")
        )
        dollars = None if price is None else _known((read * price[0] + written * price[1]) / 1e6)
        found[str(cell)] = Spent(_known(seconds), _known(read + written), dollars)
    return found


def _known(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def totals(frames: Sequence[pd.DataFrame], column: str) -> float | None:
    """Sum a column over frames; None where nobody recorded it."""
    values = pd.concat([pd.to_numeric(frame[column], errors="coerce") for frame in frames])
    return None if values.isna().all() else float(values.sum())
