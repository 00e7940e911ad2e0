"""Cut-outs of anomalous pictures that come without a region: where it lies is estimated from normal pictures.

The estimate is the connected place at which EfficientNet-Lite0's patch features lie furthest from those of normal
pictures (the idea of PatchCore, Roth et al., CVPR 2022). It is coarse, and wrong where the label is.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from vlm_eval.backends.patch_nn_features import LiteFeatures, stretch
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample
from vlm_eval.synthetic.cut_outs import CutOut, cut
from vlm_eval.synthetic.pictures import read_picture
from vlm_eval.synthetic.seams import Mask, Picture, seeded

NORMALS = 30
EACH = 20
"""Cut-outs a class where nobody states how many."""

_LEVEL = 0.6  # of the way from the median to the peak distance: what lies above it is the anomaly
_ROUNDING = 0.02  # of the length of a feature: what lies no further off is the same
_LARGEST_SHARE = 0.2  # of the picture: a larger region is no defect with a place


def estimated_cut_outs(samples: Sequence[Sample], each: int | None, seed: int) -> tuple[CutOut, ...]:
    """Cut what deviates most out of anomalous pictures.

    Args:
        samples: normal and anomalous ones; each class is compared with its own normal pictures.
        each: cut-outs a class at most.
        seed: of the choice of pictures.

    Raises:
        CardError: a class has no normal picture, or nothing deviates at one place.
        BadInputError: a picture cannot be read.
    """
    features = LiteFeatures()
    classes = sorted({sample.object_class for sample in samples if sample.gold.anomalous == "yes"})
    found = [one for name in classes for one in _of_class(samples, name, features, each or EACH, seed)]
    if not found:
        raise CardError(
            "No anomalous picture deviates from the normal ones at one place; there is nothing to cut out"
        )
    return tuple(found)


def _of_class(
    samples: Sequence[Sample], name: str, features: LiteFeatures, each: int, seed: int
) -> Iterator[CutOut]:
    normals = _drawn(samples, name, "no", seed)[:NORMALS]
    if not normals:
        raise CardError(f"The class {name} has no normal picture, which cut_outs.estimate needs to compare with")
    memory = np.concatenate([_features(features, read_picture(one.sources[0])) for one in normals])
    made = 0
    for sample in _drawn(samples, name, "yes", seed):
        picture = read_picture(sample.sources[0])
        region = deviating(_features(features, picture), memory, (picture.shape[0], picture.shape[1]))
        if region is not None:
            yield cut(picture, region, sample.gold.defect_type or "anomaly", sample.id)
            made += 1
        if made == each:
            return


def _drawn(samples: Sequence[Sample], name: str, anomalous: str, seed: int) -> list[Sample]:
    own = [one for one in samples if one.object_class == name and one.gold.anomalous == anomalous]
    return [own[at] for at in seeded(seed, name, anomalous).permutation(len(own))]


def _features(features: LiteFeatures, picture: Picture) -> NDArray[np.float32]:
    patches: NDArray[np.float32] = features([stretch(Image.fromarray(picture))])[0]
    return patches.reshape(-1, patches.shape[-1])


def deviating(own: NDArray[np.float32], memory: NDArray[np.float32], shape: tuple[int, int]) -> Mask | None:
    """Return the region round the patch that lies furthest from all normal patches, or None.

    None where nothing deviates, where the region is large, and where it touches the border.

    Args:
        own: features of the patches of a picture, shape (rows x columns, channels), rows = columns.
        memory: features of normal patches.
        shape: height and width of the picture.
    """
    squares = (own**2).sum(axis=1)[:, None] - 2 * own @ memory.T + (memory**2).sum(axis=1)[None]
    distance = np.sqrt(np.maximum(squares.min(axis=1), 0))
    if distance.max() <= _ROUNDING * np.linalg.norm(own, axis=1).mean():
        return None
    side = round(len(distance) ** 0.5)
    whole = np.asarray(
        Image.fromarray(distance.reshape(side, side)).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    )
    middle, peak = float(np.median(whole)), np.unravel_index(int(whole.argmax()), whole.shape)
    parts, _ = ndimage.label(whole > middle + _LEVEL * (float(whole[peak]) - middle))
    region: Mask = (parts == parts[peak]) & (parts > 0)
    at_border = region[0].any() or region[-1].any() or region[:, 0].any() or region[:, -1].any()
    # What the border cuts off would show a straight edge wherever it is put.
    return region if not at_border and 0 < region.mean() <= _LARGEST_SHARE else None
