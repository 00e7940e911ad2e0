"""The outcome ledger: what became of every ask, so that nothing is missing without a word."""

from dataclasses import dataclass

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from vlm_eval.reports.panel import Panel
from vlm_eval.reports.tables import break_name, plain_table

_MOST_PRINTED = 100  # cells in the table of the terminal
CLAIM = "claim"
OPEN = "open"
FAILED = "failed"


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


def class_ledger(panel: Panel) -> list[tuple[tuple[str, str, str, str], int]]:
    """Count asks by (cell, object class, gold, outcome), those that occurred."""
    asks = panel.asks
    keys = [asks["cell"], asks["object_class"], asks["gold"], _outcomes(asks).rename("outcome")]
    counts = asks.groupby([key.astype(str) for key in keys], sort=False).size()
    return [(tuple(names), int(asks)) for names, asks in zip(counts.index, counts, strict=True)]


def _outcomes(asks: pd.DataFrame) -> pd.Series:
    reason = asks["verdict_reason"].where(asks["verdict_reason"].notna(), "no claim").astype(str)
    outcome = reason.where(asks["verdict"].isna(), CLAIM)
    failure = f"{FAILED}: " + asks["failure"].where(asks["failure"].notna(), "unknown").astype(str)
    outcome = outcome.where(asks["status"] != "failed", failure)
    return outcome.where(asks["status"] != "open", OPEN)


def ledger_table(panel: Panel, ledger: Ledger, width: int) -> RenderableType:
    """Draw the totals in a sentence, and a table by cell where more than one thing happened.

    The table joins the kinds of no claim and of failure where the width does not hold them all.
    """
    totals = _totals(ledger)
    lines = [f"{total} {name}" for total, name in zip(totals, ledger.columns, strict=True) if total]
    summary = Text(f"Outcomes of {sum(totals)} asks: {', '.join(lines)}.")
    notes = (Text(note, style="dim") for note in _notes(panel, ledger))
    if len(lines) <= 1:
        return Group(summary, *notes)
    shown = Ledger(ledger.columns, ledger.rows[:_MOST_PRINTED])
    table = _table(shown)
    if Console(width=1000, color_system=None).measure(table).maximum > width:
        table = _table(_joined(shown))
    if len(ledger.rows) > _MOST_PRINTED:
        more = f"The first {_MOST_PRINTED} of {len(ledger.rows):,} cells; outcomes.csv has all."
        return Group(summary, table, Text(more, style="dim"), *notes)
    return Group(summary, table, *notes)


def _totals(ledger: Ledger) -> list[int]:
    return [sum(counts[index] for _, counts in ledger.rows) for index in range(len(ledger.columns))]


def _notes(panel: Panel, ledger: Ledger) -> list[str]:
    gold = panel.asks.drop_duplicates("sample_id")["gold"].value_counts()
    unjudged = [f"{count} items of {name} gold" for name, count in gold.items() if name not in ("yes", "no")]
    notes = [f"In no rate: {', '.join(unjudged)}."] if unjudged else []
    if any(counts[-1] for _, counts in ledger.rows):
        notes.append("The run is not finished: open asks are missing from every number, never wrong.")
    if any(name.startswith(FAILED) for name in ledger.columns):
        notes.append("Failed asks are technical: missing from every number, never wrong.")
    return notes


def _joined(ledger: Ledger) -> Ledger:
    def kind(name: str) -> str:
        return name if name in (CLAIM, OPEN) else FAILED if name.startswith(FAILED) else "no claim"

    columns = (CLAIM, "no claim", FAILED, OPEN)
    rows = []
    for cell, counts in ledger.rows:
        pairs = list(zip(ledger.columns, counts, strict=True))
        rows.append((cell, tuple(sum(n for name, n in pairs if kind(name) == column) for column in columns)))
    return Ledger(columns, tuple(rows))


def _table(ledger: Ledger) -> Table:
    table = plain_table()
    table.add_column("cell", overflow="fold")
    used = [index for index, total in enumerate(_totals(ledger)) if total]
    for index in used:
        table.add_column(Text(ledger.columns[index]), justify="right", no_wrap=True)
    for cell, counts in ledger.rows:
        table.add_row(Text(break_name(cell)), *(str(counts[index]) for index in used))
    return table
