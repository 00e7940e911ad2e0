"""The CSV files of a report: every number, with the reason where there is none."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vlm_eval.flow import Scalar
from vlm_eval.metrics.confusion import Confusion
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.reports.effects import EffectRow
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.ledger import Ledger
from vlm_eval.reports.measures import CellResult
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.published import published_fields

Row = Mapping[str, Scalar]


def write_rows(path: Path, rows: Iterable[Row]) -> Path:
    """Write rows as CSV in UTF-8; None becomes an empty field."""
    pd.DataFrame(list(rows)).to_csv(path, index=False, encoding="utf-8", lineterminator="\n")
    return path


def safe_name(name: str, taken: set[str]) -> str:
    """Turn any name into a file name that is not taken yet, and take it. At most 84 characters."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "model"
    candidate, number = plain, 2
    while candidate.lower() in taken:
        candidate, number = f"{plain}-{number}", number + 1
    taken.add(candidate.lower())
    return candidate


def ablation_rows(panel: Panel, results: Sequence[CellResult], info: ReportInfo) -> list[Row]:
    """List one row a cell: its ingredients, n, clusters, and each measure with low, high and reason."""
    settings = dict(info.get("cells", ()))
    rows: list[Row] = []
    for result in results:
        row: dict[str, Scalar] = {"model": panel.model, "dataset": panel.card, "cell": result.cell}
        row |= {f"ingredient_{name}": level for name, level in settings.get(result.cell, {}).items()}
        row |= {"items": result.items, "clusters": result.measures["accuracy"].clusters}
        for name, estimate in result.measures.items():
            row |= fields_of(name, estimate)
        row["score_source"] = result.score_source if result.measures["auroc"].value is not None else None
        rows.append(row | published_fields(row, info.get("published", ())))
    return rows


def fields_of(name: str, estimate: Estimate) -> dict[str, Scalar]:
    """Return the columns of an estimate: value, limits and the reason where one is lacking."""
    fields: dict[str, Scalar] = {name: _rounded(estimate.value)}
    if name not in ("prevalence", "f1_max", "aupr_pooled", "calibration_error"):
        fields |= {f"{name}_low": _rounded(estimate.low), f"{name}_high": _rounded(estimate.high)}
    if name.startswith(("auroc", "aupr")):
        fields[f"{name}_items"] = estimate.items
    return fields | {f"{name}_note": estimate.reason}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _significant(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def effect_table_rows(panel: Panel, rows: Sequence[EffectRow]) -> list[Row]:
    """List one row an effect: levels, difference with interval, p-values, test and what it rests on."""
    return [_effect_row(panel, row) for row in rows]


def _effect_row(panel: Panel, row: EffectRow) -> Row:
    line: dict[str, Scalar] = {
        "model": panel.model,
        "dataset": panel.card,
        "ingredient": row.contrast.ingredient,
        "baseline": str(row.contrast.baseline),
        "level": str(row.contrast.level),
        "measure": row.measure,
        "difference": _rounded(row.effect.difference.value),
        "low": _rounded(row.effect.difference.low),
        "high": _rounded(row.effect.difference.high),
        "p": _significant(row.effect.p_value),
        "p_holm": _significant(row.adjusted_p),
        "test": row.effect.test,
        "log_odds": _rounded(row.log_odds.value),
        "log_odds_low": _rounded(row.log_odds.low),
        "log_odds_high": _rounded(row.log_odds.high),
        "log_odds_note": row.log_odds.reason,
        "margin": row.equivalence.margin,
        "p_equivalence": _significant(row.equivalence.p_value),
        "equivalent": row.equivalence.shown,
    }
    for unit, price in row.prices.items():
        line[f"extra_{unit}"] = _significant(price.extra)
        line[f"{unit}_per_point"] = _significant(price.per_point.value)
        line[f"{unit}_per_point_low"] = _significant(price.per_point.low)
        line[f"{unit}_per_point_high"] = _significant(price.per_point.high)
        line[f"{unit}_per_point_note"] = price.per_point.reason
    return line | {
        "pairs": len(row.contrast.pairs),
        "items": row.effect.difference.items,
        "clusters": row.effect.difference.clusters,
        "note": row.effect.difference.reason,
        "cells_without_partner": " ".join(row.contrast.unmatched) or None,
    }


def confusion_rows(panel: Panel, cell: str, confusion: Confusion) -> list[Row]:
    """List one row a pair of gold and claim, zeros included."""
    return [
        {
            "model": panel.model,
            "dataset": panel.card,
            "cell": cell,
            "gold": gold,
            "claimed": claimed,
            "asks": int(n),
        }
        for gold, counts in zip(confusion.rows, confusion.counts, strict=True)
        for claimed, n in zip(confusion.columns, counts, strict=True)
    ]


def write_items(path: Path, frame: pd.DataFrame) -> Path:
    """Write every ask with gold, claim, and whether it is right: empty where nothing can be said.

    An answer without a claim is wrong, as in the headline; failed and open asks and unknown gold stay empty.
    """
    claim = frame["verdict"].map({"anomalous": "yes", "normal": "no"})
    judged = (frame["status"] == "answered") & frame["gold"].isin(("yes", "no"))
    right = np.where(judged, np.where(claim == frame["gold"], "right", "wrong"), "")
    position = int(frame.columns.get_indexer(pd.Index(["gold"]))[0]) + 1
    table = frame.copy(deep=False)
    table.insert(position, "right", right)
    table.insert(position, "claim", frame["verdict"])
    if "metadata" in table:
        table["metadata"] = [
            json.dumps(dict(value)) if isinstance(value, Mapping) else value for value in table["metadata"]
        ]
    table.drop(columns="verdict").to_csv(path, index=False, encoding="utf-8", lineterminator="\n")
    return path


def ledger_rows(panel: Panel, ledger: Ledger) -> list[Row]:
    """List one row a cell and outcome that occurred."""
    return [
        {"model": panel.model, "dataset": panel.card, "cell": cell, "outcome": outcome, "asks": count}
        for cell, counts in ledger.rows
        for outcome, count in zip(ledger.columns, counts, strict=True)
        if count
    ]


def class_ledger_rows(panel: Panel, counts: Sequence[tuple[tuple[str, str, str, str], int]]) -> list[Row]:
    """List one row a cell, object class, gold and outcome that occurred."""
    names = ("cell", "object_class", "gold", "outcome")
    place: dict[str, Scalar] = {"model": panel.model, "dataset": panel.card}
    return [place | dict(zip(names, key, strict=True)) | {"asks": asks} for key, asks in counts]
