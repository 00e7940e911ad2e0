"""Numbers that others published, to stand beside ours."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from vlm_eval.errors import InputError
from vlm_eval.flow import Scalar
from vlm_eval.reports.measures import MEASURES
from vlm_eval.runs.recipe import PublishedFigure

KEYS = ("model", "dataset", "cell", "object_class")


def read_published(path: Path) -> list[Mapping[str, Scalar]]:
    """Read a CSV file of published numbers.

    Its columns: measure (such as accuracy or auroc) and value (a fraction in [0, 1]); and where they apply model,
    dataset, cell (empty: any), object_class (empty: all classes together, beside the cell) and source.

    Raises:
        InputError: the file cannot be read, lacks a column, or names a measure or value that cannot be.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as CSV: {error}") from error
    absent = {"measure", "value"} - set(table.columns)
    if absent:
        raise InputError(f"{path} lacks the columns {', '.join(sorted(absent))}; needed are measure and value.")
    unknown = sorted(set(table["measure"].astype(str)) - set(MEASURES))
    if unknown:
        raise InputError(f"{path}: unknown measures {', '.join(unknown)}. Known are {', '.join(MEASURES)}.")
    values = pd.to_numeric(table["value"], errors="coerce")
    if values.isna().any() or (values.abs() > 1).any():
        raise InputError(f"{path}: every value must be a fraction between 0 and 1 (0.734, not 73.4).")
    rows: list[Mapping[str, Scalar]] = []
    for record in table.astype(object).where(table.notna(), None).to_dict("records"):
        rows.append({str(name): value for name, value in record.items()})
    return rows


def as_figure(entry: Mapping[str, Scalar]) -> PublishedFigure:
    """Return a published number of the CSV file as a recipe would state it."""
    where = {key: entry[key] for key in KEYS if entry.get(key) is not None}
    return PublishedFigure(
        table="classes" if entry.get(KEYS[-1]) is not None else "ablation",
        column=str(entry["measure"]),
        where={key: value for key, value in where.items() if value is not None},
        value=float(str(entry["value"])),
        source=str(entry.get("source") or "not stated"),
    )


def published_fields(row: Mapping[str, Scalar], published: Sequence[Mapping[str, Scalar]]) -> dict[str, Scalar]:
    """Return the columns of the published numbers that a row of ours answers to; the last one that fits counts."""
    fields: dict[str, Scalar] = {}
    for entry in published:
        if any(entry.get(key) not in (None, row.get(key)) for key in KEYS[:-1]):
            continue
        if entry.get(KEYS[-1]) != row.get(KEYS[-1]):  # a number of a whole data set is none of each class
            continue
        measure, value = str(entry["measure"]), entry["value"]
        low, high = row.get(f"{measure}_low"), row.get(f"{measure}_high")
        fields[f"published_{measure}"] = value
        fields[f"published_{measure}_source"] = entry.get("source")
        known = isinstance(low, float) and isinstance(high, float) and isinstance(value, int | float)
        fields[f"published_{measure}_inside"] = low <= value <= high if known else None  # type: ignore[operator]
    return fields
