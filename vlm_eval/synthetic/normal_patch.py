"""Finds normal content for a hole: the place in other normal pictures whose surroundings fit the hole's best."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from vlm_eval.errors import BadInputError
from vlm_eval.synthetic.opencv import opencv
from vlm_eval.synthetic.seams import Mask, Picture
from vlm_eval.synthetic.windows import bounds

_COARSE = 200  # pixels of the longer side at which all normal pictures are searched
_REFINED = 4  # of them searched again at full size


class NormalPatches:
    """Searches normal pictures for a crop whose ring round the hole looks like that of the scene."""

    def __init__(self, normals: Sequence[Picture]) -> None:
        """Keep normal pictures. Raises BadInputError where there is none."""
        if not normals:
            raise BadInputError("no normal picture is left to take patches from; give at least two scenes")
        self._normals = tuple(normals)

    def find(self, crop: Picture, hole: Mask) -> Picture:
        """Return a piece of a normal picture of the crop's size.

        What is the same as the crop inside the hole too, such as the scene itself, is taken only where there is
        nothing else. Raises BadInputError where no normal picture is large enough.
        """
        ring, coarse = _ring(hole), []
        for number, normal in enumerate(self._normals):
            if normal.shape[0] >= crop.shape[0] and normal.shape[1] >= crop.shape[1]:
                coarse.append((_coarse_fit(normal, crop, ring), number))
        found = []
        for (_, left, top), number in sorted(coarse)[:_REFINED]:
            fit, piece = _fine_fit(self._normals[number], crop, ring, left, top)
            found.append((not (piece != crop)[hole].any(), fit, piece))
        if not found:
            raise BadInputError(
                f"no normal picture is as large as the crop of {crop.shape[1]}x{crop.shape[0]} pixels. "
                "Give more scenes, or leave out the control normal-patch"
            )
        return _levelled(min(found, key=lambda one: one[:2])[2], crop, hole)


def _levelled(normal: Picture, crop: Picture, hole: Mask) -> Picture:
    """Give a patch the contrast and, smoothly across the hole, the brightness that the ring round the hole has."""
    cv2 = opencv()
    ring = _ring(hole)
    here, there = crop[ring].astype(np.float32), normal[ring].astype(np.float32)
    gain = float(np.clip((here.std() + 1) / (there.std() + 1), 0.5, 2.0))
    patch = (normal - there.mean()) * gain + here.mean()
    deviation = max(3.0, max(hole.shape) / 8)
    known = (~hole).astype(np.float32)
    weight = cv2.GaussianBlur(known, (0, 0), deviation) + 1e-4
    smooth = cv2.GaussianBlur((crop - patch) * known[..., None], (0, 0), deviation) / weight[..., None]
    levelled: Picture = np.clip(patch + smooth + 0.5, 0, 255).astype(np.uint8)
    return levelled


def _ring(hole: Mask) -> Mask:
    """Return the pixels round a hole, half as wide as the hole; all others where it has none round it."""
    box = bounds(hole)
    width = max(4, min(box.size) // 2)
    ring: Mask = ndimage.binary_dilation(hole, iterations=width) & ~hole
    return ring if ring.any() else ~hole


def _coarse_fit(normal: Picture, crop: Picture, ring: Mask) -> tuple[float, int, int]:
    """Return how badly the best place of a picture fits, and its left and top, found on reduced pictures."""
    cv2 = opencv()
    factor = -(-max(normal.shape[:2]) // _COARSE)
    if factor == 1 or min(crop.shape[:2]) < 4 * factor:
        return _fit(normal, crop, ring)
    small = [
        cv2.resize(one, (one.shape[1] // factor, one.shape[0] // factor), interpolation=cv2.INTER_AREA)
        for one in (normal, crop, ring.astype(np.uint8))
    ]
    fit, left, top = _fit(small[0], small[1], small[2] > 0)
    return fit, left * factor, top * factor


def _fine_fit(normal: Picture, crop: Picture, ring: Mask, left: int, top: int) -> tuple[float, Picture]:
    """Return how badly the best place near a coarse one fits, and the piece at that place."""
    height, width = crop.shape[:2]
    reach = 2 * -(-max(normal.shape[:2]) // _COARSE)
    first_left = max(0, min(left - reach, normal.shape[1] - width))
    first_top = max(0, min(top - reach, normal.shape[0] - height))
    near = normal[first_top : first_top + height + 2 * reach, first_left : first_left + width + 2 * reach]
    fit, right, down = _fit(near, crop, ring)
    return fit, near[down : down + height, right : right + width]


def _fit(normal: Picture, crop: Picture, ring: Mask) -> tuple[float, int, int]:
    """Return how badly the best place of a picture fits the ring, and the left and top of that place.

    Fit is the squared difference a pixel over the ring after taking off the mean difference, so that a brighter
    exposure counts for nothing.
    """
    cv2 = opencv()
    mask = np.repeat(ring[..., None], 3, axis=2).astype(np.float32)
    there, here = normal.astype(np.float32), crop.astype(np.float32)
    squares = cv2.matchTemplate(there, here, cv2.TM_SQDIFF, mask=mask)
    sums = cv2.matchTemplate(there, mask, cv2.TM_CCORR) - float((here * mask).sum())
    pixels = max(1.0, float(mask.sum()))
    apart = (squares - sums**2 / pixels) / pixels
    top, left = np.unravel_index(int(np.argmin(apart)), apart.shape)
    return float(apart[top, left]), int(left), int(top)
