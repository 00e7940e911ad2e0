"""A report in further formats: tables for machines and for papers, figures as SVG and PDF, items as a dataset."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd
from matplotlib.figure import Figure

from vlm_eval.errors import ExperimentError, MissingExtraError
from vlm_eval.metrics.detection import DEFECT_RATE
from vlm_eval.reports import files
from vlm_eval.reports.bounds import MOST_DRAWN, best_cells
from vlm_eval.reports.confusion_figure import confusion_figure, drawable
from vlm_eval.reports.figures import ablation_figure, save
from vlm_eval.reports.html_confusion import place
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.measures import CellResult, measure
from vlm_eval.reports.panel import Panel, read_panels
from vlm_eval.reports.run_info import read_info
from vlm_eval.runs.frame import read_frame

FORMATS = ("csv", "parquet", "json", "md", "latex", "png", "svg", "pdf", "dataset")
MOST_PRINTED = 1000
"""Rows of a table in Markdown and LaTeX, which are for reading."""


def check_formats(text: str) -> list[str]:
    """Split a list of formats at its commas. Raises ExperimentError for one that is not known."""
    wanted = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in FORMATS]
    if unknown:
        raise ExperimentError(f"--format {unknown[0]!r} is not known. Allowed: {', '.join(FORMATS)}.")
    return list(dict.fromkeys(wanted))


def export(run: Path, folder: Path, formats: Sequence[str], extra: dict[str, Any] | None = None) -> list[Path]:
    """Write the CSV tables and the figures of a report in further formats, beside them; csv and png are there.

    Args:
        run: the run folder.
        folder: where `write_report` wrote.
        formats: some of FORMATS.
        extra: entries of ReportInfo that the report was made with.

    Raises:
        MissingExtraError: `dataset` without the package datasets.
    """
    written = []
    for path in sorted(folder.glob("*.csv")):
        table = pd.read_csv(path, low_memory=False)
        written += [_TABLES[name](table, path) for name in formats if name in _TABLES]
    figures = [name for name in formats if name in ("svg", "pdf")]
    if figures:
        written += _figures(run, folder, figures, extra or {})
    if "dataset" in formats:
        written.append(_dataset(read_frame(run, join=(extra or {}).get("join")), folder / "dataset"))
    return written


def _parquet(table: pd.DataFrame, path: Path) -> Path:
    target = path.with_suffix(".parquet")
    table.to_parquet(target, index=False)
    return target


def _json(table: pd.DataFrame, path: Path) -> Path:
    target = path.with_suffix(".json")
    table.to_json(target, orient="records", force_ascii=False, indent=1)
    return target


def _markdown(table: pd.DataFrame, path: Path) -> Path:
    shown = _printed(table)
    lines = [list(shown.columns), ["---"] * len(shown.columns), *shown.to_numpy().tolist()]
    text = "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)
    target = path.with_suffix(".md")
    target.write_text(f"{text}\n{_cut(table, path)}", encoding="utf-8")
    return target


def _cell(value: object) -> str:
    text = " ".join(str(value).split())
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _latex(table: pd.DataFrame, path: Path) -> Path:
    shown = _printed(table)
    styler = shown.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis="columns")
    target = path.with_suffix(".tex")
    text = styler.to_latex(hrules=True, environment="longtable" if len(shown) > 40 else None)
    target.write_text(f"% needs \\usepackage{{booktabs, longtable}}\n{text}", encoding="utf-8")
    return target


def _printed(table: pd.DataFrame) -> pd.DataFrame:
    """Return what can be printed: short numbers, limits behind their value, no notes, no empty columns.

    Of the many measures of a cell the headline ones stay.
    """
    shown = table.head(MOST_PRINTED).dropna(axis="columns", how="all")
    names = [str(name) for name in shown.columns]
    if "accuracy_if_anomalous" in names:
        names = [name for name in names if name.removesuffix("_low").removesuffix("_high") in _HEADLINE]
    printed = {}
    for name in names:
        low, high = _limits(name)
        if name.endswith(("_low", "_high", "_note")) or name in ("low", "high"):
            continue
        values = [_short(value) for value in shown[name]]
        if low in names and high in names:
            bounds = zip(map(_short, shown[low]), map(_short, shown[high]), strict=True)
            limits = [f" [{one}, {other}]" if one and other else "" for one, other in bounds]
            values = [value + limit for value, limit in zip(values, limits, strict=True)]
        printed[name] = values
    return pd.DataFrame(printed)


_HEADLINE = frozenset(
    (
        "model",
        "dataset",
        "cell",
        "items",
        "coverage",
        "accuracy",
        "balanced_accuracy",
        "recall",
        "overkill",
        "auroc",
    )
)


def _limits(name: str) -> tuple[str, str]:
    return ("low", "high") if name == "difference" else (f"{name}_low", f"{name}_high")


def _short(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.3g}"
    return str(value)


def _cut(table: pd.DataFrame, path: Path) -> str:
    return (
        f"\nThe first {MOST_PRINTED} of {len(table)} rows of {path.name}.\n" if len(table) > MOST_PRINTED else ""
    )


_TABLES: dict[str, Callable[[pd.DataFrame, Path], Path]] = {
    "parquet": _parquet,
    "json": _json,
    "md": _markdown,
    "latex": _latex,
}


def _figures(run: Path, folder: Path, formats: Sequence[str], extra: dict[str, Any]) -> list[Path]:
    info = cast(ReportInfo, {**read_info(run, extra.get("join")), **extra})
    panels = read_panels(read_frame(run, join=extra.get("join")), [name for name, _ in info.get("cells", ())])
    taken: set[str] = set()
    written = []
    for card in dict.fromkeys(panel.card for panel in panels):
        own = [panel for panel in panels if panel.card == card]
        figure = ablation_figure(_title(card, info), {panel.model: _results(panel, info) for panel in own})
        written += _save(figure, folder, files.safe_name(f"ablation_{card}", taken), formats)
    for panel in panels:
        about = f"{panel.model} on {_title(panel.card, info)}"
        for kind, placed in place(panel).items():
            matrices = {cell: placed.matrix(asks.index) for cell, asks in panel.asks.groupby("cell", sort=False)}
            ordered = {cell: matrices[cell] for cell in panel.cells if cell in matrices}
            if drawable(ordered):
                name = files.safe_name(f"confusion_{kind}_{panel.model}_{panel.card}", taken)
                written += _save(confusion_figure(about, ordered), folder, name, formats)
    return written


def _results(panel: Panel, info: ReportInfo) -> list[CellResult]:
    rate = info.get("defect_rate", DEFECT_RATE)
    return [measure(panel, cell, rate) for cell in best_cells(panel, MOST_DRAWN)]


def _title(card: str, info: ReportInfo) -> str:
    return info.get("datasets", {}).get(card, card)


def _save(figure: Figure, folder: Path, name: str, formats: Sequence[str]) -> list[Path]:
    return [save(figure, folder / f"{name}.{suffix}") for suffix in formats]


def _dataset(frame: pd.DataFrame, folder: Path) -> Path:
    try:
        from datasets import (
            Dataset,
            are_progress_bars_disabled,
            disable_progress_bars,
            enable_progress_bars,
        )
    except ImportError as error:
        raise MissingExtraError("datasets", "hf", "--format dataset") from error
    table = frame.copy(deep=False)
    table["metadata"] = [str(value) for value in table["metadata"]]
    quiet = are_progress_bars_disabled()
    disable_progress_bars()  # of one second, in the middle of tables that may go into a file
    try:
        Dataset.from_pandas(table, preserve_index=False).save_to_disk(str(folder))
    finally:
        if not quiet:
            enable_progress_bars()
    return folder
