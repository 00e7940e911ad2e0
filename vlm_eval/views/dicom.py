"""Draws DICOM pictures through a window, as PS3.3 C.11.2 defines it; several frames as slices."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm_eval.errors import BadInputError
from vlm_eval.views.dicom_files import Dicom as DicomFile
from vlm_eval.views.dicom_files import read_dicom, read_shape, reading
from vlm_eval.views.fit import fitted, scale, spread, squared
from vlm_eval.views.panels import draw_panels, sheet_size
from vlm_eval.views.settings import Dicom

Array = NDArray[np.float64]
WINDOWS = {
    "abdomen": (40, 400), "bone": (480, 2500), "brain": (40, 80), "lung": (-600, 1500), "mediastinum": (40, 400),
    "stroke": (40, 40), "subdural": (75, 215),
}  # fmt: skip
"""Centre and width in Hounsfield units, as radiologists usually set them."""


def draw_dicom(data: bytes, path: Path, settings: Dicom) -> Image.Image:
    """Draw a slice or a sheet of slices, grey or RGB. Raises BadInputError."""
    with reading(path):
        file = read_dicom(data)
        numbers = chosen_slices(settings.slice, settings.slices, settings.turn, file.frames)
        pictures = [_draw(file, number, settings) for number in numbers]
        size = fitted(file.seen_size, settings.size)
    if settings.layout == "sheet":
        labels = [f"slice {number + 1} of {file.frames}" for number in numbers]
        return draw_panels([squared(one, settings.size, "black") for one in pictures], labels)
    return scale(pictures[0], size)


def size_of_dicom(settings: Dicom, path: Path) -> tuple[int, int]:
    """Return width and height in pixels of what draw_dicom draws. Raises BadInputError."""
    if settings.layout == "sheet":
        return sheet_size(1 if settings.slice >= 0 else settings.slices, settings.size)
    return fitted(read_shape(path), settings.size)


def chosen_slices(number: int, count: int, turn: int, length: int) -> Sequence[int]:
    """Return the numbers of the slices that are shown, from 0.

    Args:
        number: of the one that is asked for; -1 for `count` of them.
        count: so many, at the middles of equal parts.
        turn: which of those; -1 for all.
        length: slices that there are.

    Raises:
        BadInputError: there is no such slice.
    """
    if number >= length:
        raise BadInputError(f"has {length} slices, counted from 0; there is no slice {number}.")
    if number >= 0:
        return (number,)
    chosen = spread(count, length)
    return chosen if turn < 0 else chosen[turn : turn + 1]


def through_window(values: Array, center: float, width: float, function: str = "LINEAR") -> Array:
    """Return how bright values are, from 0 to 1 (PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Args:
        values: after rescaling.
        center: of the window.
        width: of the window; above 0, and at least 1 where the function is LINEAR.
        function: LINEAR, LINEAR_EXACT or SIGMOID.

    Raises:
        BadInputError: the width or the function is none that the standard allows.
    """
    if width <= 0 or (function == "LINEAR" and width < 1):
        raise BadInputError(f"has a window of the width {width:g}; state center and width in the step.")
    if function == "SIGMOID":
        bright: Array = 1 / (1 + np.exp(-4 * (values - center) / width))
        return bright
    if function == "LINEAR_EXACT":
        return np.clip((values - center) / width + 0.5, 0, 1)
    if function != "LINEAR":
        raise BadInputError(f"states the window function {function!r}; allowed are LINEAR, LINEAR_EXACT, SIGMOID.")
    if width == 1:
        return (values > center - 0.5).astype(np.float64)
    return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def _draw(file: DicomFile, number: int, settings: Dicom) -> Image.Image:
    pixels = file.read(number)
    if pixels.ndim == 3:
        image = Image.fromarray(pixels.astype(np.uint8))
    else:
        bright = _brightness(file, number, pixels, settings)
        bright = 1 - bright if file.inverted else bright
        image = Image.fromarray((bright * 255).round().astype(np.uint8))
    # Pixels that are not square are made so by more of them, so that none is lost before the picture is scaled.
    width, height = (round(side) for side in file.seen_size)
    return scale(image, (width, height))


def _brightness(file: DicomFile, number: int, pixels: NDArray[Any], settings: Dicom) -> Array:
    values, window = file.rescale(number, pixels)
    if settings.width:
        return through_window(values, settings.center, settings.width)
    if settings.window in WINDOWS:
        if file.modality != "CT":
            raise BadInputError(
                f"is no CT but {file.modality or 'of unknown modality'}: the window {settings.window!r} is in "
                "Hounsfield units. Set window to file or full, or state center and width."
            )
        return through_window(values, *WINDOWS[settings.window])
    if settings.window == "file":
        by_table = file.by_table(number, pixels)
        if by_table is not None:
            return by_table
        if window is not None:
            return through_window(values, *window)
    return _full(values, values == file.rescale(number, np.array([file.padding]))[0][0]
                 if file.padding is not None else None)  # fmt: skip


def _full(values: Array, padding: NDArray[np.bool_] | None) -> Array:
    """Span all values; padding, which is no measurement, becomes as dark as the lowest."""
    known = values if padding is None or padding.all() else values[~padding]
    low, high = float(known.min()), float(known.max())
    return np.clip((values - low) / (high - low), 0, 1) if high > low else np.full_like(values, 0.5)
