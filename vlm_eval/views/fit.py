"""Brings drawn pictures to the size that was asked for, in their own proportions."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Size = tuple[int, int]  # width, height


def fitted(size: tuple[float, float], longest: int) -> Size:
    """Return width and height of a picture whose longer side becomes `longest` pixels."""
    factor = longest / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def scale(image: Image.Image, size: Size) -> Image.Image:
    """Scale a picture: by area means where it becomes smaller, by cubic curves where it becomes larger."""
    if image.size == size:
        return image
    smaller = min(image.width, size[0]), min(image.height, size[1])
    image = image if smaller == image.size else image.resize(smaller, Image.Resampling.BOX)
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC)


def scale_mask(mask: NDArray[np.bool_], size: Size) -> NDArray[np.bool_]:
    """Scale a mask to (width, height); a pixel that an anomaly touches belongs to it."""
    whole = Image.fromarray(mask.astype(np.uint8) * 255)
    smaller = min(whole.width, size[0]), min(whole.height, size[1])
    touched = whole.resize(smaller, Image.Resampling.BOX)
    return np.asarray(touched.resize(size, Image.Resampling.NEAREST)) > 0


def squared(image: Image.Image, side: int, paper: str = "white") -> Image.Image:
    """Fit a picture into a square of `side` pixels, centred; what it leaves free is paper."""
    image = scale(image, fitted(image.size, side))
    square = Image.new("RGB", (side, side), paper)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def spread(count: int, length: int) -> tuple[int, ...]:
    """Return the middles of `count` equal parts of `length` slices, as numbers from 0."""
    return tuple(int((number + 0.5) / count * length) for number in range(count))
