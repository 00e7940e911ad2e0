"""The terminal's smaller tables for a page: what the terminal tells, the page tells too, in the same words."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vlm_eval.flow import Scalar
from vlm_eval.reports import classes, cost, detection_table, human_rate, kinds
from vlm_eval.reports.html_text import minus
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.measures import CellResult
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.score_source import makes_no_claims
from vlm_eval.reports.tables import percent

MOST_ROWS = 200
"""Rows of one table on a page; the CSV files have all."""


@dataclass(frozen=True, slots=True)
class PlainTable:
    """A table of texts with a title and the sentences under it."""

    title: str
    headings: tuple[str, ...]
    numeric: tuple[bool, ...]  # by column: set to the right
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def plain_tables(renderables: Iterable[RenderableType | None]) -> Iterator[PlainTable]:
    """Turn tables of the terminal into tables of a page: one for each heading, with or without a table."""
    blocks: list[list[RenderableType]] = []
    for part in _parts(Group(*(one for one in renderables if one is not None))):
        if not blocks or (isinstance(part, Text) and part.style == "bold"):
            blocks.append([])
        blocks[-1].append(part)
    return map(_plain, blocks)


def _parts(renderable: RenderableType) -> Iterator[RenderableType]:
    if isinstance(renderable, Group):
        for part in renderable.renderables:
            yield from _parts(part)
    else:
        yield renderable


def _plain(parts: list[RenderableType]) -> PlainTable:
    title, *notes = [_text(part) for part in parts if not isinstance(part, Table)]
    found = PlainTable(title, (), (), (), tuple(note for note in notes if note))
    for table in (part for part in parts if isinstance(part, Table)):
        return _with_rows(found, table)
    return found


def _with_rows(found: PlainTable, table: Table) -> PlainTable:
    rows = list(zip(*([_text(cell) for cell in column.cells] for column in table.columns), strict=True))
    cut = f"The first {MOST_ROWS} of {len(rows):,} rows; the CSV files have all."
    return replace(
        found,
        headings=tuple(_text(column.header) for column in table.columns),
        numeric=tuple(column.justify == "right" for column in table.columns),
        rows=tuple(rows[:MOST_ROWS]),
        notes=(*found.notes, cut) if len(rows) > MOST_ROWS else found.notes,
    )


def _text(part: RenderableType) -> str:
    text = part.plain if isinstance(part, Text) else str(part)
    joined = re.sub(r"\n +(?=\+)", "", text)  # a name that was broken for the terminal
    return "–" if joined == "-" else minus(joined)


def panel_tables(panel: Panel, results: list[CellResult], info: ReportInfo) -> list[PlainTable]:
    """Return the smaller tables of one model on one data set: detection, people, clusters, cost."""
    told: dict[str, RenderableType | None] = {}
    if not makes_no_claims(panel.asks):
        rates = human_rate.human_rates(panel, info.get("human", ()))
        told["Detection, apart from the habit of saying yes"] = detection_table.detection_table(
            panel, results, info
        )
        told["As people read the answers"] = human_rate.human_table(panel, rates, info)
        told["Cluster by cluster"] = classes.cluster_table(panel, info)
    found = [
        replace(table, title=title)
        for title, one in told.items()
        if one is not None
        for table in plain_tables([one])
    ]
    return [*found, *_by_type(panel), *_cost(panel, info)]


def _by_type(panel: Panel) -> Iterator[PlainTable]:
    rows = list(kinds.type_rows(panel))
    measured = {"recall": "recall [95 %]", "auroc": "AUROC [95 %]"}
    shown = [name for name in measured if any(row.get(name) is not None for row in rows)]
    if not shown:
        return
    cut = f"The first {MOST_ROWS} of {len(rows):,} rows; by_defect_type.csv has all."
    yield PlainTable(
        title="By type of anomaly",
        headings=("cell", "type", "items", *(measured[name] for name in shown)),
        numeric=(False, False, True, *(True for _ in shown)),
        rows=tuple(
            (str(row["cell"]), str(row["defect_type"]), str(row["items"]), *(_limits(row, name) for name in shown))
            for row in rows[:MOST_ROWS]
        ),
        notes=(
            "In percent, over the items of all classes together. AUROC: the items of one type against all normal"
            " ones.",
            *([cut] if len(rows) > MOST_ROWS else []),
        ),
    )


def _limits(row: Mapping[str, Scalar], name: str) -> str:
    value, low, high = (row.get(f"{name}{end}") for end in ("", "_low", "_high"))
    if not isinstance(value, float):
        return "–"
    if not isinstance(low, float) or not isinstance(high, float):
        return percent(value)
    return f"{percent(value)} [{percent(low)}, {percent(high)}]"


_COST = {
    "answered": "answers",
    "failed": "failed",
    "open": "open",
    "seconds_p50": "s, p50",
    "seconds_p95": "s, p95",
    "seconds_mean": "s, mean",
    "prompt_tokens": "tokens in",
    "completion_tokens": "tokens out",
    "dollars": "$ / 1,000",
}


def _cost(panel: Panel, info: ReportInfo) -> Iterator[PlainTable]:
    rows = [row for row in cost.cost_rows(panel, info) if row["cell"] in (cost.ALL_CELLS, *panel.cells)]
    shown = [name for name in _COST if any(row[name] for row in rows)]
    if "seconds_p50" not in shown and "prompt_tokens" not in shown:
        return
    yield PlainTable(
        title="What an answer takes",
        headings=("cell", *(_COST[name] for name in shown)),
        numeric=(False, *(True for _ in shown)),
        rows=tuple((str(row["cell"]), *(_amount(row, name) for name in shown)) for row in rows),
        notes=(
            "Seconds as the backend measured them, of an answer; tokens and dollars are means. A failed or open"
            " question is counted and enters nothing else.",
        ),
    )


def _amount(row: Mapping[str, Scalar], name: str) -> str:
    value = row[name]
    if value is None or isinstance(value, str):
        return "–"
    if name == "dollars":
        return f"{1000 * value:.2f}"
    return f"{value:.3g}" if name.startswith("seconds") else f"{value:,.0f}"
