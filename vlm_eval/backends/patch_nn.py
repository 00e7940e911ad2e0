"""`baseline:patch-nn`: how far a picture's patches are from those of normal pictures; a score and a score map."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vlm_eval.backends.lite0_graph import Features
from vlm_eval.backends.patch_nn_features import decode
from vlm_eval.backends.patch_nn_memory import MOST, PatchMemory
from vlm_eval.backends.support_comparison import BATCH, SupportComparison

PatchExtractor = Callable[[Sequence[NDArray[np.uint8]]], Features]
"""Pictures of shape (224, 224, 3) to patch features of shape (pictures, rows, columns, channels)."""


class PatchNearestNeighbour(SupportComparison):
    """Compares the patches of each query with those of the references of its own request."""

    def __init__(self, extract: PatchExtractor, batch_size: int = BATCH, patches: int = MOST) -> None:
        super().__init__(extract, decode, lambda features: PatchMemory(features, patches), "patch-nn", batch_size)
