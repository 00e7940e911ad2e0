"""Where a known anomaly lies in the views of an item: what gold says, carried through the same steps.

Gold masks are pictures of the anomaly in the source picture. Of a cloud they are pictures of a scanner's grid,
text tables of x, y, z and a label that is not 0 for anomalous points, or .npy files of a flag a point.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from vlm_eval.errors import BadInputError, InputError
from vlm_eval.flow import Recipe, Sample, Scalar, Step
from vlm_eval.views.disturb import moves_pixels
from vlm_eval.views.open import expand_recipe
from vlm_eval.views.pieces import is_piece, piece_of
from vlm_eval.views.settings import Nifti, Plot, Project, Text, Video, read_settings
from vlm_eval.views.sources import source_of

Mask = NDArray[np.bool_]
LEAST_SPAN = 5
"""Pixels: an interval of a series is drawn at least that wide, since nobody can point more closely."""

_ORIENTATION = 0x0112  # EXIF: 5 to 8 stand for pictures that lie on their side

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


def gold_regions(sample: Sample) -> tuple[Mask, ...]:
    """Return the anomaly's pixels in each view of a sample's first source, shape (height, width); or nothing.

    Raises:
        BadInputError: the source or the gold cannot be read, or they do not fit each other.
    """
    if not has_gold_region(sample):
        return ()
    try:
        return tuple(_region(sample, recipe) for recipe in expand_recipe(sample.recipe))
    except (InputError, OSError, ValueError) as error:
        raise BadInputError(f"The gold region of {sample.id} cannot be drawn: {error}") from error


def has_gold_region(sample: Sample) -> bool:
    """Say whether a sample's gold has a place, and its views are pictures."""
    gold = sample.gold
    text = bool(sample.recipe) and sample.recipe[0].operation == Text.operation
    if sample.recipe and sample.recipe[0].operation == Video.operation:
        return False  # gold tells when, not where
    return bool(gold.masks or gold.boxes or gold.intervals) and not text


def _region(sample: Sample, recipe: Recipe) -> Mask:
    first = recipe[0] if recipe else None
    if first is not None and source_of(first):
        mask, rest = _of_source(sample, first), recipe[1:]
    else:
        mask, rest = _of_picture(sample), recipe
    for step in rest:
        if moves_pixels(step):
            raise InputError(f"after the step {step.operation!r} it lies nowhere.")
        if is_piece(step):
            mask = piece_of(step, (mask.shape[1], mask.shape[0])).apply_mask(mask)
    return mask


def _of_source(sample: Sample, step: Step) -> Mask:
    source = sample.sources[0]
    data = source.read_bytes()
    if step.operation == Plot.operation:
        from vlm_eval.views.plot import interval_mask
        from vlm_eval.views.series_files import read_series

        settings = read_settings(step, Plot)
        series = read_series(data, source, settings.time, settings.values)
        return interval_mask(series, settings, sample.gold.intervals, least=LEAST_SPAN)
    if step.operation == Project.operation:
        from vlm_eval.views.cloud_shape import read_shape
        from vlm_eval.views.project import panel_masks

        view = read_settings(step, Project)
        shape = read_shape(data, source, view.plane)
        known = [anomalous_points(path, shape.raw, shape.organised) for path in sample.gold.masks]
        return panel_masks(shape, view, np.concatenate([*known, np.empty((0, 3))]))
    if step.operation == Nifti.operation:
        from vlm_eval.views.nifti import nifti_mask

        volumes = [nifti_mask(data, source, path, read_settings(step, Nifti)) for path in sample.gold.masks]
        return np.asarray(np.logical_or.reduce(volumes))
    raise BadInputError(f"no gold region is known for the step {step.operation!r}")


def anomalous_points(
    path: Path, points: NDArray[np.floating[Any]], organised: tuple[int, int] | None
) -> NDArray[np.floating[Any]]:
    """Return the coordinates of a cloud's anomalous points, shape (k, 3).

    Args:
        path: of the gold; see the top of this file.
        points: the cloud, shape (n, 3).
        organised: rows and columns of the scanner's grid.

    Raises:
        BadInputError: the gold cannot be read or does not fit the cloud.
    """
    ending = path.suffix.lower()
    if ending in PICTURES:
        mask = read_mask(path)
        if mask.shape != organised:
            raise BadInputError(
                f"{path} is {mask.shape[1]} x {mask.shape[0]} pixels, but the cloud's grid {organised}."
            )
        return np.asarray(points[mask.ravel()])
    if ending == ".npy":
        flags = np.load(path, allow_pickle=False).ravel()
        if len(flags) != len(points):
            raise BadInputError(f"{path} holds {len(flags):,} flags for {len(points):,} points.")
        return np.asarray(points[flags.astype(bool)])
    table = _labelled(path)
    return np.asarray(table[table[:, 3] != 0, :3])


