"""Cut-outs: real defects and objects with their silhouettes, taken from data that has masks or boxes, or drawn."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from vlm_eval.errors import BadInputError, CardError
from vlm_eval.flow import Sample
from vlm_eval.synthetic.pictures import read_mask, read_picture
from vlm_eval.synthetic.seams import Mask, Picture, seeded
from vlm_eval.synthetic.windows import Window, bounds, box_hole

LEAST_PIXELS = 16
"""A smaller silhouette is no shape that anybody could see."""

MARGIN = 8
"""Pixels round the silhouette that are cut with it: Poisson blending takes its gradients across the edge."""

_DIFFERENT = 40  # grey levels between a test picture and its template that count as the defect


@dataclass(frozen=True, slots=True)
class CutOut:
    """A piece of a picture and the pixels of it that count; `source` says where it was cut."""

    name: str
    picture: Picture
    silhouette: Mask
    source: str


def cut(picture: Picture, silhouette: Mask, name: str, source: str) -> CutOut:
    """Cut the window of a silhouette with a margin out of a picture. Raises BadInputError where it is empty."""
    box, (height, width) = bounds(silhouette), silhouette.shape
    window = Window(
        max(0, box.left - MARGIN),
        max(0, box.top - MARGIN),
        min(width, box.right + MARGIN),
        min(height, box.bottom + MARGIN),
    )
    return CutOut(name, window.crop(picture), window.crop(silhouette), source)


def read_cut_outs(samples: Sequence[Sample], each: int | None = None) -> tuple[CutOut, ...]:
    """Cut what is anomalous out of samples with masks or boxes.

    A mask gives one cut-out a connected part. A box gives the pixels in it that differ from the sample's own
    reference (template/test pairs), and the whole box where there is none.

    Args:
        samples: normal ones and those without a gold region are left out.
        each: cut-outs a name at most; None for all.

    Raises:
        CardError: no sample has a region to cut.
        BadInputError: a picture or mask cannot be read, or a region leaves its picture.
    """
    found: dict[str, list[CutOut]] = {}
    for sample in samples:
        if sample.gold.anomalous != "yes" or not (sample.gold.masks or sample.gold.boxes):
            continue
        for one in _of_sample(sample):
            kept = found.setdefault(one.name, [])
            if each is None or len(kept) < each:
                kept.append(one)
    if not found:
        raise CardError(
            "None of the samples has a mask or a box of what is anomalous, so there is nothing to cut out. "
            "Give a data set with masks or boxes, set cut_outs.estimate, or use the inpainter cut-paste or texture"
        )
    return tuple(one for name in sorted(found) for one in found[name])


def _of_sample(sample: Sample) -> Iterator[CutOut]:
    picture = read_picture(sample.sources[0])
    if sample.gold.masks:
        mask = np.logical_or.reduce([read_mask(path, picture) for path in sample.gold.masks])
        for part in _parts(mask):
            yield cut(picture, part, sample.gold.defect_type or "anomaly", sample.id)
        return
    template = read_picture(sample.references[0]) if sample.references else None
    for box in sample.gold.boxes:
        hole = box_hole((box.left, box.top, box.right, box.bottom), picture)
        silhouette = hole if template is None else _differing(picture, template, hole, sample.references[0])
        if silhouette.sum() >= LEAST_PIXELS:
            yield cut(picture, silhouette, box.label or sample.gold.defect_type or "anomaly", sample.id)


def _parts(mask: Mask) -> Iterator[Mask]:
    # Specks a pixel or two apart are one defect to the eye.
    joined, count = ndimage.label(ndimage.binary_dilation(mask, iterations=3))
    for number in range(1, count + 1):
        part: Mask = mask & (joined == number)
        if part.sum() >= LEAST_PIXELS:
            yield part


def _differing(picture: Picture, template: Picture, hole: Mask, path: Path) -> Mask:
    if template.shape != picture.shape:
        raise BadInputError(f"{path} is not of the size of the picture it is the template of")
    apart = np.abs(picture.astype(np.int16) - template).max(axis=2) > _DIFFERENT
    # Edges that lie a pixel apart are no defect; what is left may be several things, of which the box means one.
    parts, count = ndimage.label(ndimage.binary_opening(apart & hole, iterations=2))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    largest = parts == 1 + int(np.argmax(sizes)) if count else np.zeros_like(hole)
    # Grown back, but only into what differs: a pixel of the surroundings would be an outline elsewhere.
    found: Mask = ndimage.binary_dilation(largest, iterations=2) & apart & hole
    return found


def drawn_cut_outs(count: int = 12, seed: int = 0) -> tuple[CutOut, ...]:
    """Cut the drawn objects (fork, knife, spoon, cup) out of the demo's table scenes, where they lie on top."""
    from vlm_eval.data.demo_scenes import DEFECTS, draw_scene

    found = []
    for number in range(count):
        drawing = draw_scene(seeded(seed, "drawn", number), DEFECTS[0])
        if drawing.mask is not None:
            name = drawing.accepted[0].removeprefix("misplaced ")
            found.append(cut(np.asarray(drawing.picture), drawing.mask, name, f"demo scene {seed}/{number}"))
    return tuple(found)


def names_of(cut_outs: Iterable[CutOut]) -> tuple[str, ...]:
    """List the names of cut-outs, sorted."""
    return tuple(sorted({one.name for one in cut_outs}))
