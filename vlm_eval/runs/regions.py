"""The gold regions of a run's samples, kept in its folder so that it can be scored without the data."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Sample
from vlm_eval.views.gold import gold_regions, has_gold_region


def keep_regions(folder: Path, samples: Iterable[tuple[int, Sample]]) -> list[str]:
    """Write the gold region of each sample's first view, once; return what could not be read.

    Args:
        folder: the run folder; regions go to `regions/<row>.png`, one bit a pixel.
        samples: with their rows in the store.
    """
    unread = []
    for row, sample in samples:
        path = region_path(folder, row)
        drawn = bool(sample.recipe) and has_gold_region(sample)
        if path.exists() or not (sample.gold.masks or sample.gold.boxes or drawn):
            continue
        try:
            if drawn:
                region = Image.fromarray(gold_regions(sample)[0])
            else:
                region = _from_masks(sample) if sample.gold.masks else _from_boxes(sample)
        except (OSError, ValueError, BadInputError) as error:
            unread.append(f"{sample.id}: the gold region cannot be read ({error})")
            continue
        path.parent.mkdir(exist_ok=True)
        region.save(path, "PNG")
    return unread


def region_path(folder: Path, row: int) -> Path:
    """Return where the region of a sample lies."""
    return folder / "regions" / f"{row}.png"


def with_region(folder: Path, row: int, sample: Sample) -> Sample:
    """Return a sample whose gold mask is the run folder's own copy, where there is one."""
    path = region_path(folder, row)
    return replace(sample, gold=replace(sample.gold, masks=(path,))) if path.exists() else sample


def _from_masks(sample: Sample) -> Image.Image:
    parts = [_read_mask(path) for path in sample.gold.masks]
    if len({part.shape for part in parts}) > 1:
        raise ValueError("its masks differ in size")
    return Image.fromarray(np.logical_or.reduce(parts))


def _read_mask(path: Path) -> NDArray[np.bool_]:
    with Image.open(path) as mask:
        return np.asarray(mask.convert("L")) > 0


def _from_boxes(sample: Sample) -> Image.Image:
    with Image.open(sample.sources[0]) as picture:
        region = Image.new("1", picture.size)
    pen = ImageDraw.Draw(region)
    for box in sample.gold.boxes:
        pen.rectangle((box.left, box.top, max(box.left, box.right - 1), max(box.top, box.bottom - 1)), fill=1)
    return region
