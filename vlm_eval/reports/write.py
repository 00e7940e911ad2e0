"""The report of a run: tables on the console, CSV files and figures in a folder. Reads the frame alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.text import Text

from vlm_eval.metrics.confusion import NORMAL, Confusion, defect_confusion, verdict_confusion
from vlm_eval.metrics.counts import NO_CLAIM
from vlm_eval.metrics.detection import DEFECT_RATE
from vlm_eval.metrics.estimate import IntArray
from vlm_eval.reports import files, ledger, more_files, tables
from vlm_eval.reports.baseline import baseline_table
from vlm_eval.reports.bounds import (
    MOST_DRAWN,
    MOST_FILED,
    MOST_PRINTED,
    best_cells,
    bounded_note,
    of_cells,
    with_cells,
)
from vlm_eval.reports.classes import cluster_table
from vlm_eval.reports.confusion_figure import MOST_TYPES, confusion_figure, drawable
from vlm_eval.reports.detection_table import detection_table
from vlm_eval.reports.effects import EffectRow, effect_rows
from vlm_eval.reports.effects_table import effects_table
from vlm_eval.reports.figures import ablation_figure, save
from vlm_eval.reports.human_rate import human_table
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.measures import CellResult, measure
from vlm_eval.reports.models import Comparison, compare_models, model_table_rows, models_table
from vlm_eval.reports.panel import Panel, read_panels
from vlm_eval.reports.probes import ProbeRow, probe_panels, probe_rows, probe_table_rows
from vlm_eval.reports.probes_table import probes_table, summary_note
from vlm_eval.reports.score_source import makes_no_claims

UNTYPED = "anomalous"
"""Row of the anomalous items whose defect type the data set does not tell."""


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where the files of a report are. No figure of a kind is drawn where there is nothing to show."""

    folder: Path
    ablation: Path
    effects: Path | None  # None where no two cells differ in one ingredient
    items: Path
    confusions: tuple[Path, ...]  # CSV
    figures: tuple[Path, ...]  # PNG
    more: tuple[Path, ...] = ()  # CSV: by class, choice, operating points and others that have rows


@dataclass(frozen=True, slots=True)
class _Part:
    """What a report says of one model on one dataset."""

    panel: Panel
    results: list[CellResult]
    effects: list[EffectRow]
    verdicts: dict[str, Confusion]
    defects: dict[str, Confusion]
    more: more_files.More


def write_report(frame: pd.DataFrame, folder: Path, *, info: ReportInfo, console: Console) -> ReportFiles:
    """Print the tables of a run and write its files.

    Args:
        frame: as `runs.frame.read_frame` gives it: one row an ask.
        folder: where the files go; it is made where absent, and files of the same names are replaced.
        info: the words around the numbers, and the ingredients of each cell.
        console: where the tables go; its width decides which columns are shown.

    Raises:
        InputError: the frame holds no asks or lacks columns.
    """
    order = [name for name, _ in info.get("cells", ())]
    parts = [_part(panel, info) for panel in read_panels(frame, order)]
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        _print(part, info, console)
    probed = [(panel, probe_rows(panel, info)) for panel in probe_panels(frame)]
    _print_probes(probed, info, console)
    compared = compare_models(frame, info)
    for comparison in compared:
        console.print()
        console.print(models_table(comparison, info))
    tables.print_lines(console, info, [part.panel for part in parts])
    written = _write(parts, compared, frame, folder, info)
    return replace(written, more=(*written.more, *_write_probes(probed, folder)))


def _print_probes(probed: Sequence[tuple[Panel, list[ProbeRow]]], info: ReportInfo, console: Console) -> None:
    for panel, rows in probed:
        if rows:
            console.print()
            console.print(probes_table(panel, rows, info))
        if note := summary_note(rows):
            console.print(Text(note, style="bold"))


def _write_probes(probed: Sequence[tuple[Panel, list[ProbeRow]]], folder: Path) -> tuple[Path, ...]:
    path = folder / "probes.csv"
    path.unlink(missing_ok=True)
    rows = [row for panel, own in probed for row in probe_table_rows(panel, own)]
    return (files.write_rows(path, rows),) if rows else ()


def _part(panel: Panel, info: ReportInfo) -> _Part:
    anomalous = panel.asks.loc[panel.asks["gold"] == "yes", "defect_type"]
    types = sorted({str(name) for name in anomalous.dropna().unique()})
    claimable = sorted({str(name) for name in panel.asks["label"].dropna().unique()})
    verdicts, defects = {}, {}
    silent = makes_no_claims(panel.asks)
    for cell, asks in () if silent else _judged(panel):
        claim = _claims(asks)
        gold = (asks["gold"] == "yes").to_numpy().astype(np.int64)
        verdicts[cell] = verdict_confusion(gold, claim)
        if types:
            own = asks["defect_type"].where(asks["defect_type"].notna(), UNTYPED).where(gold == 1, NORMAL)
            named = [name if isinstance(name, str) else None for name in asks["label"]]
            defects[cell] = defect_confusion([str(name) for name in own], named, claim, types, claimable)
    results = [measure(panel, cell, info.get("defect_rate", DEFECT_RATE)) for cell in panel.cells]
    more = more_files.read_more(panel, info)
    return _Part(panel, results, [] if silent else effect_rows(panel, info), verdicts, defects, more)


