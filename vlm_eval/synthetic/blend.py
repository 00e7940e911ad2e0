"""Ways to join a patch with a crop, and a filled crop with its picture.

Poisson blending: Perez, Gangnet and Blake, "Poisson Image Editing", SIGGRAPH 2003, through OpenCV's seamlessClone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from vlm_eval.synthetic.opencv import opencv
from vlm_eval.synthetic.seams import Mask, Picture
from vlm_eval.synthetic.windows import Window, bounds

_ERODED = 3


@dataclass(frozen=True, slots=True)
class Patch:
    """What is to be put in: a picture of the crop's size, of which the silhouette counts."""

    picture: Picture
    silhouette: Mask
    opacity: float = 1.0  # in (0, 1]


Blend = Callable[[Picture, Patch], Picture]


def poisson(crop: Picture, patch: Patch) -> Picture:
    """Keep the patch's gradients and take the level from the crop."""
    return _clone(crop, patch, "NORMAL_CLONE")


def poisson_mixed(crop: Picture, patch: Patch) -> Picture:
    """Keep at every pixel the stronger gradient of the two, so that the crop's texture shows through."""
    return _clone(crop, patch, "MIXED_CLONE")


def _clone(crop: Picture, patch: Patch, flag: str) -> Picture:
    cv2 = opencv()
    # OpenCV erodes what it is given by three pixels before it solves: that would take the outline off the patch.
    given = ndimage.binary_dilation(patch.silhouette, np.ones((3, 3)), iterations=_ERODED)
    # The equation needs a border of known pixels on all sides.
    given[[0, 1, -2, -1], :] = given[:, [0, 1, -2, -1]] = False
    if not given.any():
        return crop.copy()
    box = bounds(given)
    # The given mask's own box centre: with any other point OpenCV moves the patch.
    centre = (box.left + box.size[0] // 2, box.top + box.size[1] // 2)
    cloned = cv2.seamlessClone(patch.picture, crop, given.astype(np.uint8) * 255, centre, getattr(cv2, flag))
    # A difference of one grey level is the solver's rounding: it would be a trace of the edit and of nothing else.
    apart = np.abs(np.asarray(cloned).astype(np.int16) - crop).max(axis=2) > 1
    return _mix(crop, np.asarray(cloned), patch.silhouette * apart * patch.opacity)


def paste(crop: Picture, patch: Patch) -> Picture:
    """Lay the patch over the crop with its hard edge."""
    return _mix(crop, patch.picture, patch.silhouette * patch.opacity)


def feather(crop: Picture, patch: Patch) -> Picture:
    """Lay the patch over the crop with an edge about two pixels soft."""
    cover = opencv().GaussianBlur(patch.silhouette.astype(np.float32), (0, 0), 1.0)
    return _mix(crop, patch.picture, cover * patch.opacity)


BLENDS: dict[str, Blend] = {
    "poisson": poisson,
    "poisson-mixed": poisson_mixed,
    "paste": paste,
    "feather": feather,
}


def paste_back(picture: Picture, window: Window, filled: Picture, hole: Mask, blur: float) -> Picture:
    """Put a filled crop back into its picture through the hole, blurred by a Gaussian.

    Args:
        picture: the whole scene.
        window: where the crop was cut.
        filled: the crop with its hole filled.
        hole: of the crop.
        blur: deviation of the Gaussian in pixels; 0 keeps the edge of the hole hard.

    Returns:
        A new picture. Where the blurred hole is zero, every byte is the scene's own.
    """
    cover = hole.astype(np.float32)
    if blur > 0:
        cover = opencv().GaussianBlur(cover, (0, 0), blur)
    result = picture.copy()
    result[window.top : window.bottom, window.left : window.right] = _mix(window.crop(picture), filled, cover)
    return result


def _mix(below: Picture, above: Picture, cover: np.ndarray) -> Picture:
    weight = np.asarray(cover, dtype=np.float32)[..., None]
    mixed = below + (above.astype(np.float32) - below) * weight
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
