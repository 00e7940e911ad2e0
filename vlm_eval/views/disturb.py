"""Steps that spoil a picture in a stated way: controls of whether, and how well, a model looks.

Each gives a picture of the same size, grey or RGB, and the same one each time. Where a random draw is needed it
hangs on the step's seed and the picture's size alone, so an item and its reference are spoilt alike.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from vlm_eval.flow import Step
from vlm_eval.views.settings import Blank, Blur, Darken, Jpeg, Occlude, Recolour, Shuffle, read_settings

_COVER = 128


def is_disturbance(step: Step) -> bool:
    """Say whether a step is one of those here."""
    return step.operation in _DISTURBANCES


def moves_pixels(step: Step) -> bool:
    """Say whether a region of the picture lies elsewhere, or nowhere, after a step."""
    return step.operation in (Blank.operation, Shuffle.operation)


def disturb(image: Image.Image, step: Step) -> Image.Image:
    """Apply a step to a picture, grey or RGB. Raises InputError for a parameter that it does not know."""
    return _DISTURBANCES[step.operation](image, step)


def _blank(image: Image.Image, step: Step) -> Image.Image:
    grey = read_settings(step, Blank).grey
    return Image.new(image.mode, image.size, grey if image.mode == "L" else (grey, grey, grey))


def _shuffle(image: Image.Image, step: Step) -> Image.Image:
    """Permute the patches; the rows and columns that k does not divide stay where they are."""
    settings = read_settings(step, Shuffle)
    pixels = np.asarray(image).copy()
    height, width = pixels.shape[0] // settings.k, pixels.shape[1] // settings.k
    if not height or not width:
        return image
    inner = pixels[: height * settings.k, : width * settings.k]
    patches = inner.reshape(settings.k, height, settings.k, width, -1).swapaxes(1, 2)
    order = np.random.default_rng(settings.seed).permutation(settings.k**2)
    flat = patches.reshape(settings.k**2, height, width, -1)[order]
    inner[...] = flat.reshape(settings.k, settings.k, height, width, -1).swapaxes(1, 2).reshape(inner.shape)
    return Image.fromarray(pixels)


def _blur(image: Image.Image, step: Step) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(read_settings(step, Blur).radius * max(image.size)))


def _darken(image: Image.Image, step: Step) -> Image.Image:
    settings = read_settings(step, Darken)
    pixels = np.asarray(image, dtype=np.float32) * settings.light
    noise = np.random.default_rng(settings.seed).standard_normal(pixels.shape, dtype=np.float32)
    return Image.fromarray(np.clip(np.rint(pixels + settings.noise * noise), 0, 255).astype(np.uint8))


def _occlude(image: Image.Image, step: Step) -> Image.Image:
    settings = read_settings(step, Occlude)
    side = min(*image.size, round((settings.share * image.width * image.height) ** 0.5))
    generator = np.random.default_rng(settings.seed)
    left, top = (int(generator.integers(0, length - side + 1)) for length in image.size)
    covered = image.copy()
    colour = _COVER if image.mode == "L" else (_COVER, _COVER, _COVER)
    covered.paste(colour, (left, top, left + side, top + side))
    return covered


def _recolour(image: Image.Image, step: Step) -> Image.Image:
    kind = read_settings(step, Recolour).map
    if kind == "inverted":
        return ImageOps.invert(image)
    if image.mode == "L":
        return image
    if kind == "grey":
        return image.convert("L").convert("RGB")
    return Image.merge("RGB", image.split()[::-1])


def _jpeg(image: Image.Image, step: Step) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=read_settings(step, Jpeg).quality)
    with Image.open(out) as read:
        return read.convert(image.mode)


_DISTURBANCES: dict[str, Callable[[Image.Image, Step], Image.Image]] = {
    "blank": _blank,
    "shuffle": _shuffle,
    "blur": _blur,
    "darken": _darken,
    "occlude": _occlude,
    "recolour": _recolour,
    "jpeg": _jpeg,
}