def _judged(panel: Panel) -> list[tuple[str, pd.DataFrame]]:
    known = (panel.asks["status"] == "answered") & panel.asks["gold"].isin(("yes", "no"))
    judged = panel.asks.loc[
        known, ["cell", "gold", "defect_type", "label", "verdict"]
    ]  # a copy: of no more than that
    groups = {str(cell): asks for cell, asks in judged.groupby("cell", sort=False)}
    return [(cell, groups[cell]) for cell in panel.cells if cell in groups]


def _claims(asks: pd.DataFrame) -> IntArray:
    codes = asks["verdict"].map({"anomalous": 1, "normal": 0})
    return codes.where(codes.notna(), NO_CLAIM).to_numpy().astype(np.int64)


def _print(part: _Part, info: ReportInfo, console: Console) -> None:
    console.print()
    if makes_no_claims(part.panel.asks):
        console.print(baseline_table(part.panel, part.results, info))
        return
    shown = best_cells(part.panel, MOST_PRINTED)
    panel, results = with_cells(part.panel, shown), of_cells(part.results, shown)
    console.print(tables.ablation_table(panel, results, info, console.width))
    if note := bounded_note(part.panel, shown):
        console.print(Text(note, style="bold"))
    for table in (
        detection_table(panel, results, info),
        human_table(part.panel, part.more.human[:MOST_PRINTED], info),
        cluster_table(panel, info),
    ):
        if table is not None:
            console.print()
            console.print(table)
    if part.effects:
        console.print()
        console.print(effects_table(part.panel, part.effects[:MOST_PRINTED], info))
    else:
        console.print(
            Text("No two cells differ in one ingredient alone: there is no effect to tell.", style="dim")
        )
    for note in more_files.notes_of(part.panel, part.more, info):
        console.print(Text(note, style="dim"))
    if part.defects and not drawable(part.defects):
        note = f"More than {MOST_TYPES} defect types: no confusion figure is drawn, confusion_defect.csv has all."
        console.print(Text(note, style="dim"))
    console.print()
    console.print(ledger.ledger_table(part.panel, ledger.read_ledger(part.panel), console.width))


def _write(
    parts: Sequence[_Part], compared: Sequence[Comparison], frame: pd.DataFrame, folder: Path, info: ReportInfo
) -> ReportFiles:
    ablation = [row for part in parts for row in files.ablation_rows(part.panel, part.results, info)]
    effects = [row for part in parts for row in files.effect_table_rows(part.panel, part.effects)]
    ledgers = [row for part in parts for row in files.ledger_rows(part.panel, ledger.read_ledger(part.panel))]
    files.write_rows(folder / "outcomes.csv", ledgers)
    return ReportFiles(
        folder=folder,
        ablation=files.write_rows(folder / "ablation.csv", ablation),
        effects=files.write_rows(folder / "effects.csv", effects) if effects else None,
        items=files.write_items(folder / "items.csv", frame),
        confusions=_write_confusions(parts, folder),
        figures=_draw(parts, folder, info),
        more=(
            *more_files.write_more([(_filed(part.panel), part.more) for part in parts], folder, info),
            *_write_models(compared, folder),
        ),
    )


def _filed(panel: Panel) -> Panel:
    return with_cells(panel, best_cells(panel, MOST_FILED))


def _write_models(compared: Sequence[Comparison], folder: Path) -> tuple[Path, ...]:
    rows = [row for comparison in compared for row in model_table_rows(comparison)]
    path = folder / "models.csv"
    path.unlink(missing_ok=True)
    return (files.write_rows(path, rows),) if rows else ()


def _write_confusions(parts: Sequence[_Part], folder: Path) -> tuple[Path, ...]:
    written = []
    for kind in ("verdict", "defect"):
        rows = [
            row
            for part in parts
            for cell, confusion in (part.verdicts if kind == "verdict" else part.defects).items()
            for row in files.confusion_rows(part.panel, cell, confusion)
        ]
        if rows:
            written.append(files.write_rows(folder / f"confusion_{kind}.csv", rows))
    return tuple(written)


def _draw(parts: Sequence[_Part], folder: Path, info: ReportInfo) -> tuple[Path, ...]:
    taken: set[str] = set()
    cards = list(dict.fromkeys(part.panel.card for part in parts))
    drawn = []
    for card in cards:
        name = "ablation" if len(cards) == 1 else f"ablation_{files.safe_name(card, taken)}"
        own = [part for part in parts if part.panel.card == card]
        drawn_cells = {part.panel.model: best_cells(part.panel, MOST_DRAWN) for part in own}
        results = {part.panel.model: of_cells(part.results, drawn_cells[part.panel.model]) for part in own}
        figure = ablation_figure(info.get("datasets", {}).get(card, card), results)
        drawn.append(save(figure, folder / f"{name}.png"))
    for part in parts:
        model, card = part.panel.model, part.panel.card
        name = files.safe_name(model if len(cards) == 1 else f"{model}_{card}", taken)
        about = f"{model} on {info.get('datasets', {}).get(card, card)}"
        for kind, matrices in (("verdict", part.verdicts), ("defect", part.defects)):
            if drawable(matrices):
                figure = confusion_figure(about, matrices)
                drawn.append(save(figure, folder / f"confusion_{kind}_{name}.png"))
    return tuple(drawn)
