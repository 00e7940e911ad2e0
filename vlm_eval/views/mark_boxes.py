"""The regions of marks in words, as a question keeps them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def mark_boxes(labels: NDArray[np.integer[Any]]) -> dict[str, str]:
    """Return `mark N`: "left top right bottom" in pixels, right and bottom exclusive, of each region."""
    return {
        f"mark {number}": f"{where[1].start} {where[0].start} {where[1].stop} {where[0].stop}"
        for number, where in enumerate(ndimage.find_objects(labels), 1)
        if where is not None
    }
