"""The probe table for the terminal: what each control changes, and what that shows in words."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.metrics.estimate import Estimate
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.probes import ProbeRow
from vlm_eval.reports.tables import heading_text, plain_table, table_title, with_interval

_SUMMARY = {"blank": "without the picture", "class-only": "with the class noun alone"}


def probes_table(panel: Panel, rows: Sequence[ProbeRow], info: ReportInfo) -> RenderableType:
    """Draw what the probes change in percentage points, and under it a line of words for each."""
    table = plain_table()
    for heading in ("probe", "changed %", "recall", "overkill", "AUROC"):
        table.add_column(heading, justify="left", overflow="fold")
    for row in rows:
        change = row.change
        told = (change.recall.difference, change.overkill.difference, change.auroc)
        table.add_row(row.probe, with_interval(change.flips.difference), *map(change_points, told))
    margin = f"{100 * rows[0].change.few_flips.margin:g}"
    bases = dict.fromkeys(row.base for row in rows)
    note = (
        f"Against the same items in {', '.join(bases)}; points with 95 % intervals. 'Worse' is shown by the"
        " balanced accuracy (p corrected by Holm over these probes); 'the same' is shown where fewer than"
        f" {margin} % of the answers change, 'no worse' where the balanced accuracy changes by less than {margin}"
        " points (two one-sided tests). Numbers: probes.csv."
    )
    title = heading_text(f"Does it look, does it read? {table_title(panel, info)}")
    lines = [Text.assemble((f"{row.probe}: ", "bold"), row.finding.words) for row in rows]
    return Group(title, table, *lines, Text(note, style="dim"))


def summary_note(rows: Sequence[ProbeRow]) -> str | None:
    """Tell what the model scores without seeing anything, where that was asked."""
    told = []
    for row in rows:
        if row.probe in _SUMMARY:
            auroc = row.scores["auroc"]
            score = "" if auroc.value is None else f", AUROC {with_interval(auroc)}"
            told.append(f"{_SUMMARY[row.probe]} accuracy {with_interval(row.scores['accuracy'])}{score}")
    return f"What it scores blindly: {'; '.join(told)} (probes.csv)." if told else None


def change_points(change: Estimate) -> str:
    """Write a change in whole points; why there is none, or no interval, stands in probes.csv."""
    if change.value is None:
        return "-"
    value = f"{100 * change.value:+.0f}"
    if change.low is None or change.high is None:
        return value
    return f"{value} [{100 * change.low:+.0f}, {100 * change.high:+.0f}]"
