"""Patch features of a picture: the mid-level of EfficientNet-Lite0, through ONNX Runtime.

Features of a middle level, averaged over 3x3 patches: Roth et al., "PatchCore", CVPR 2022, section 3.1.
"""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter

from vlm_eval.backends.lite0_graph import Features, Lite0, Output
from vlm_eval.errors import BadInputError

SIDE = 224  # pixels of the square that every picture is stretched to


class LiteFeatures:
    """Turns pictures into patch features: shape (pictures, 14, 14, 112) at stride 16."""

    # At stride 16 parts have a meaning and ImageNet's classes do not yet.
    def __init__(self, threads: int = 1, level: Output = "stride16") -> None:
        self._network = Lite0((level,), threads)
        self.facts: Mapping[str, str | int] = self._network.facts

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> Features:
        """Return the features of pictures of shape (SIDE, SIDE, 3)."""
        (found,) = self._network(pictures)
        smooth = uniform_filter(found, size=(1, 1, 3, 3), mode="nearest")
        return np.ascontiguousarray(smooth.transpose(0, 2, 3, 1), dtype=np.float32)


def decode(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decode a picture to RGB, stretched to SIDE x SIDE. Raises BadInputError."""
    return stretch(open_rgb(data, name))


def open_rgb(data: bytes, name: str) -> Image.Image:
    """Decode a picture to RGB in its own size. Raises BadInputError."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadInputError(f"{name} cannot be decoded: {error}") from error


def stretch(picture: Image.Image) -> NDArray[np.uint8]:
    """Stretch a picture to SIDE x SIDE."""
    return np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))
