"""Names a part of a picture in which no defect lies, for the probe that asks about that part alone."""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Gold, Recipe, Sample
from vlm_eval.scoring.grid_words import find_grid_places
from vlm_eval.views.gold import gold_regions, has_gold_region
from vlm_eval.views.open import count_views

Cell = tuple[int, int]  # row and column of three by three
_ROWS, _COLUMNS = ("top", "middle", "bottom"), ("left", "middle", "right")
_NINE = tuple(product(range(3), range(3)))


def free_part(sample: Sample) -> str | None:
    """Return the part of three by three that lies farthest from the defect; None where no part is free of it.

    For a normal item any part will do: one is drawn by its id. None too where the place of the defect is not
    known, or the item is shown in several pictures.
    """
    if len(sample.sources) != 1 or count_views(sample.recipe) != 1:
        return None
    taken = _NINE[:0] if sample.gold.anomalous == "no" else _taken(sample)
    if taken is None:
        return None
    turn = int.from_bytes(sha256(sample.id.encode()).digest()[:4])
    drawn = [_NINE[(turn + step) % 9] for step in range(9)]
    best = max(drawn, key=lambda cell: _distance(cell, taken))
    return None if best in taken else _name(best)


def knows_places(samples: Iterable[Sample]) -> bool:
    """Say whether the defect of some item has a known place, so that a part without it can be named."""
    return any(
        sample.gold.anomalous == "yes" and (sample.gold.place or has_gold_region(sample)) for sample in samples
    )


def _name(cell: Cell) -> str:
    return "middle" if cell == (1, 1) else f"{_ROWS[cell[0]]} {_COLUMNS[cell[1]]}"


def _distance(cell: Cell, taken: Iterable[Cell]) -> int:
    return min(((cell[0] - row) ** 2 + (cell[1] - column) ** 2 for row, column in taken), default=0)


def _taken(sample: Sample) -> tuple[Cell, ...] | None:
    """Return the parts that the defect touches; None where that is not known."""
    gold = sample.gold
    if gold.anomalous != "yes":
        return None
    if has_gold_region(sample):
        return _of_region(sample.id, sample.sources, sample.recipe, gold)
    return tuple(place.cell for place in find_grid_places(gold.place or "")) or None


@lru_cache(maxsize=1 << 16)
def _of_region(name: str, sources: tuple[Path, ...], recipe: Recipe, gold: Gold) -> tuple[Cell, ...] | None:
    """Return the parts that a gold region touches; it hangs on these values alone, and is drawn once."""
    sample = Sample(name, "", "image", sources, "", gold, name, recipe=recipe)
    try:
        mask = gold_regions(sample)[0]
    except BadInputError:
        return None  # the item fails, or is judged without its region, elsewhere
    return _cells(mask) or None


def _cells(mask: NDArray[np.bool_]) -> tuple[Cell, ...]:
    rows, columns = np.nonzero(mask)
    places = set(zip((rows * 3 // mask.shape[0]).tolist(), (columns * 3 // mask.shape[1]).tolist(), strict=True))
    return tuple(sorted(places))
