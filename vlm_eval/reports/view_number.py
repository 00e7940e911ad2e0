"""How often items are called anomalous by so many of their views: false alarms grow with the number of views."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.flow import Scalar
from vlm_eval.metrics.estimate import Estimate, FloatArray
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.metrics.sampling import sampling
from vlm_eval.metrics.view_number import alarm_chance
from vlm_eval.reports.files import fields_of
from vlm_eval.reports.panel import without_probes
from vlm_eval.reports.rounds import rounds_apart
from vlm_eval.reports.score_source import without_baselines
from vlm_eval.reports.tables import break_name, heading_text, percent, plain_table

_NEEDED = (
    *("sample_id", "repeat", "view", "status", "verdict", "anomaly_score"),
    *("gold", "object_class", "group"),
)
_MOST_SHOWN = 5  # numbers of views in the terminal


@dataclass(frozen=True, slots=True)
class ViewNumberRow:
    """One cell by so many views an item."""

    model: str
    card: str
    cell: str
    rule: str
    views: int
    alarms: Estimate  # normal items that are called anomalous
    found: Estimate  # anomalous items that are called so


@dataclass(frozen=True, slots=True)
class _Item:
    """An item with the chance that it is called anomalous by 1, 2 ... views, averaged over repeats."""

    gold: str
    object_class: str
    group: str
    chances: FloatArray


def view_number_rows(views: pd.DataFrame, rule: str) -> list[ViewNumberRow]:
    """Count alarms by 1 to all views of each item, over all choices of so many; baselines are left out.

    An item without an answer about each view is left out too. Of items with fewer views all of theirs are taken.

    Args:
        views: as `runs.frame.read_views` gives it.
        rule: of `runs.one_by_one.RULES`.
    """
    asks = rounds_apart(without_baselines(without_probes(views)))
    asks = asks[asks["gold"].isin(("yes", "no"))]
    rows: list[ViewNumberRow] = []
    for (model, card, cell), part in asks.groupby(["model", "card", "cell"], sort=False):
        most = int(part["view"].max()) + 1
        items = _chances(part, rule, most)
        for number in range(1, most + 1) if items else ():
            estimates = [_rate([one for one in items if one.gold == gold], number) for gold in ("no", "yes")]
            rows.append(ViewNumberRow(str(model), str(card), str(cell), rule, number, *estimates))
    return rows


def _chances(asks: pd.DataFrame, rule: str, most: int) -> list[_Item]:
    """Return the items with an answer about each view, in at least one repeat."""
    said: dict[str, dict[int, list[tuple[str | None, float]]]] = {}
    facts: dict[str, tuple[str, str, str]] = {}
    count: dict[str, int] = {}
    rows = zip(*(asks[column].tolist() for column in _NEEDED), strict=True)
    for name, repeat, view, status, claim, score, *known in rows:
        count[name] = max(count.get(name, 0), view + 1)
        facts[name] = (known[0], str(known[1]), str(known[2]))
        if status == "answered":
            one = said.setdefault(name, {}).setdefault(repeat, [])
            one.append((claim if isinstance(claim, str) else None, score))
    items = []
    for name, repeats in said.items():
        whole = [_by_number(views, rule, most) for views in repeats.values() if len(views) == count[name]]
        if whole:
            items.append(_Item(*facts[name], np.mean(whole, axis=0)))
    return items


def _by_number(views: Sequence[tuple[str | None, float]], rule: str, most: int) -> list[float]:
    claims, scores = [claim for claim, _ in views], [score for _, score in views]
    known = None if any(math.isnan(score) for score in scores) else scores
    return [alarm_chance(rule, claims, known, number) for number in range(1, most + 1)]


def _rate(items: Sequence[_Item], number: int) -> Estimate:
    classes = [item.object_class for item in items]
    parts = np.unique(classes, return_inverse=True)[1].astype(np.int64)
    values = np.array([item.chances[number - 1] for item in items], dtype=np.float64)
    return simple_rate(values, parts, sampling([item.group for item in items], classes))


def view_number_tables(rows: Sequence[ViewNumberRow]) -> Iterator[RenderableType]:
    """Draw one table a model and data set; none where no item has several views."""
    for model, card in dict.fromkeys((row.model, row.card) for row in rows):
        own = [row for row in rows if (row.model, row.card) == (model, card)]
        if max(row.views for row in own) > 1:
            yield _table(f"By number of views: {model} on {card}", own)


def _table(title: str, rows: Sequence[ViewNumberRow]) -> RenderableType:
    most = max(row.views for row in rows)
    shown = _some(most)
    table = plain_table()
    table.add_column("cell", overflow="fold")
    for number in shown:
        table.add_column(f"{number} of {most}", justify="right", no_wrap=True)
    for cell in dict.fromkeys(row.cell for row in rows):
        own = {row.views: row for row in rows if row.cell == cell}
        table.add_row(Text(break_name(cell)), *(_pair(own[number]) if number in own else "-" for number in shown))
    note = (
        f"Percent of normal items called anomalous / of anomalous items found, joined by {rows[0].rule!r}, mean "
        "over all choices of so many views; no claim is no alarm. Every number and interval: views.csv."
    )
    return Group(heading_text(title), table, Text(note, style="dim"))


def _pair(row: ViewNumberRow) -> str:
    values = (row.alarms.value, row.found.value)
    return " / ".join("-" if value is None else percent(value) for value in values)


def _some(most: int) -> list[int]:
    """Choose at most five numbers of views, the first and the last among them, evenly on a scale of ratios."""
    return sorted({round(number) for number in np.geomspace(1, most, min(most, _MOST_SHOWN))})


def view_number_file_rows(rows: Sequence[ViewNumberRow]) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row a cell and number of views for the CSV file."""
    for row in rows:
        yield {
            "model": row.model,
            "dataset": row.card,
            "cell": row.cell,
            "rule": row.rule,
            "views": row.views,
            **fields_of("false_alarms", row.alarms),
            "normal_items": row.alarms.items,
            **fields_of("found", row.found),
            "anomalous_items": row.found.items,
        }
