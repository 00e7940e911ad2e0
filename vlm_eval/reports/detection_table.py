"""The second table: detection apart from the habit of saying yes, and what answers without a claim may hide."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.metrics.detection import DEFECT_RATE
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.measures import CellResult
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.tables import break_name, heading_text, percent, plain_table, table_title

_BOUNDS = {"accuracy_if_anomalous": "if yes", "accuracy_if_normal": "if no", "accuracy_answered": "answ."}


def detection_table(panel: Panel, results: Sequence[CellResult], info: ReportInfo) -> RenderableType | None:
    """Draw d', criterion and precision at the defect rate; with the bounds where an answer makes no claim.

    None where nothing of this is defined.
    """
    if all(result.measures["d_prime"].value is None for result in results):
        return None
    silent = any((result.measures["coverage"].value or 0.0) < 1 for result in results)
    rate = info.get("defect_rate", DEFECT_RATE)
    table = plain_table()
    table.add_column("cell", overflow="fold")
    for heading in ("d'", "c", f"prec. at {100 * rate:g} %", *(_BOUNDS.values() if silent else ())):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        found = result.measures
        signal = [_decimal(found[name]) for name in ("d_prime", "criterion")]
        bounds = [_percent(found[name]) for name in _BOUNDS] if silent else []
        table.add_row(Text(break_name(result.cell)), *signal, _percent(found["precision_at_defect_rate"]), *bounds)
    note = (
        "d': 0 is chance; c: negative says yes too easily. prec.: how many alarms are real if"
        f" {100 * rate:g} % of the items are anomalous. Intervals: ablation.csv."
    )
    if silent:
        note += " if yes, if no: accuracy if every answer without a claim had claimed so; answ.: without them."
    title = heading_text(f"Detection: {table_title(panel, info)}")
    return Group(title, table, Text(note, style="dim"))


def _decimal(estimate: Estimate) -> str:
    return "-" if estimate.value is None else f"{round(estimate.value, 2) + 0.0:.2f}"


def _percent(estimate: Estimate) -> str:
    return "-" if estimate.value is None else percent(estimate.value)
