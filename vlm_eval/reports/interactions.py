"""Whether ingredients change each other's worth, on two scales, and which cells of the grid are not there."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import prod

import numpy as np

from vlm_eval.flow import Scalar
from vlm_eval.metrics.effects import Cells, Contrast, Grid, contrasts
from vlm_eval.metrics.scales import Interaction, interaction
from vlm_eval.reports.effects import grid_cells, measured_on, name_contrast, outcome
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.panel import Panel

MOST_CELLS = 100_000
"""Combinations of levels beyond which the missing ones are not listed."""


@dataclass(frozen=True, slots=True)
class InteractionRow:
    """What a second ingredient adds to the effect of a first one."""

    first: Contrast
    second: Contrast
    measure: str
    quads: int  # groups of four cells
    found: Interaction


def interaction_rows(panel: Panel, info: ReportInfo) -> list[InteractionRow]:
    """Estimate every two-way interaction of the grid on recall, overkill and accuracy."""
    cells = grid_cells(panel, info)
    rows = []
    for first, second in combinations(contrasts(cells), 2):
        quads = [] if first.ingredient == second.ingredient else _quads(cells, first, second)
        for measure, (keep, wrong) in measured_on(panel).items() if quads else ():
            outcomes = [np.array([outcome(panel, cell, wrong)[keep] for cell in quad]) for quad in quads]
            found = interaction(outcomes, panel.class_of_item[keep], panel.drawn.subset(keep))
            rows.append(InteractionRow(first, second, measure, len(quads), found))
    return rows


def _quads(cells: Cells, first: Contrast, second: Contrast) -> list[tuple[str, ...]]:
    """List groups of four cells that differ in two ingredients: neither, first, second, both."""
    grid = Grid(cells)
    names = (first.ingredient, second.ingredient)
    corners = list(product((second.baseline, second.level), (first.baseline, first.level)))
    quads: dict[tuple[str, ...], None] = {}
    for _, settings in cells:
        if (settings.get(names[1]), settings.get(names[0])) not in corners:
            continue
        changed = ({**settings, names[0]: one, names[1]: other} for other, one in corners)
        quad = [cell for cell in (grid.find(corner, *names) for corner in changed) if cell is not None]
        if len(quad) == len(corners):
            quads[tuple(quad)] = None
    return list(quads)


def absent_cells(cells: Cells) -> list[dict[str, Hashable]]:
    """List the combinations of levels that the grid lacks: infeasible, or not asked for.

    Only ingredients that vary are told. Where a setting does not apply to a cell, all its levels are that cell.
    """
    levels: dict[str, list[Hashable]] = {}
    for _, settings in cells:
        for name, level in settings.items():
            levels.setdefault(name, []).append(level)
    distinct = {name: list(dict.fromkeys(values)) for name, values in levels.items()}
    distinct = {name: values for name, values in distinct.items() if len(values) > 1}
    if not cells or prod(len(values) for values in distinct.values()) > MOST_CELLS:
        return []
    grid = Grid([(cell, {name: own[name] for name in distinct if name in own}) for cell, own in cells])
    combined = (dict(zip(distinct, values, strict=True)) for values in product(*distinct.values()))
    return [settings for settings in combined if grid.find(settings) is None]


def interaction_notes(rows: Sequence[InteractionRow]) -> list[str]:
    """Say where the two scales disagree on whether there is an interaction."""
    flagged = [f"{_name(row)} on {row.measure}" for row in rows if row.found.disagree]
    if not flagged:
        return []
    more = f" and {len(flagged) - 4} more (interactions.csv)" if len(flagged) > 4 else ""
    named = "; ".join(flagged[:4])
    return [f"Differences of rates and log-odds disagree about an interaction: {named}{more}."]


def absent_notes(panel: Panel, info: ReportInfo) -> list[str]:
    """Name the combinations that the grid lacks, and what follows."""
    cells = grid_cells(panel, info)
    absent = absent_cells(cells)
    lacking = _lacking_notes(cells)
    if not absent:
        return lacking
    named = ["+".join(f"{name} {level}" for name, level in settings.items()) for settings in absent[:4]]
    more = f" and {len(absent) - 4} more" if len(absent) > 4 else ""
    return [
        *lacking,
        f"Not in the grid: {', '.join(named)}{more}. Each effect rests on the pairs that are there, so effects of"
        " different ingredients are not over the same cells.",
    ]


def _lacking_notes(cells: Cells) -> list[str]:
    """Say of each setting that does not apply to some cells what its effect, and that of the others, rests on."""
    names = dict.fromkeys(name for _, settings in cells for name in settings)
    lacking = {name: [cell for cell, settings in cells if name not in settings] for name in names}
    return [
        f"{name} does not apply to {_some(without)}: what it does is told on the other cells alone, and each of"
        " those is compared with the cell here that agrees with it in the rest."
        for name, without in lacking.items()
        if without
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _name(row: InteractionRow) -> str:
    return f"{name_contrast(row.first)} x {name_contrast(row.second)}"


def interaction_table(panel: Panel, rows: Sequence[InteractionRow]) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row an interaction for the CSV file."""
    for row in rows:
        line: dict[str, Scalar] = {"model": panel.model, "dataset": panel.card}
        for place, contrast in (("first", row.first), ("second", row.second)):
            line[place] = contrast.ingredient
            line[f"{place}_level"] = f"{contrast.baseline} to {contrast.level}"
        line |= {"measure": row.measure, "quads": row.quads}
        for scale, found in (("risk", row.found.risk), ("log_odds", row.found.log_odds)):
            line |= {scale: found.value, f"{scale}_low": found.low, f"{scale}_high": found.high}
            line[f"{scale}_note"] = found.reason
        yield line | {"scales_disagree": row.found.disagree}
