"""Cuts a picture into the regions that get numbered marks: 0 is no region, 1, 2, ... are the regions."""

import hashlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from scipy import ndimage

from vlm_eval.errors import BadInputError, MissingExtraError
from vlm_eval.views.settings import Marks

Labels = NDArray[np.int32]
Pixels = NDArray[np.uint8]


def regions_of(pixels: Pixels, settings: Marks, given: bytes = b"") -> Labels:
    """Return the regions of an RGB picture, shape (height, width), numbered in reading order.

    Args:
        pixels: shape (height, width, 3).
        settings: which kind of regions, and how many.
        given: the file that `settings.path` names, for masks and heat maps.

    Raises:
        BadInputError: given masks or heat cannot be read, do not fit the picture, or hold no region.
        MissingExtraError: scikit-image is needed and not installed.
    """
    labels = _KINDS[settings.regions](pixels, settings, given)
    if labels.shape != pixels.shape[:2]:
        raise BadInputError(
            f"{settings.path} is {labels.shape[1]} x {labels.shape[0]} pixels, the picture {pixels.shape[1]} x "
            f"{pixels.shape[0]}. Marks need regions of the picture's own size."
        )
    if not labels.any():
        raise BadInputError(
            f"{settings.path or settings.regions} gives no region to mark. Leave marks off for it."
        )
    return in_reading_order(labels)


def in_reading_order(labels: Labels) -> Labels:
    """Number regions 1, 2, ... by their centres, in rows from the top and from the left within a row."""
    names = np.unique(labels[labels > 0])
    centres = np.array(ndimage.center_of_mass(np.ones(labels.shape, bool), labels, names)).reshape(-1, 2)
    band = max(1.0, labels.shape[0] / max(1.0, np.sqrt(len(names))))
    order = np.lexsort((centres[:, 1], np.floor(centres[:, 0] / band)))
    table = np.zeros(int(labels.max()) + 1, np.int32)
    table[names[order]] = np.arange(1, len(names) + 1)
    return np.asarray(table[labels])


