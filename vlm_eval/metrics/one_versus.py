"""AUROC of several kinds of anomaly against normal items: all at once, on average, and for the worst kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vlm_eval.metrics.estimate import FloatArray, IntArray
from vlm_eval.metrics.ranking import undefined_reason, wins

SHUFFLES = 300


@dataclass(frozen=True, slots=True)
class OneVersus:
    """AUROCs in [0, 1]; all None where `reason` says why."""

    rest: float | None  # all anomalies of a part against its normal items; mean over parts
    average: float | None  # each kind against the normal items; mean over kinds
    closest: float | None  # the kind that is hardest to tell from normal; a minimum, so biased low
    closest_kind: str | None
    closest_by_chance: float | None  # expected minimum if all kinds of a part were equally hard
    kinds: tuple[tuple[str, int, float], ...] = ()  # (kind, anomalous items, AUROC)
    reason: str | None = None


def one_versus(
    gold: IntArray, score: FloatArray, kinds: Sequence[str], parts: IntArray, seed: int = 0
) -> OneVersus:
    """Compare every kind of anomaly with the normal items of its own part.

    Args:
        gold: 1 anomalous, 0 normal, shape (items,).
        score: anomaly score, higher is more anomalous, finite.
        kinds: kind of each item; that of a normal item is not read. A kind that occurs in two parts is two kinds.
        parts: object class of each item.
        seed: of the shuffles.

    Returns:
        `closest_by_chance` is the mean of the minimum after shuffling the kinds among the anomalous items of a
        part (a permutation null). It is well under the average where kinds are many or small.
    """
    reason = undefined_reason(gold, score)
    beaten = np.full(score.size, np.nan)  # share of its part's normal items that an anomalous item outranks
    for part in np.unique(parts):
        normal, anomalous = (gold == 0) & (parts == part), (gold == 1) & (parts == part)
        if not reason and normal.any():
            beaten[anomalous] = wins(score[anomalous], score[normal]) / normal.sum()
    usable = ~np.isnan(beaten)
    if reason or not usable.any():
        reason = reason or "no class has both normal and anomalous items"
        return OneVersus(None, None, None, None, None, reason=reason)
    beaten, parts = beaten[usable], parts[usable]
    own_kinds = np.asarray(kinds, dtype=object)[usable]
    labels = [f"{part} {name}" for part, name in zip(parts, own_kinds, strict=True)]
    _, kind = np.unique(labels, return_inverse=True)
    names = {int(code): str(name) for code, name in zip(kind, own_kinds, strict=True)}
    sizes = np.bincount(kind)
    areas = np.bincount(kind, weights=beaten) / sizes
    worst = int(np.argmin(areas))
    rest = float(np.mean([beaten[parts == part].mean() for part in np.unique(parts)]))
    found = tuple((names[code], int(sizes[code]), float(areas[code])) for code in range(sizes.size))
    chance = _minimum_by_chance(beaten, kind, parts, seed)
    return OneVersus(rest, float(areas.mean()), float(areas[worst]), names[worst], chance, found)


def _minimum_by_chance(beaten: FloatArray, kind: IntArray, parts: IntArray, seed: int) -> float:
    sizes = np.bincount(kind)
    centred = beaten - _means(beaten, parts) + beaten.mean()  # equally hard, whichever part they come from
    inside = np.argsort(parts, kind="stable")  # the items of each part stand together
    centred, kind = centred[inside], kind[inside]
    _, own = np.unique(parts, return_counts=True)
    shuffled = _shuffles(tuple(int(size) for size in own), seed)
    minima = [(np.bincount(kind, weights=centred[order]) / sizes).min() for order in shuffled]
    return float(np.clip(np.mean(minima), 0, 1))


@lru_cache(maxsize=2)
def _shuffles(sizes: tuple[int, ...], seed: int) -> IntArray:
    """Shuffle the items within each part, shape (shuffles, items): the cells of a grid share their items."""
    generator = np.random.default_rng(seed)
    ends = np.cumsum(sizes)
    parts = [np.arange(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    shuffled = np.empty((SHUFFLES, int(ends[-1])), dtype=np.int64)
    for row in shuffled:
        parts = [generator.permutation(part) for part in parts]
        row[:] = np.concatenate(parts)
    return shuffled


def _means(values: FloatArray, parts: IntArray) -> FloatArray:
    _, own = np.unique(parts, return_inverse=True)
    means: FloatArray = (np.bincount(own, weights=values) / np.bincount(own))[own]
    return means
