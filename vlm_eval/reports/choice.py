"""Which cell is best (cross-fitted, with those that cannot be told from it), and where the variation is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from vlm_eval.flow import Scalar
from vlm_eval.metrics.choosing import Choice, choose
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.variance_shares import LEAST_LEVELS, VarianceShare, explained_by, variance_shares
from vlm_eval.reports.effects import SAMPLED, grid_cells, outcome
from vlm_eval.reports.files import fields_of
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.tables import percent, with_interval

MOST_CELLS = 300
"""Most cells to choose among: every cell is held beside every other, and so many are told apart by no run."""


@dataclass(frozen=True, slots=True)
class NamedChoice:
    """A choice among the cells of a panel, by name."""

    cells: tuple[str, ...]
    choice: Choice


def best_cell(panel: Panel) -> NamedChoice | None:
    """Choose among the cells by accuracy; None where there is only one, or more than `MOST_CELLS`."""
    cells = tuple(panel.cells)
    if not 2 <= len(cells) <= MOST_CELLS or not panel.gold.size:
        return None
    right = np.array([outcome(panel, cell, wrong=False) for cell in cells])
    return NamedChoice(cells, choose(right, panel.class_of_item, panel.drawn))


def choice_note(named: NamedChoice | None) -> str | None:
    """Say in two sentences which cell is best, what the choice is worth and what it is tied with."""
    choice = named.choice if named else None
    if named is None or choice is None or choice.best is None or choice.apparent is None:
        return None
    ties = [named.cells[cell] for cell in choice.tied if cell != choice.best]
    some = f"{', '.join(ties[:4])}" + (f" and {len(ties) - 4} more" if len(ties) > 4 else "")
    tied = f" Not told apart from it: {some}." if ties else " Every other cell is worse beyond chance."
    return (
        f"Most accurate of {len(named.cells)} cells: {named.cells[choice.best]}. Chosen on other clusters than"
        f" it is judged on (cross-fitted), the choice scores {with_interval(choice.honest)}; on the items that"
        f" chose it, {percent(choice.apparent)}.{tied}"
    )


def left_out_note(panel: Panel) -> str | None:
    """Say that no cell was chosen where there are too many; None where there are not."""
    if len(panel.cells) <= MOST_CELLS:
        return None
    return (
        f"The best cell is left out: {len(panel.cells):,} cells are more than {MOST_CELLS}. Choose among fewer,"
        " by a smaller grid, or read ablation.csv, where the highest of so many is too high by chance."
    )


def choice_rows(panel: Panel, named: NamedChoice | None) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row a cell: whether it is the best, how many folds chose it, and whether it is tied."""
    if named is None:
        return
    choice = named.choice
    for number, cell in enumerate(named.cells):
        best = number == choice.best
        honest = choice.honest if best else Estimate(None)
        place: dict[str, Scalar] = {"model": panel.model, "dataset": panel.card, "cell": cell, "best": best}
        folds: dict[str, Scalar] = {
            "folds_that_chose_it": choice.chosen.count(number),
            "folds": len(choice.chosen),
        }
        yield (
            place | {"tied_with_best": number in choice.tied} | folds | fields_of("cross_fitted_accuracy", honest)
        )


def variance_of(panel: Panel, info: ReportInfo) -> list[VarianceShare]:
    """Split the variation of right and wrong over the grid's factors and the items; empty without a full grid.

    Where a factor does not apply to some cells (a reference seed without a reference), it is over the others.
    """
    cells = grid_cells(panel, info)
    names = list(dict.fromkeys(name for _, own in cells for name in own))
    cells = [(cell, own) for cell, own in cells if len(own) == len(names)]
    levels = {name: list(dict.fromkeys(own.get(name) for _, own in cells)) for name in names}
    factors = [name for name, values in levels.items() if len(values) > 1]
    shape = [len(levels[name]) for name in factors]
    if not factors or len(cells) != np.prod(shape):
        return []
    values = np.full((*shape, panel.gold.size), np.nan)
    for cell, own in cells:
        values[tuple(levels[name].index(own.get(name)) for name in factors)] = outcome(panel, cell, wrong=False)
    complete = ~np.isnan(values).any(axis=tuple(range(len(shape))))
    if complete.sum() < 2:
        return []
    return variance_shares(values[..., complete], [*factors, "item"])


def variance_rows(panel: Panel, shares: list[VarianceShare]) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row a source of variation."""
    for share in shares:
        yield {
            "model": panel.model,
            "dataset": panel.card,
            "source": " x ".join(share.source),
            "levels": share.levels,
            "variance": float(f"{share.component:.6g}"),
            "unbiased": float(f"{share.signed:.6g}"),
            "share": None if share.share is None else round(share.share, 6),
        }


def variance_note(shares: list[VarianceShare]) -> str | None:
    """Tell the shares of wording and reference seed with their interactions, where they are in the grid."""
    told = []
    for name in dict.fromkeys(name for share in shares for name in share.source if name in SAMPLED):
        explained = explained_by(name, shares)
        levels = next(share.levels for share in shares if share.source == (name,))
        few = "" if levels >= LEAST_LEVELS else f" (only {levels} levels: hardly known)"
        told += [] if explained is None else [f"{name} {100 * explained:.1f} %{few}"]
    if not told:
        return None
    return (
        f"Share of the variance of right and wrong answers, with interactions: {', '.join(told)} (variance.csv)."
    )
