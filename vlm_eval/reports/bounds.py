"""How many cells are printed, drawn and told in detail where a grid is huge; ablation.csv has all."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vlm_eval.reports.effects import outcome
from vlm_eval.reports.measures import CellResult
from vlm_eval.reports.panel import Panel

MOST_PRINTED = 100
"""Cells that a table of the terminal shows."""
MOST_FILED = 500
"""Cells in the files beside the main ones, such as operating_points.csv."""
MOST_DRAWN = 60
"""Cells that a figure shows."""


def best_cells(panel: Panel, most: int) -> list[str]:
    """Return the cells in grid order: all, or the most accurate ones where there are more than `most`."""
    cells = list(panel.cells)
    if len(cells) <= most:
        return cells
    right = [outcome(panel, cell, wrong=False) for cell in cells]
    means = [-1.0 if np.isnan(values).all() else float(np.nanmean(values)) for values in right]
    best = sorted(range(len(cells)), key=lambda index: -means[index])[:most]
    return [cells[index] for index in sorted(best)]


def with_cells(panel: Panel, cells: Sequence[str]) -> Panel:
    """Return the panel with some of its cells; its asks stay."""
    return replace(panel, cells={cell: panel.cells[cell] for cell in cells})


def of_cells(results: Sequence[CellResult], cells: Sequence[str]) -> list[CellResult]:
    """Return the results of some cells."""
    kept = set(cells)
    return [result for result in results if result.cell in kept]


def bounded_note(panel: Panel, shown: Sequence[str]) -> str | None:
    """Say how many cells are shown; None where all are."""
    if len(shown) == len(panel.cells):
        return None
    text = f"The {len(shown)} most accurate of {len(panel.cells):,} cells are shown; ablation.csv has all."
    few = f" The files by class, threshold and cost have the {MOST_FILED} most accurate ones."
    return text + few if len(panel.cells) > MOST_FILED else text
