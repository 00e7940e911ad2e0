"""Two models on the same items: the mean over the cells that both were asked in, and which is best of all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.flow import Scalar
from vlm_eval.metrics.comparisons import holm
from vlm_eval.metrics.effects import contrasts
from vlm_eval.reports.choice import NamedChoice, best_cell, choice_note, left_out_note
from vlm_eval.reports.effects import EffectRow, contrast_rows
from vlm_eval.reports.effects_table import p_text, points
from vlm_eval.reports.files import effect_table_rows
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.panel import Panel, read_panels, without_probes
from vlm_eval.reports.rounds import FACTOR, rounds_apart
from vlm_eval.reports.score_source import without_baselines
from vlm_eval.reports.tables import heading_text, plain_table

ALL = "all models"
_RENAMED = {"baseline": "first_model", "level": "second_model", "pairs": "cells"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The models of a run on one dataset."""

    panel: Panel  # its cells are those of every model, as MODEL::CELL
    rows: list[EffectRow]  # the second model of each pair against the first
    choice: NamedChoice | None


def compare_models(frame: pd.DataFrame, info: ReportInfo) -> list[Comparison]:
    """Compare every pair of models on each dataset, over the cells and items that both were asked.

    Args:
        frame: as `runs.frame.read_frame` gives it.
        info: for the levels of the cells and the margin of equivalence.

    Returns:
        One comparison a dataset with several models; p-values are corrected by Holm within it.
    """
    found = []
    apart = rounds_apart(without_baselines(without_probes(frame))).drop(columns=FACTOR, errors="ignore")
    for _, asks in apart.groupby("card", sort=False):
        if asks["model"].nunique() < 2:
            continue
        joint = asks.assign(cell=asks["model"].astype(str) + "::" + asks["cell"].astype(str), model=ALL)
        (panel,) = read_panels(joint, [])
        pairs = asks[["model", "cell"]].drop_duplicates().astype(str)
        found.append(_compare(panel, list(zip(pairs["model"], pairs["cell"], strict=True)), info))
    return found


def _compare(panel: Panel, asked: Sequence[tuple[str, str]], info: ReportInfo) -> Comparison:
    rows: list[EffectRow] = []
    for pair in combinations(dict.fromkeys(model for model, _ in asked), 2):
        cells = [(f"{model}::{cell}", {"model": model, "cell": cell}) for model, cell in asked if model in pair]
        for contrast in contrasts(cells):
            if contrast.ingredient == "model":
                rows += contrast_rows(panel, contrast, info)
    adjusted = iter(holm([row.effect.p_value for row in rows if row.effect.p_value is not None]))
    rows = [row if row.effect.p_value is None else replace(row, adjusted_p=next(adjusted)) for row in rows]
    return Comparison(panel, rows, best_cell(panel))


def models_table(comparison: Comparison, info: ReportInfo) -> RenderableType:
    """Draw what changing the model does to recall, overkill and accuracy, in percentage points."""
    table = plain_table()
    table.add_column("from, to", overflow="fold")
    for heading in ("changes", "points [95 %]", "p (Holm)", "cells"):
        table.add_column(heading, justify="right" if heading in ("p (Holm)", "cells") else "left", no_wrap=True)
    previous = ""
    for row in comparison.rows:
        name = f"{row.contrast.baseline}, {row.contrast.level}"
        if previous and name != previous:
            table.add_section()
        first, previous = Text("" if name == previous else name), name
        difference = points(row.effect.difference)
        table.add_row(first, row.measure, difference, p_text(row.adjusted_p), str(len(row.contrast.pairs)))
    card = comparison.panel.card
    notes = comparison_notes(comparison)
    title = heading_text(f"Models compared: {info.get('datasets', {}).get(card, card)}")
    return Group(title, table, *(Text(note, style="dim") for note in notes))


def comparison_notes(comparison: Comparison) -> list[str]:
    """Say what was compared, by which test, and which cell of all is the best."""
    tests = " and ".join(sorted({row.effect.test for row in comparison.rows if row.effect.test})) or "no"
    notes = [
        "Mean over the cells that both models were asked in, on the same items; the rest is left out. More"
        f" overkill is a loss. Test: {tests}; p corrected by Holm over this table.",
        choice_note(comparison.choice),
        left_out_note(comparison.panel),
    ]
    return [note for note in notes if note]


def model_table_rows(comparison: Comparison) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row a pair of models and measure for the CSV file."""
    for row in effect_table_rows(comparison.panel, comparison.rows):
        kept = {name: value for name, value in row.items() if name not in ("model", "ingredient")}
        yield {_RENAMED.get(name, name): value for name, value in kept.items()}
