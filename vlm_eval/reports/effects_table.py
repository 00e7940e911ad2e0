"""The effects table for the terminal: what each ingredient adds, in percentage points."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.metrics.estimate import Estimate
from vlm_eval.reports.effects import EffectRow, name_contrast
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.tables import heading_text, plain_table, table_title


def effects_table(panel: Panel, rows: Sequence[EffectRow], info: ReportInfo) -> RenderableType:
    """Draw what each ingredient adds to recall, overkill and accuracy, in percentage points."""
    table = plain_table()
    for heading in ("ingredient", "adds to", "points [95 %]", "p (Holm)", "pairs"):
        table.add_column(heading, justify="right" if heading in ("p (Holm)", "pairs") else "left")
    previous = ""
    for row in rows:
        name = contrast_name(row)
        if previous and name != previous:
            table.add_section()
        first = Text("" if name == previous else name)
        previous = name
        difference = points(row.effect.difference)
        table.add_row(first, row.measure, difference, p_text(row.adjusted_p), str(len(row.contrast.pairs)))
    tested = sum(row.adjusted_p is not None for row in rows)
    tests = " and ".join(sorted({row.effect.test for row in rows if row.effect.test})) or "no"
    note = (
        "Mean over the pairs of cells that differ in nothing else, on the same items. More overkill is a loss."
        f" Test: {tests}; p corrected by Holm over the {tested} tests of this table."
    )
    notes = [note, *effect_notes(rows)]
    title = heading_text(f"What each ingredient adds: {table_title(panel, info)}")
    return Group(title, table, *(Text(line, style="dim") for line in notes))


def effect_notes(rows: Sequence[EffectRow]) -> list[str]:
    """Say which cells had no partner, what is shown to do nothing, and what a point costs."""
    return [*_unmatched(rows), *_equivalent(rows), *_priced(rows)]


def contrast_name(row: EffectRow) -> str:
    """Name the ingredient of a row, with its levels where they are not off and on."""
    return name_contrast(row.contrast)


def points(estimate: Estimate) -> str:
    """Write a difference of rates in percentage points with its interval."""
    if estimate.value is None:
        return f"- ({estimate.reason})"
    text = f"{100 * estimate.value:+.1f}"
    if estimate.low is None or estimate.high is None:
        return f"{text} ({estimate.reason})"
    return f"{text} [{100 * estimate.low:+.1f}, {100 * estimate.high:+.1f}]"


def p_text(p_value: float | None) -> str:
    """Write a p-value; a dash where there was no test."""
    if p_value is None:
        return "-"
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _unmatched(rows: Sequence[EffectRow]) -> list[str]:
    alone = {contrast_name(row): row.contrast.unmatched for row in rows if row.contrast.unmatched}
    return [f"{name}: without a partner, so not used: {', '.join(cells)}." for name, cells in alone.items()]


def _equivalent(rows: Sequence[EffectRow]) -> list[str]:
    """Name what is shown to do nothing: a claim of its own, uncorrected, at 5 %."""
    shown = [f"{contrast_name(row)} on {row.measure}" for row in rows if row.equivalence.shown]
    if not shown:
        return []
    margin = f"{100 * rows[0].equivalence.margin:g}"
    return [f"Shown to change less than {margin} points (two one-sided tests): {', '.join(shown)}."]


def _priced(rows: Sequence[EffectRow]) -> list[str]:
    """Tell what a point of accuracy costs where points are gained beyond chance."""
    told = []
    for row in rows:
        prices = {unit: price.per_point.value for unit, price in row.prices.items()}
        known = [f"{value:.2g} {unit}" for unit, value in prices.items() if value is not None]
        told += [f"{contrast_name(row)} {', '.join(known)}"] if known else []
    return [f"Price of a point of accuracy, an item: {'; '.join(told)} (intervals: effects.csv)."] if told else []