def _labelled(path: Path) -> NDArray[np.float64]:
    import pandas as pd

    try:
        text = path.read_bytes()
        part = "," if b"," in text[:4096] else r"\s+"
        table = pd.read_csv(io.BytesIO(text), sep=part, header=None, dtype=np.float64, comment="#").to_numpy()
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path} cannot be read as x, y, z and label a line ({error}).") from error
    if table.shape[1] < 4:
        raise BadInputError(f"{path} has {table.shape[1]} columns; x, y, z and a label are needed.")
    return table


def read_mask(path: Path) -> Mask:
    """Return the pixels of a mask picture that are not zero, of a JPEG the bright half. Raises BadInputError."""
    try:
        with Image.open(path) as opened:
            least = 127 if opened.format == "JPEG" else 0  # its compression leaves specks around the borders
            return np.asarray(opened.convert("L") if opened.mode not in ("I", "I;16", "F") else opened) > least
    except (OSError, ValueError, SyntaxError) as error:
        raise BadInputError(f"The mask {path} cannot be read ({error}).") from error


def _of_picture(sample: Sample) -> Mask:
    """Return the region in the upright picture: boxes lie in it, a mask in it or in the pixels as stored."""
    if sample.gold.masks:
        parts = [read_mask(path) for path in sample.gold.masks]
        if len({part.shape for part in parts}) > 1:
            raise BadInputError("its masks differ in size")
        return _turned(np.asarray(np.logical_or.reduce(parts)), sample.sources[0])
    size, stored = _sizes(sample.sources[0])
    region = Image.new("1", size)
    pen = ImageDraw.Draw(region)
    for box in sample.gold.boxes:
        if stored != size and (box.right > size[0] + 1 or box.bottom > size[1] + 1):
            raise BadInputError(
                f"a box reaches to {box.right:g}, {box.bottom:g}, but the picture is {size[0]} x {size[1]} pixels "
                "once it is turned upright by its EXIF data. State boxes in the upright picture."
            )
        pen.rectangle((box.left, box.top, max(box.left, box.right - 1), max(box.top, box.bottom - 1)), fill=1)
    return np.asarray(region)


def _sizes(path: Path) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return a picture's size once it is upright and as it is stored; Pillow opens a TIFF upright."""
    with Image.open(path) as picture:
        lying = picture.format != "TIFF" and picture.getexif().get(_ORIENTATION, 1) >= 5
        return (picture.size[::-1] if lying else picture.size), picture.size


def _turned(mask: Mask, source: Path) -> Mask:
    """Turn a mask of the size of the stored picture as the picture itself is turned."""
    shape = mask.shape[::-1]
    if not source.is_file():
        return mask  # the item fails by itself when it is asked about
    size, stored = _sizes(source)
    if size == stored or shape != stored:
        return mask
    region = Image.fromarray(mask)
    with Image.open(source) as picture:
        region.getexif()[_ORIENTATION] = picture.getexif()[_ORIENTATION]
    return np.asarray(ImageOps.exif_transpose(region))


@dataclass(frozen=True, slots=True)
class Marked:
    """What a set of marks says of a sample."""

    metadata: dict[str, Scalar]  # `marks`: how many; `mark 3`: its box, "left top right bottom" in pixels
    gold: tuple[int, ...]  # the marks whose union comes nearest to the anomaly
    iou: float | None  # of that union; None where the place of the anomaly is not known


def mark_sample(sample: Sample, marking: Step) -> Marked:
    """Draw the marks of a sample's first view once, and find which of them lie on its anomaly.

    Raises:
        BadInputError, InputError: the view cannot be drawn or has no region to mark.
    """
    from vlm_eval.views.mark_boxes import mark_boxes
    from vlm_eval.views.marks import gold_marks
    from vlm_eval.views.open import open_views
    from vlm_eval.views.render import draw_labels

    view = open_views(sample.sources[0], "marked", (*sample.recipe, marking))[0]
    labels = draw_labels(view)
    metadata: dict[str, Scalar] = {"marks": int(labels.max()), **mark_boxes(labels)}
    regions = gold_regions(sample) if sample.gold.anomalous == "yes" else ()
    if not regions:
        return Marked(metadata, (), None)
    if regions[0].shape != labels.shape:
        raise BadInputError(f"The gold of {sample.id} has the shape {regions[0].shape}, its view {labels.shape}.")
    found = gold_marks(labels, regions[0])
    return Marked(metadata, found.marks, found.iou) if found else Marked(metadata, (), 0.0)
