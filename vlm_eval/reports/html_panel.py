"""The numbers of one model on one data set as a page shows them, bounded where a grid is huge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from vlm_eval.flow import Scalar
from vlm_eval.metrics.detection import DEFECT_RATE
from vlm_eval.reports import choice, classes, cost, more_files
from vlm_eval.reports.bounds import best_cells, with_cells
from vlm_eval.reports.effects import EffectRow, effect_rows, grid_cells
from vlm_eval.reports.html_confusion import Placed, place
from vlm_eval.reports.html_plain import PlainTable, panel_tables
from vlm_eval.reports.html_probes import Probes, read_probes
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.interactions import InteractionRow
from vlm_eval.reports.ledger import Ledger, read_ledger
from vlm_eval.reports.measures import CellResult, measure
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.score_source import makes_no_claims

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
    tables: list[PlainTable]
    probes: Probes | None
    silent: bool  # a baseline, which makes no claims

    @property
    def detailed(self) -> list[str]:
        """List the cells that get matrices and curves."""
        return list(self.panel.cells)[:MOST_DETAILED]

    @property
    def data(self) -> str:
        """Return the title of the data set."""
        return self.info.get("datasets", {}).get(self.panel.card, self.panel.card)


def read_numbers(
    panel: Panel, info: ReportInfo, *, run: int, folder: Path, number: int, probed: Panel | None = None
) -> Numbers:
    """Compute everything that a page says of a panel; `probed` holds its probes and what they are put to."""
    silent, cells = makes_no_claims(panel.asks), len(panel.cells)
    if silent:
        panel = _distinct(panel)
    shown = best_cells(panel, MOST_ROWS)
    bounded = with_cells(panel, shown)
    rate = info.get("defect_rate", DEFECT_RATE)
    results = [measure(bounded, cell, rate) for cell in shown]
    effects, more, notes = _more(panel, info, silent)
    if silent and len(panel.cells) < cells:
        notes.insert(0, f"It reads no prompt: of {cells} cells, those with the same scores are shown once.")
    detailed = with_cells(panel, shown[:MOST_DETAILED])
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
        placed={} if silent else place(panel),
        ledger=read_ledger(bounded),
        classes=by_class,
        asks=panel.asks,
        tables=panel_tables(bounded, results, info),
        probes=None if probed is None else read_probes(probed, info),
        silent=silent,
    )


def _distinct(panel: Panel) -> Panel:
    """Keep the first of the cells that give the same scores, with its asks."""
    first: dict[bytes, str] = {}
    for cell, arrays in panel.cells.items():
        first.setdefault(arrays.score.tobytes(), cell)
    kept = {cell: panel.cells[cell] for cell in first.values()}
    return replace(panel, cells=kept, asks=panel.asks[panel.asks["cell"].isin(list(kept))])


def _more(
    panel: Panel, info: ReportInfo, silent: bool
) -> tuple[list[EffectRow], more_files.More | None, list[str]]:
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
    elsewhere = (choice.choice_note(more.choice), cost.cost_note(panel, info))  # in the summary, in a table
    return (
        [] if silent else effect_rows(panel, info),
        more,
        [note for note in more_files.notes_of(panel, more, info) if note not in elsewhere],
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
