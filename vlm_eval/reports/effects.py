"""What each ingredient of the grid is worth to a model on a dataset; tests corrected over one printed table."""

from dataclasses import dataclass, replace

import numpy as np

from vlm_eval.metrics.comparisons import holm
from vlm_eval.metrics.effects import Contrast, Effect, contrasts, main_effect
from vlm_eval.metrics.estimate import BoolArray, FloatArray
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.panel import Panel


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One line of the effects table."""

    contrast: Contrast
    measure: str  # recall, overkill, accuracy
    effect: Effect
    adjusted_p: float | None = None  # Holm, over the rows of the table


def effect_rows(panel: Panel, info: ReportInfo) -> list[EffectRow]:
    """Estimate every contrast of the grid on recall, overkill and accuracy; empty where no two cells match."""
    cells = [(name, settings) for name, settings in info.get("cells", ()) if name in panel.cells]
    rows = [row for contrast in contrasts(cells) for row in _rows(panel, contrast)]
    tested = [row.effect.p_value for row in rows if row.effect.p_value is not None]
    adjusted = iter(holm(tested))
    return [row if row.effect.p_value is None else replace(row, adjusted_p=next(adjusted)) for row in rows]


def _rows(panel: Panel, contrast: Contrast) -> list[EffectRow]:
    differences = np.stack([_right(panel, level) - _right(panel, base) for base, level in contrast.pairs])
    anomalous, normal = panel.gold == 1, panel.gold == 0
    return [
        EffectRow(contrast, "recall", _effect(panel, differences, anomalous)),
        EffectRow(contrast, "overkill", _effect(panel, -differences, normal)),
        EffectRow(contrast, "accuracy", _effect(panel, differences, anomalous | normal)),
    ]


def _right(panel: Panel, cell: str) -> FloatArray:
    arrays = panel.cells[cell]
    return np.where(panel.gold == 1, arrays.yes, arrays.no)


def _effect(panel: Panel, differences: FloatArray, keep: BoolArray) -> Effect:
    return main_effect(differences[:, keep], panel.class_of_item[keep], panel.drawn.subset(keep))