def _grid(pixels: Pixels, settings: Marks, given: bytes) -> Labels:
    height, width = pixels.shape[:2]
    side = max(1, round(settings.count**0.5))
    rows = np.minimum(np.arange(height) * side // height, side - 1)
    columns = np.minimum(np.arange(width) * side // width, side - 1)
    return np.asarray(1 + rows[:, None] * side + columns, np.int32)


def _random(pixels: Pixels, settings: Marks, given: bytes) -> Labels:
    """Scatter ellipses that do not touch, of a fiftieth to a tenth of the picture: a control without meaning.

    The seed and the picture decide, so that each picture has its own.
    """
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).digest()
    rng = np.random.default_rng([settings.seed, int.from_bytes(digest[:8])])
    labels = np.zeros((height, width), np.int32)
    found = 0
    for _ in range(40 * settings.count):
        if found == settings.count:
            break
        share = rng.uniform(0.02, 0.1) * min(1.0, 9 / settings.count)
        radius = np.sqrt(share * height * width / np.pi)
        y, x, squeeze = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(0.7, 1.4)
        reach = radius * squeeze + 5, radius / squeeze + 5
        top, left = max(0, int(y - reach[0])), max(0, int(x - reach[1]))
        near = labels[top : int(y + reach[0]) + 1, left : int(x + reach[1]) + 1]
        down, across = np.indices(near.shape)
        inside = ((down + top - y) / squeeze) ** 2 + ((across + left - x) * squeeze) ** 2 < radius**2
        if inside.sum() > 16 and not near.any():
            found += 1
            near[inside] = found
    return labels


def _slic(pixels: Pixels, settings: Marks, given: bytes) -> Labels:
    return np.asarray(
        _segmentation().slic(pixels, n_segments=settings.count, compactness=12, sigma=1, start_label=1), np.int32
    )


def _felzenszwalb(pixels: Pixels, settings: Marks, given: bytes) -> Labels:
    """Segment at a scale that gives at most the wanted number; small regions join their neighbours."""
    least = max(32, pixels.shape[0] * pixels.shape[1] // (8 * settings.count))
    labels = np.ones(pixels.shape[:2], np.int32)
    for scale in (100, 300, 900, 2700):
        labels = _segmentation().felzenszwalb(pixels, scale=scale, sigma=0.8, min_size=least) + 1
        if labels.max() <= settings.count:
            break
    return np.asarray(labels, np.int32)


def _segmentation() -> Any:
    try:
        from skimage import segmentation
    except ImportError as error:
        raise MissingExtraError("scikit-image", "marks", "Marks on slic or felzenszwalb regions") from error
    return segmentation


def _masks(pixels: Pixels, settings: Marks, given: bytes) -> Labels:
    """Read given regions: a picture of labels, a picture of one mask, or a .npy stack of masks (n, rows, columns).

    The pieces of a single mask that do not touch are regions of their own. Where stacked masks overlap, the
    smaller one is on top.
    """
    array = _read(given, settings)
    if array.ndim == 3:
        masks = sorted(array.astype(bool), key=lambda mask: -int(mask.sum()))
        labels = np.zeros(array.shape[1:], np.int32)
        for number, mask in enumerate(masks, 1):
            labels[mask] = number
        return labels
    values = np.unique(array[array > 0])
    if len(values) == 1:
        return np.asarray(ndimage.label(array > 0)[0], np.int32)
    return np.asarray(np.searchsorted(values, array) + 1, np.int32) * (array > 0)


def _heat(pixels: Pixels, settings: Marks, given: bytes) -> Labels:
    """Cut a heat map where it stands out from the rest: pieces above the mean by two deviations, hottest first."""
    heat = _read(given, settings).astype(np.float64)
    if heat.ndim != 2 or not np.isfinite(heat).all():
        raise BadInputError(f"{settings.path} is no heat map: finite numbers of shape (rows, columns) are needed.")
    if heat.shape[0] > pixels.shape[0] or heat.shape[1] > pixels.shape[1]:
        raise BadInputError(f"{settings.path} has the shape {heat.shape}, the picture {pixels.shape[:2]}.")
    if heat.shape != pixels.shape[:2]:  # scores of patches, stretched between their centres
        size = (pixels.shape[1], pixels.shape[0])
        heat = np.asarray(Image.fromarray(heat.astype(np.float32)).resize(size, Image.Resampling.BILINEAR))
    pieces, count = ndimage.label(heat > heat.mean() + 2 * heat.std())
    if not count:
        return np.zeros(heat.shape, np.int32)
    peaks = np.asarray(ndimage.maximum(heat, pieces, np.arange(1, count + 1)))
    hottest = 1 + np.argsort(-peaks, kind="stable")[: settings.count]
    return np.where(np.isin(pieces, hottest), pieces, 0).astype(np.int32)


def _read(given: bytes, settings: Marks) -> NDArray[Any]:
    try:
        if given.startswith(b"\x93NUMPY"):
            array = np.load(io.BytesIO(given), allow_pickle=False)
        else:
            with Image.open(io.BytesIO(given)) as opened:
                array = np.asarray(opened if opened.mode in ("I", "I;16", "L", "P", "F") else opened.convert("L"))
    except UnidentifiedImageError as error:
        raise BadInputError(f"{settings.path} is not a picture that can be read. Replace it.") from error
    except Exception as error:  # a decoder may raise anything; whatever it is, this file is at fault
        raise BadInputError(f"{settings.path} cannot be read ({error}). Give a picture or a .npy file.") from error
    if array.ndim not in (2, 3) or array.dtype.kind not in "biuf":
        raise BadInputError(
            f"{settings.path} holds {array.dtype} of shape {array.shape}; (rows, columns) is needed."
        )
    return np.asarray(array)


def _sam(pixels: Pixels, settings: Marks, given: bytes) -> Labels:
    from vlm_eval.views.mark_sam import sam_regions

    return sam_regions(pixels, settings)


_KINDS: dict[str, Callable[[Pixels, Marks, bytes], Labels]] = {
    "grid": _grid, "slic": _slic, "felzenszwalb": _felzenszwalb, "masks": _masks, "heat": _heat, "random": _random,
    "sam": _sam,
}  # fmt: skip
