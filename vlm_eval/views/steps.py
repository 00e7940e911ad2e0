"""The steps of a recipe that draw, in order: a source operation first, then pieces and marks."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from vlm_eval.errors import BadInputError, InputError
from vlm_eval.flow import Recipe, Step
from vlm_eval.views.disturb import disturb, is_disturbance, moves_pixels
from vlm_eval.views.pieces import is_piece, piece_of
from vlm_eval.views.settings import Marks, read_settings
from vlm_eval.views.sources import draw_source, source_of

if TYPE_CHECKING:
    from vlm_eval.views.mark_regions import Labels


def is_drawn(step: Step, *, first: bool) -> bool:
    """Say whether a step is known here; a source operation only as the first one."""
    known = is_piece(step) or is_disturbance(step) or step.operation == Marks.operation
    return known or (first and source_of(step) is not None)


def draw(
    data: bytes, path: Path, recipe: Recipe, image: Image.Image | None = None
) -> tuple[Image.Image, "Labels | None"]:
    """Draw a recipe; return the picture, grey or RGB, and the regions of its marks where it has some.

    Args:
        data: the source file's bytes.
        path: of the source file.
        recipe: begins with a source operation where `image` is not given.
        image: what the first step is applied to.

    Raises:
        BadInputError, InputError.
    """
    labels = None
    for step in recipe:
        if image is None:
            image = draw_source(data, path, step)
        elif is_piece(step):
            piece = piece_of(step, image.size)
            image = piece.apply(image)
            labels = None if labels is None else piece.apply_mask(labels)
        elif is_disturbance(step):
            if labels is not None and moves_pixels(step):
                raise InputError(f"The step {step.operation!r} must come before the marks, which it would lose.")
            image = disturb(image, step)
        else:
            image, labels = _mark(image, path, step)
    if image is None:
        raise BadInputError(f"{path} has no step that draws it.")
    return image, labels


def _mark(image: Image.Image, path: Path, step: Step) -> "tuple[Image.Image, Labels]":
    from vlm_eval.views.marks import draw_marks

    settings = read_settings(step, Marks)
    try:
        return draw_marks(image, settings, _given(path, settings) if settings.path else b"")
    except BadInputError as error:
        raise BadInputError(f"{path}: {error}") from error


def _given(source: Path, settings: Marks) -> bytes:
    place = source.parent / settings.path.replace("{stem}", source.stem)
    try:
        data = place.read_bytes()
    except OSError as error:
        raise BadInputError(f"the regions {place} cannot be read ({error.strerror or error}).") from error
    if settings.digest and settings.digest != hashlib.sha256(data).hexdigest():
        raise BadInputError(f"the regions {place} changed since the run was planned. Start a new run.")
    return data
