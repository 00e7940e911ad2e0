"""The gold regions of a run's samples, kept in its folder so that it can be scored without the data."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Sample, Scalar, Step
from vlm_eval.views.gold import gold_regions, has_gold_region
from vlm_eval.views.open import expand_recipe

_STAYS = frozenset(
    {"strip-metadata", "to-rgb8-png", "marks", "blank", "blur", "darken", "occlude", "recolour", "jpeg"}
)
"""Steps after which a gold region still lies where it was."""


def keep_regions(folder: Path, samples: Iterable[tuple[int, Sample]]) -> list[str]:
    """Write the gold region of each sample's first view, once; return what could not be read.

    Args:
        folder: the run folder; regions go to `regions/<row>.png`, one bit a pixel.
        samples: with their rows in the store.
    """
    unread = []
    for row, sample in samples:
        path = region_path(folder, row)
        if path.exists() or not has_gold_region(sample):
            continue
        try:
            region = Image.fromarray(gold_regions(sample)[0])
        except BadInputError as error:
            unread.append(f"{sample.id}: the gold region cannot be read ({error})")
            continue
        path.parent.mkdir(exist_ok=True)
        region.save(path, "PNG")
    return unread


def lies_over(sample: Sample, recipe: Iterable[Step]) -> bool:
    """Say whether the kept region of a sample lies over a picture of it that was made by a recipe.

    True for its first view, whatever else was drawn on it or done to its colours.
    """
    first = expand_recipe(sample.recipe)[0] if sample.recipe else ()
    return _geometry(recipe) == _geometry(first)


def _geometry(recipe: Iterable[Step]) -> list[tuple[str, tuple[tuple[str, Scalar], ...]]]:
    """Keep the steps that move pixels, without the digests of the files that they read."""
    return [
        (step.operation, tuple(pair for pair in step.parameters if pair[0] != "digest"))
        for step in recipe
        if step.operation not in _STAYS
    ]


def region_path(folder: Path, row: int) -> Path:
    """Return where the region of a sample lies."""
    return folder / "regions" / f"{row}.png"


def with_region(folder: Path, row: int, sample: Sample) -> Sample:
    """Return a sample whose gold mask is the run folder's own copy, where there is one."""
    path = region_path(folder, row)
    return replace(sample, gold=replace(sample.gold, masks=(path,))) if path.exists() else sample
