"""Choosing the best of several cells (prompts, models) without being fooled by the choice.

The accuracy of the winner on the items that chose it is too high; cross-fitting chooses on other clusters than it
judges on. The tied set inverts, for each cell, the test that no other one is better, with the largest studentised
difference and sign-flipped cluster sums (a model confidence set: Hansen, Lunde and Nason, Econometrica 79 (2011)
453-497; the wild bootstrap by clusters: Cameron, Gelbach and Miller, Review of Economics and Statistics 90 (2008)
414-427).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from vlm_eval.metrics.estimate import BoolArray, Estimate, FloatArray, IntArray, undefined
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.metrics.sampling import Sampling, centred
from vlm_eval.metrics.splitting import folds

FOLDS = 2
"""Two, for more folds share what they choose on: among 20 equal cells five folds cover 90 %, two 95 %."""
DRAWS = 999


@dataclass(frozen=True, slots=True)
class Choice:
    """The best of several cells."""

    best: int | None  # by all items; None without items
    honest: Estimate  # of always choosing that way: each fold is judged by the cell that the others chose
    apparent: float | None  # of the best cell on the items that chose it: too high
    chosen: tuple[int, ...]  # the cell that each fold's choice fell on
    tied: tuple[int, ...]  # cells that cannot be told from the best, the best first; holds it with 95 %


def choose(right: FloatArray, parts: IntArray, drawn: Sampling, seed: int = 0) -> Choice:
    """Choose the cell with the highest mean over parts, and say what that choice is worth.

    Args:
        right: shape (cells, items), 1 where the cell is right, 0 where it is wrong, or a share; an item without a
            value (NaN) in one cell is left out for all.
        parts: class of each item, for a macro mean.
        drawn: clusters and strata of the items.
        seed: of the folds and of the sign flips.
    """
    known: BoolArray = ~np.asarray(np.isnan(right).any(axis=0))
    if not known.any() or not len(right):
        return Choice(None, undefined("no item has an answer in every cell", right.shape[-1]), None, (), ())
    right, parts, drawn = right[:, known], parts[known], drawn.subset(known)
    everything = np.ones(parts.size, dtype=np.bool_)
    means = _macro(right, parts, everything)
    best = int(np.argmax(means))
    fold = folds(drawn, min(FOLDS, max(2, drawn.clusters)), seed)
    composed, chosen = np.full(parts.size, np.nan), []
    for own in np.unique(fold):
        rest = fold != own
        winner = int(np.argmax(_macro(right, parts, rest))) if rest.any() else best
        chosen.append(winner)
        composed[~rest] = right[winner, ~rest]
    honest = simple_rate(composed, parts, drawn)
    return Choice(best, honest, float(means[best]), tuple(chosen), _tied(right, parts, drawn, means, seed))


def _weights(parts: IntArray, keep: BoolArray) -> FloatArray:
    sizes = np.bincount(parts[keep], minlength=int(parts.max()) + 1)
    return np.where(keep, 1 / np.maximum(sizes, 1)[parts] / np.sum(sizes > 0), 0.0)


def _macro(right: FloatArray, parts: IntArray, keep: BoolArray) -> FloatArray:
    means: FloatArray = right @ _weights(parts, keep)
    return means


def _tied(right: FloatArray, parts: IntArray, drawn: Sampling, means: FloatArray, seed: int) -> tuple[int, ...]:
    """List the cells for which no other one is better beyond chance, the best first."""
    order = np.argsort(-means, kind="stable")
    if drawn.degrees_of_freedom < 1:
        return tuple(int(cell) for cell in order)
    weights = _weights(parts, np.ones(parts.size, dtype=np.bool_))
    sums = np.array([_centred_totals(row, weights, parts, drawn) for row in right])
    products = sums @ sums.T * (drawn.clusters / max(drawn.clusters - 1, 1))
    own = np.diag(products)
    errors = np.sqrt(np.maximum(own[:, None] + own[None, :] - 2 * products, 0.0))
    signs = np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), (DRAWS, drawn.clusters))
    flipped = signs @ sums.T
    tail = 0.05 / max(len(right) - 1, 1)
    few = float(stdtrit(drawn.degrees_of_freedom, 1 - tail) / ndtri(1 - tail))  # flipped sums have no heavy tails
    kept = []
    for cell in order:
        usable = errors[cell] > 1e-12
        if not usable.any():
            kept.append(int(cell))
            continue
        seen = ((means - means[cell]) / np.where(usable, errors[cell], 1.0))[usable].max()
        chance = ((flipped - flipped[:, [cell]])[:, usable] / errors[cell][usable]).max(axis=1)
        if (1 + np.sum(few * chance >= seen)) / (1 + DRAWS) > 0.05:
            kept.append(int(cell))
    return tuple(kept)


def _centred_totals(row: FloatArray, weights: FloatArray, parts: IntArray, drawn: Sampling) -> FloatArray:
    everything = np.ones(parts.size, dtype=np.bool_)
    return drawn.totals(weights * centred(row, everything, parts, drawn))
