"""The row of a baseline beside the models: how well its scores rank the items, and nothing about claims."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.measures import CellResult
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.score_source import NO_CLAIMS
from vlm_eval.reports.tables import break_name, heading_text, plain_table, table_title, with_interval


def baseline_table(panel: Panel, results: Sequence[CellResult], info: ReportInfo) -> RenderableType:
    """Draw one row for all cells with the same numbers, as words do not reach a baseline."""
    table = plain_table()
    table.add_column("cell", overflow="fold")
    told = ["auroc", "aupr"] + ["words"] * any(one.measures["words"].value is not None for one in results)
    for heading in ("n", "AUROC", "AUPR", "words")[: 1 + len(told)]:
        table.add_column(heading, justify="right" if heading == "n" else "left", no_wrap=True)
    rows: dict[tuple[str, ...], list[str]] = {}
    for result in results:
        found = [with_interval(result.measures[name]) for name in told]
        rows.setdefault((str(result.items), *found), []).append(result.cell)
    for numbers, cells in rows.items():
        name = break_name(cells[0]) if len(cells) == 1 else f"{len(cells)} cells, {break_name(cells[0])} first"
        table.add_row(Text(name), *numbers)
    reasons = dict.fromkeys(note for one in results if (note := one.measures["auroc"].reason))
    classes = f", mean over {len(panel.classes)} classes" if len(panel.classes) > 1 else ""
    source = next((result.score_source for result in results if result.score_source), "-")
    said = f"Percent [95 % interval]{classes}. Scores: {source}; {NO_CLAIMS}."
    notes = [said, *(f"AUROC: {reason}." for reason in reasons)]
    return Group(heading_text(table_title(panel, info)), table, *(Text(note, style="dim") for note in notes))
