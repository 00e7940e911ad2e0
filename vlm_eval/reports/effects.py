"""What each ingredient of the grid is worth to a model on a dataset; tests corrected over one printed table."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from vlm_eval.metrics.comparisons import holm
from vlm_eval.metrics.effects import Contrast, Effect, contrasts, main_effect
from vlm_eval.metrics.equivalence import MARGIN, Equivalence, equivalence
from vlm_eval.metrics.estimate import BoolArray, Estimate, FloatArray
from vlm_eval.metrics.scales import combine
from vlm_eval.metrics.worth import per_point
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.panel import Panel

SAMPLED = ("wording", "reference_seed")
"""Ingredients whose levels stand for many others: told with their levels, and with their share of the variance."""


@dataclass(frozen=True, slots=True)
class Price:
    """What an ingredient costs more, an item, and a percentage point of accuracy."""

    extra: float | None
    per_point: Estimate


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One line of the effects table."""

    contrast: Contrast
    measure: str  # recall, overkill, accuracy
    effect: Effect
    log_odds: Estimate
    equivalence: Equivalence
    adjusted_p: float | None = None  # Holm, over the rows of the table
    prices: Mapping[str, Price] = field(default_factory=dict)  # of accuracy: by seconds, tokens, dollars


def effect_rows(panel: Panel, info: ReportInfo) -> list[EffectRow]:
    """Estimate every contrast of the grid on recall, overkill and accuracy; empty where no two cells match."""
    cells = grid_cells(panel, info)
    spent = _spent(panel, info)
    rows = [row for contrast in contrasts(cells) for row in contrast_rows(panel, contrast, info, spent)]
    tested = [row.effect.p_value for row in rows if row.effect.p_value is not None]
    adjusted = iter(holm(tested))
    return [row if row.effect.p_value is None else replace(row, adjusted_p=next(adjusted)) for row in rows]


def grid_cells(panel: Panel, info: ReportInfo) -> list[tuple[str, Mapping[str, object]]]:
    """List the cells of the grid that the panel holds, with the level of each ingredient."""
    return [(name, settings) for name, settings in info.get("cells", ()) if name in panel.cells]


def name_contrast(contrast: Contrast) -> str:
    """Name an ingredient, with its levels where they are not off and on."""
    switched = contrast.baseline in (0, False) and contrast.level in (1, True)
    if switched and contrast.ingredient not in SAMPLED:
        return contrast.ingredient
    return f"{contrast.ingredient} ({contrast.baseline} to {contrast.level})"


def measured_on(panel: Panel) -> dict[str, tuple[BoolArray, bool]]:
    """Return by measure the items that it is told on, and whether it counts what is wrong."""
    anomalous, normal = panel.gold == 1, panel.gold == 0
    return {"recall": (anomalous, False), "overkill": (normal, True), "accuracy": (anomalous | normal, False)}


def outcome(panel: Panel, cell: str, wrong: bool) -> FloatArray:
    """Return 1 for each item that a cell gets right (or wrong), NaN without an answer."""
    arrays = panel.cells[cell]
    right = np.where(panel.gold == 1, arrays.yes, arrays.no)
    return 1 - right if wrong else right


def contrast_rows(
    panel: Panel, contrast: Contrast, info: ReportInfo, spent: pd.DataFrame | None = None
) -> list[EffectRow]:
    """Estimate one contrast on recall, overkill and accuracy, not yet corrected for the number of tests.

    Args:
        panel: holds the cells of the contrast.
        contrast: which cells are compared.
        info: for the margin of equivalence.
        spent: mean seconds, tokens and dollars by cell, for the price of a point; none where None.
    """
    margin = info.get("margin", MARGIN)
    rows = []
    for measure, (keep, wrong) in measured_on(panel).items():
        pairs = np.array([[outcome(panel, cell, wrong)[keep] for cell in pair] for pair in contrast.pairs])
        parts, drawn = panel.class_of_item[keep], panel.drawn.subset(keep)
        effect = main_effect(pairs[:, 1] - pairs[:, 0], parts, drawn)
        log_odds = combine(list(pairs), (-1, 1), parts, drawn, "log-odds")
        prices = {}
        if measure == "accuracy" and spent is not None:
            prices = _prices(contrast, spent, effect.difference)
        row = EffectRow(contrast, measure, effect, log_odds, equivalence(effect, margin), prices=prices)
        rows.append(row)
    return rows


def _spent(panel: Panel, info: ReportInfo) -> pd.DataFrame:
    """Return mean seconds, tokens and dollars an ask by cell; columns that nobody recorded are absent."""
    answered = panel.asks[panel.asks["status"] == "answered"]
    spent = pd.DataFrame(index=answered.index)
    if "latency" in answered:
        spent["seconds"] = pd.to_numeric(answered["latency"], errors="coerce")
    if {"prompt_tokens", "completion_tokens"} <= set(answered.columns):
        tokens = [pd.to_numeric(answered[f"{kind}_tokens"], errors="coerce") for kind in ("prompt", "completion")]
        spent["tokens"] = tokens[0] + tokens[1]
        price = info.get("prices", {}).get(panel.model)
        if price is not None:
            spent["dollars"] = (tokens[0] * price[0] + tokens[1] * price[1]) / 1e6
    means = spent.groupby(answered["cell"], sort=False).mean()
    return means.dropna(axis="columns", how="all")


def _prices(contrast: Contrast, spent: pd.DataFrame, gain: Estimate) -> dict[str, Price]:
    known = [pair for pair in contrast.pairs if pair[0] in spent.index and pair[1] in spent.index]
    prices = {}
    for unit in spent.columns:
        values = spent[unit]
        more = float(np.mean([values[level] - values[base] for base, level in known])) if known else float("nan")
        extra = None if np.isnan(more) else more
        prices[str(unit)] = Price(extra, per_point(extra, gain))
    return prices
