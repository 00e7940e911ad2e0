"""The measures of every object class by itself, and of every cluster where there are few."""

from collections.abc import Iterator, Mapping

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.flow import Scalar
from vlm_eval.metrics.estimate import BoolArray, Estimate, FloatArray, undefined
from vlm_eval.metrics.jackknife import macro_auroc
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.reports.effects import measured_on, outcome
from vlm_eval.reports.files import fields_of
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.measures import refused
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.published import published_fields
from vlm_eval.reports.score_source import NO_CLAIMS, makes_no_claims
from vlm_eval.reports.tables import break_name, heading_text, percent, plain_table, table_title

_OF_CLAIMS = ("recall", "overkill", "accuracy", "yes_rate", "words")
FEW_CLUSTERS = 10
"""Number of clusters under which the value of each one is printed."""


def class_rows(panel: Panel, info: ReportInfo) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row a cell and object class, with published numbers beside it where there are any."""
    published = info.get("published", ())
    for cell in panel.cells:
        for code, name in enumerate(panel.classes):
            row = _class_row(panel, cell, panel.class_of_item == code)
            place: dict[str, Scalar] = {"model": panel.model, "dataset": panel.card, "cell": cell}
            row = place | {"object_class": name} | row
            yield row | published_fields(row, published)


def _class_row(panel: Panel, cell: str, inside: BoolArray) -> dict[str, Scalar]:
    arrays = panel.cells[cell]
    answered = inside & arrays.answered
    row: dict[str, Scalar] = {
        "items": int(answered.sum()),
        "anomalous": int((answered & (panel.gold == 1)).sum()),
        "no_claim": float(np.sum(1 - arrays.yes[answered] - arrays.no[answered])),
    }
    for measure, (keep, wrong) in measured_on(panel).items():
        row |= fields_of(measure, _rate(panel, outcome(panel, cell, wrong), answered & keep))
    row |= fields_of("yes_rate", _rate(panel, arrays.yes, answered))
    row |= fields_of("words", _rate(panel, arrays.words, answered))
    if makes_no_claims(panel.asks):
        row |= {name: value for one in _OF_CLAIMS for name, value in fields_of(one, undefined(NO_CLAIMS)).items()}
    scored = inside & ~np.isnan(arrays.score)
    if scored.any() and refused(arrays, scored) is None:
        part = np.zeros(int(scored.sum()), dtype=np.int64)
        area = macro_auroc(panel.gold[scored], arrays.score[scored], part, panel.drawn.subset(scored))
        row |= fields_of("auroc", area)
    return row


def _rate(panel: Panel, values: FloatArray, keep: BoolArray) -> Estimate:
    return simple_rate(values[keep], np.zeros(int(keep.sum()), dtype=np.int64), panel.drawn.subset(keep))


def cluster_values(panel: Panel, cell: str) -> FloatArray:
    """Return the share of right items of each cluster, NaN where none has an answer."""
    right = outcome(panel, cell, wrong=False)
    known = ~np.isnan(right)
    sizes = panel.drawn.totals(known.astype(np.float64))
    sums = panel.drawn.totals(np.where(known, right, 0.0))
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)


def cluster_table(panel: Panel, info: ReportInfo) -> RenderableType | None:
    """Draw the accuracy of every cluster where there are fewer than ten; None where there are more."""
    if not 0 < panel.drawn.clusters < FEW_CLUSTERS or panel.drawn.clusters == panel.gold.size:
        return None
    table = plain_table()
    table.add_column("cell", overflow="fold")
    for number in range(1, panel.drawn.clusters + 1):
        table.add_column(str(number), justify="right", no_wrap=True)
    for cell in panel.cells:
        values = [None if np.isnan(value) else float(value) for value in cluster_values(panel, cell)]
        table.add_row(Text(break_name(cell)), *("-" if value is None else percent(value) for value in values))
    names = "; ".join(f"{number}: {name}" for number, name in enumerate(panel.groups, 1))
    note = f"Accuracy in percent. With so few clusters look at each of them. {names}."
    title = heading_text(f"Cluster by cluster: {table_title(panel, info)}")
    return Group(title, table, Text(note, style="dim"))


def cluster_rows(panel: Panel) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row a cell and cluster where there are fewer than ten clusters."""
    if not 0 < panel.drawn.clusters < FEW_CLUSTERS:
        return
    sizes = np.bincount(panel.drawn.cluster_of_item, minlength=panel.drawn.clusters)
    for cell in panel.cells:
        for name, size, value in zip(panel.groups, sizes, cluster_values(panel, cell), strict=True):
            place = {"model": panel.model, "dataset": panel.card, "cell": cell, "cluster": name}
            yield place | {"items": int(size), "accuracy": None if np.isnan(value) else round(float(value), 6)}
