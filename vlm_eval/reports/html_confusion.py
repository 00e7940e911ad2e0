"""Where each ask stands in the confusion matrices, so that a matrix opens on the items behind it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from vlm_eval.metrics.confusion import ANOMALOUS, NORMAL, UNANSWERED, UNNAMED, Confusion, tabulate
from vlm_eval.reports.panel import Panel

UNMAPPED = "unmapped"
MOST_NAMES = 40
"""Columns beyond which a matrix is left to the CSV file."""
TITLES = {"verdict": "Verdict", "defect": "Defect type", "category": "Broad category"}


@dataclass(frozen=True, slots=True)
class Placed:
    """Row and column of every judged ask in the matrices of one kind, and the order of all rows and columns."""

    names: pd.DataFrame  # columns gold, claimed; index of the panel's asks
    rows: tuple[str, ...]
    columns: tuple[str, ...]

    def matrix(self, asks: pd.Index) -> Confusion:
        """Count some of the asks."""
        own = self.names.loc[self.names.index.intersection(asks)]
        return tabulate(list(own["gold"]), list(own["claimed"]), self.rows, self.columns)


def place(panel: Panel) -> Mapping[str, Placed]:
    """Place the judged asks of a panel in the matrices that the run can fill."""
    asks = panel.asks
    judged = asks[(asks["status"] == "answered") & asks["gold"].isin(("yes", "no"))]
    found = {"verdict": _verdicts(judged)}
    if asks.loc[asks["gold"] == "yes", "defect_type"].notna().any():
        claimable = [str(name) for name in asks["label"].dropna().unique()]
        found["defect"] = _names(judged, judged["defect_type"], judged["label"], UNNAMED, claimable)
    if "category" in judged and judged["category"].notna().any():
        found["category"] = _names(judged, judged["gold_category"], judged["category"], UNMAPPED, [])
    return found


def _verdicts(judged: pd.DataFrame) -> Placed:
    gold = judged["gold"].map({"yes": ANOMALOUS, "no": NORMAL})
    claimed = judged["verdict"].where(judged["verdict"].notna(), UNANSWERED)
    names = pd.DataFrame({"gold": gold, "claimed": claimed})
    return Placed(names, (ANOMALOUS, NORMAL), (ANOMALOUS, NORMAL, UNANSWERED))


def _names(judged: pd.DataFrame, gold: pd.Series, named: pd.Series, nameless: str, claimable: list[str]) -> Placed:
    """Place asks by the name of the anomaly; a claim of normality and no claim have columns of their own."""
    rows = gold.where(gold.notna(), ANOMALOUS).astype(str).where(judged["gold"] == "yes", NORMAL)
    known = named.where(named.notna() & (named != NORMAL), nameless).astype(str)
    columns = known.where(judged["verdict"] != "normal", NORMAL).where(judged["verdict"].notna(), UNANSWERED)
    types = sorted({*rows} - {NORMAL})
    extra = sorted({*columns, *claimable} - {*types, NORMAL, nameless, UNANSWERED})
    names = pd.DataFrame({"gold": rows, "claimed": columns})
    return Placed(names, (*types, NORMAL), (*types, *extra, NORMAL, nameless, UNANSWERED))


@dataclass(frozen=True, slots=True)
class Tile:
    """One cell of a matrix as the page shows it."""

    row: str
    column: str
    count: int
    shade: int  # 0 to 10, by the share of the row
    colour: str  # right, wrong, apart


@dataclass(frozen=True, slots=True)
class Matrix:
    """A confusion matrix as the page shows it."""

    kind: str
    cell: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[Tile, ...]], ...]  # name, total, tiles


def drawn_matrix(kind: str, cell: str, confusion: Confusion) -> Matrix:
    """Shade a matrix by the share of its rows."""
    rows = []
    for name, counts in zip(confusion.rows, confusion.counts, strict=True):
        total = int(counts.sum())
        tiles = tuple(
            Tile(name, column, int(count), round(10 * int(count) / max(total, 1)), _colour(name, column))
            for column, count in zip(confusion.columns, counts, strict=True)
        )
        rows.append((name, total, tiles))
    return Matrix(kind, cell, confusion.columns, tuple(rows))


def _colour(row: str, column: str) -> str:
    if column in (UNANSWERED, UNNAMED, UNMAPPED):
        return "apart"
    return "right" if row == column else "wrong"
