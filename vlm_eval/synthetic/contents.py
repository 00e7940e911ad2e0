"""What is put into a hole offline: cut-outs, a piece of the crop itself (CutPaste), or a texture from elsewhere.

CutPaste: Li et al., "CutPaste", CVPR 2021, section 2.1: a rectangle of the picture, its colours jittered, laid
elsewhere. Texture: after Zavrtanik et al., "DRAEM", ICCV 2021, section 3.2: thresholded Perlin noise is the
silhouette, and a texture shows through it with an opacity; here the textures are made, not taken from DTD.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from vlm_eval.errors import BadInputError
from vlm_eval.synthetic.blend import Patch
from vlm_eval.synthetic.cut_outs import CutOut, names_of
from vlm_eval.synthetic.opencv import opencv
from vlm_eval.synthetic.seams import Mask, Picture
from vlm_eval.synthetic.textures import perlin, texture
from vlm_eval.synthetic.windows import Window, bounds

Content = Callable[[Picture, Mask, str, np.random.Generator], Patch]
"""(crop, hole, name of what is wanted, generator) -> the patch to be joined with the crop."""

Flip = Literal["none", "horizontal", "both"]
_SCALES = (0.6, 1.25)  # beyond them a cut-out is sharper or more blurred than its scene, which shows
_JITTER = 0.1  # of brightness and contrast, as in CutPaste


class CutOutContent:
    """Puts in a cut-out of the name that is wanted, scaled to fit the hole, its proportions kept."""

    def __init__(self, cut_outs: Sequence[CutOut], flip: Flip = "horizontal", grow: int = 2) -> None:
        """Keep cut-outs.

        Args:
            cut_outs: of any names.
            flip: how a cut-out may be mirrored.
            grow: pixels of its surroundings that are taken with it.
        """
        self._by_name = {name: [one for one in cut_outs if one.name == name] for name in names_of(cut_outs)}
        self._flip, self._grow = flip, grow

    def __call__(self, crop: Picture, hole: Mask, target: str, rng: np.random.Generator) -> Patch:
        """Choose, scale and place a cut-out. Raises BadInputError for a name of which there is none."""
        if target not in self._by_name:
            raise BadInputError(f"there is no cut-out of {target!r}; there are {', '.join(self._by_name)}")
        box = bounds(hole)
        own = self._by_name[target]
        fitting = [one for one in own if _scale(one, box.size) >= _SCALES[0]] or own
        one = fitting[int(rng.integers(len(fitting)))]
        picture, silhouette = self._mirrored(one, rng)
        scale = min(_scale(one, box.size), _SCALES[1])
        width, height = (max(2, round(scale * side)) for side in silhouette.shape[::-1])
        left = box.left + int(rng.integers(max(1, box.size[0] - width + 1)))
        top = box.top + int(rng.integers(max(1, box.size[1] - height + 1)))
        return self._placed(crop, picture, silhouette, (left, top, width, height))

    def _mirrored(self, one: CutOut, rng: np.random.Generator) -> tuple[Picture, Mask]:
        across = bool(rng.integers(2)) and self._flip != "none"
        down = bool(rng.integers(2)) and self._flip == "both"
        step = (slice(None, None, -1 if down else 1), slice(None, None, -1 if across else 1))
        return one.picture[step], one.silhouette[step]

    def _placed(
        self, crop: Picture, picture: Picture, silhouette: Mask, place: tuple[int, int, int, int]
    ) -> Patch:
        cv2 = opencv()
        left, top, width, height = place
        shrinking = width < silhouette.shape[1]
        how = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
        scaled = cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=how)
        cover = cv2.resize(silhouette.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
        if self._grow:
            size = 2 * self._grow + 1
            around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
            cover = cv2.dilate(cover.astype(np.uint8), around) > 0
        whole, outline = crop.copy(), np.zeros(crop.shape[:2], dtype=np.bool_)
        whole[top : top + height, left : left + width] = scaled
        outline[top : top + height, left : left + width] = cover
        return Patch(whole, outline)


def _scale(one: CutOut, room: tuple[int, int]) -> float:
    share: float = min(room[0] / one.silhouette.shape[1], room[1] / one.silhouette.shape[0])
    return share


def cut_paste(crop: Picture, hole: Mask, target: str, rng: np.random.Generator) -> Patch:
    """Move a rectangle of the crop, as large as the hole, into the hole, its brightness and contrast jittered.

    Raises:
        BadInputError: the crop has no place beside the hole that large.
    """
    box = bounds(hole)
    (width, height), (rows, columns) = box.size, hole.shape
    if width * height * 2 > rows * columns:
        raise BadInputError(
            f"the crop of {columns}x{rows} pixels has no second place for a patch of {width}x{height}. "
            "Give a larger window or smaller size limits"
        )
    left, top = _elsewhere(box, (columns - width, rows - height), rng)
    piece = crop[top : top + height, left : left + width].astype(np.float32)
    gain, lift = rng.uniform(1 - _JITTER, 1 + _JITTER), rng.uniform(-_JITTER, _JITTER) * 255
    piece = (piece - piece.mean()) * gain + piece.mean() + lift
    whole = crop.copy()
    whole[box.top : box.bottom, box.left : box.right] = np.clip(piece, 0, 255).astype(np.uint8)
    return Patch(whole, hole.copy())


def _elsewhere(box: Window, last: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    """Choose a place that the hole does not overlap, or near a border one of the tenth that lies furthest off."""
    y, x = np.mgrid[: last[1] + 1, : last[0] + 1]
    apart = np.maximum(np.abs(x - box.left) / box.size[0], np.abs(y - box.top) / box.size[1])
    rows, columns = np.nonzero(apart >= min(1.0, float(np.quantile(apart, 0.9))))
    at = int(rng.integers(rows.size))
    return int(columns[at]), int(rows[at])


def strange_texture(crop: Picture, hole: Mask, target: str, rng: np.random.Generator) -> Patch:
    """Let a made texture show through a patch of thresholded noise within the hole."""
    box = bounds(hole)
    width, height = box.size
    noise = perlin(rng, (height, width), cells=int(rng.integers(2, 5)))
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    fade = 1 - np.hypot(x, y)  # the silhouette ends before the hole does, as a defect has an outline of its own
    field = noise + 2.6 * fade
    blot = field > np.quantile(field, rng.uniform(0.45, 0.7))
    outline = np.zeros(hole.shape, dtype=np.bool_)
    outline[box.top : box.bottom, box.left : box.right] = blot
    whole = crop.copy()
    whole[box.top : box.bottom, box.left : box.right] = texture(rng, (height, width), crop)
    return Patch(whole, outline & hole, opacity=float(rng.uniform(0.4, 1.0)))
