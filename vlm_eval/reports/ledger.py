"""The outcome ledger: what became of every ask, so that nothing is missing without a word."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vlm_eval.reports.panel import Panel
from vlm_eval.reports.tables import break_name

CLAIM = "claim"
OPEN = "open"


@dataclass(frozen=True, slots=True)
class Ledger:
    """Asks by cell and outcome. Columns: claim, each kind of no claim, each kind of failure, open."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]  # (cell, counts in the order of columns)


def read_ledger(panel: Panel) -> Ledger:
    """Count the asks of a panel, those of unknown gold included."""
    outcome = _outcomes(panel.asks)
    table = pd.crosstab(panel.asks["cell"], outcome)
    between = sorted(name for name in table.columns if name not in (CLAIM, OPEN))
    columns = (CLAIM, *between, OPEN)
    table = table.reindex(index=list(panel.cells), columns=list(columns), fill_value=0)
    rows = tuple((str(cell), tuple(int(value) for value in table.loc[cell])) for cell in table.index)
    return Ledger(columns, rows)


def _outcomes(asks: pd.DataFrame) -> pd.Series:
    reason = asks["verdict_reason"].where(asks["verdict_reason"].notna(), "no claim").astype(str)
    outcome = reason.where(asks["verdict"].isna(), CLAIM)
    failure = "failed: " + asks["failure"].where(asks["failure"].notna(), "unknown").astype(str)
    outcome = outcome.where(asks["status"] != "failed", failure)
    return outcome.where(asks["status"] != "open", OPEN)


def ledger_table(panel: Panel, ledger: Ledger) -> RenderableType:
    """Draw the ledger, one line where every cell has the same outcomes."""
    gold = panel.asks.drop_duplicates("sample_id")["gold"].value_counts()
    unjudged = [f"{count} items of {name} gold" for name, count in gold.items() if name not in ("yes", "no")]
    notes = [f"Answered and kept, but in no rate: {', '.join(unjudged)}."] if unjudged else []
    if any(counts[-1] for _, counts in ledger.rows):
        notes.append("The run is not finished: open asks are missing from every number, never wrong.")
    if any(name.startswith("failed") for name in ledger.columns):
        notes.append("Failed asks are technical: missing from every number, never wrong.")
    totals = [sum(counts[index] for _, counts in ledger.rows) for index in range(len(ledger.columns))]
    lines = [f"{total} {name}" for total, name in zip(totals, ledger.columns, strict=True) if total or name == CLAIM]
    summary = Text(f"Outcomes of {sum(totals)} asks: {', '.join(lines)}.")
    if sum(total > 0 for total in totals) <= 1:
        return Group(summary, *(Text(note, style="dim") for note in notes))
    return Group(summary, _table(ledger, totals), *(Text(note, style="dim") for note in notes))


def _table(ledger: Ledger, totals: Sequence[int]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("cell", overflow="fold")
    used = [index for index, total in enumerate(totals) if total]
    for index in used:
        table.add_column(Text(ledger.columns[index]), justify="right", min_width=4, overflow="fold")
    for cell, counts in ledger.rows:
        table.add_row(Text(break_name(cell)), *(str(counts[index]) for index in used))
    return table
