"""What an ingredient is worth: the mean over pairs of cells that differ only in it, as a risk difference."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from vlm_eval.metrics.comparisons import mcnemar_mid_p, sign_flip_test
from vlm_eval.metrics.estimate import LEVEL, BoolArray, Estimate, FloatArray, IntArray, undefined
from vlm_eval.metrics.sampling import Sampling, centred, variance

_TAIL = (1 - LEVEL) / 2
_NO_SPREAD = 1e-12

Cells = Sequence[tuple[str, Mapping[str, Hashable]]]
"""Name of each cell and its level of each ingredient that applies to it."""
Settings = frozenset[tuple[str, Hashable]]


@dataclass(frozen=True, slots=True)
class Contrast:
    """One level of an ingredient against its baseline, with the cells that differ in nothing else."""

    ingredient: str
    baseline: Hashable
    level: Hashable
    pairs: tuple[tuple[str, str], ...]  # (cell at the baseline, cell at the level)
    unmatched: tuple[str, ...]  # cells at either level without a partner


class Grid:
    """The cells of a grid by their settings.

    A setting that a cell lacks does not apply to it (a reference seed where no reference is shown), so such a cell
    is the partner of every cell that agrees with it in the others.
    """

    def __init__(self, cells: Cells) -> None:
        self._by_names: dict[frozenset[str], dict[Settings, str]] = {}
        for cell, settings in cells:
            self._by_names.setdefault(frozenset(settings), {})[frozenset(settings.items())] = cell

    def find(self, settings: Mapping[str, Hashable], *needed: str) -> str | None:
        """Return the cell with these settings, or one to which some of them apply, `needed` among them."""
        for names in sorted(self._by_names, key=len, reverse=True):
            if names <= settings.keys() and names.issuperset(needed):
                cell = self._by_names[names].get(frozenset((name, settings[name]) for name in names))
                if cell is not None:
                    return cell
        return None


def contrasts(cells: Cells) -> list[Contrast]:
    """List every level of every ingredient against the ingredient's first level, in the order of the cells."""
    ingredients = list(dict.fromkeys(name for _, settings in cells for name in settings))
    grid = Grid(cells)
    found = []
    for ingredient in ingredients:
        levels = list(dict.fromkeys(settings[ingredient] for _, settings in cells if ingredient in settings))
        found += [_contrast(cells, grid, ingredient, levels[0], level) for level in levels[1:]]
    return [contrast for contrast in found if contrast.pairs]


def _contrast(cells: Cells, grid: Grid, ingredient: str, baseline: Hashable, level: Hashable) -> Contrast:
    pairs: dict[tuple[str, str], None] = {}
    involved: list[str] = []
    for side in (baseline, level):
        for cell, own in cells:
            if ingredient not in own or own[ingredient] != side:
                continue
            involved.append(cell)
            other = grid.find({**own, ingredient: level if side == baseline else baseline}, ingredient)
            if other is not None:
                pairs[(cell, other) if side == baseline else (other, cell)] = None
    paired = {cell for pair in pairs for cell in pair}
    return Contrast(ingredient, baseline, level, tuple(pairs), tuple(one for one in involved if one not in paired))


@dataclass(frozen=True, slots=True)
class Effect:
    """A mean difference in [-1, 1] with its interval, and the test that it is zero."""

    difference: Estimate
    p_value: float | None
    test: Literal["sign-flip", "McNemar mid-p"] | None
    standard_error: float | None = None  # by clusters; None where there is no interval or no spread
    freedom: int = 0  # degrees of freedom: clusters minus strata
    unchanged: float = 0.0  # cautious number of independent observations, where no item changed at all


def main_effect(differences: FloatArray, parts: IntArray, drawn: Sampling, seed: int = 0) -> Effect:
    """Estimate the mean over pairs of cells of the mean over parts of the item differences, and test it.

    Args:
        differences: level minus baseline, shape (pairs of cells, items), each in [-1, 1]; NaN where an item has no
            answer in one of the two cells.
        parts: class of each item for a macro mean, 0 for a pooled one.
        drawn: clusters and strata of the items.
        seed: of the random sign flips.

    Returns:
        The interval is value +- t * standard error by clusters. Where all items changed alike, or none did, it is
        the exact bound of the share of those that do otherwise instead, each by as much as can be: a standard
        error of zero is no evidence of equality.
    """
    known: BoolArray = ~np.asarray(np.isnan(differences).all(axis=0))
    if not known.any():
        return Effect(undefined("no item has an answer in both cells"), None, None)
    differences, parts, drawn = differences[:, known], parts[known], drawn.subset(known)
    weighted = [_weighted(row, parts, drawn) for row in differences if not np.isnan(row).all()]
    value = float(np.mean([own.sum() for own, _ in weighted]))
    influence = np.mean([own for _, own in weighted], axis=0)
    totals = drawn.totals(np.mean([own for own, _ in weighted], axis=0))
    if drawn.degrees_of_freedom < 1:
        reason = "one cluster: no interval, no test"
        return Effect(Estimate(value, items=parts.size, clusters=drawn.clusters, reason=reason), None, None)
    spread = variance(influence, drawn) ** 0.5
    error: float | None = spread
    margin = float(stdtrit(drawn.degrees_of_freedom, 1 - _TAIL)) * spread
    unchanged = 0.0
    if spread < _NO_SPREAD:
        alike = _independent(parts, drawn)
        margin = (1 - _TAIL ** (1 / alike)) * (1 + abs(value))
        error, unchanged = None, 0.0 if np.nan_to_num(differences).any() else alike
    low, high = max(-1.0, value - margin), min(1.0, value + margin)
    estimate = Estimate(value, low, high, parts.size, drawn.clusters)
    facts = (error, drawn.degrees_of_freedom, unchanged)
    if len(differences) == 1 and drawn.clusters == parts.size and np.isin(differences, (-1, 0, 1)).all():
        p_value = mcnemar_mid_p(int(np.sum(differences > 0)), int(np.sum(differences < 0)))
        return Effect(estimate, p_value, "McNemar mid-p", *facts)
    return Effect(estimate, sign_flip_test(totals, seed), "sign-flip", *facts)


def _weighted(row: FloatArray, parts: IntArray, drawn: Sampling) -> tuple[FloatArray, FloatArray]:
    """Return the weighted differences of one pair of cells, whose sum is its effect, and their centred version."""
    known = ~np.isnan(row)
    sizes = np.bincount(parts[known], minlength=int(parts.max()) + 1)
    weights = np.where(known, 1 / np.maximum(sizes, 1)[parts] / np.sum(sizes > 0), 0.0)
    return weights * np.where(known, row, 0.0), weights * centred(row, known, parts, drawn)


def _independent(parts: IntArray, drawn: Sampling) -> float:
    """Return a cautious number of independent observations: clusters, discounted for unequal classes."""
    _, part = np.unique(parts, return_inverse=True)
    clusters = np.array([np.unique(drawn.cluster_of_item[part == own]).size for own in np.unique(part)])
    return float(clusters.size**2 / np.sum(1 / clusters))
