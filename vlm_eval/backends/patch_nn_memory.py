"""What the patches of normal pictures look like, and how far from that a patch is.

Roth et al., "Towards Total Recall in Industrial Anomaly Detection" (PatchCore), CVPR 2022: sections 3.2 (the
memory is thinned by greedy k-centre choice in a random projection) and 3.3 (distance to the nearest neighbour).
"""

import numpy as np
from numpy.typing import NDArray

from vlm_eval.backends.lite0_graph import Features

MOST = 4096  # patches that are kept: 20 times faster than 200 whole pictures, and no worse on solar cells
_PROJECTED = 24  # dimensions in which they are chosen
_TOP = 0.05  # share of the patches, the most distant ones, whose mean distance is the score of a picture


class PatchMemory:
    """The patches of the support set, thinned to at most `most` that cover it evenly."""

    def __init__(self, features: Features, most: int = MOST) -> None:
        """Keep patches of features, shape (..., channels), of at least one patch."""
        patches = features.reshape(-1, features.shape[-1])
        self.patches = patches if len(patches) <= most else patches[cover(patches, most)]
        self._norms = np.einsum("pc,pc->p", self.patches, self.patches)

    def judge(self, features: Features) -> tuple[float, NDArray[np.float32]]:
        """Return the score and the score map of one picture by its features, shape (rows, columns, channels)."""
        distances = self.distances(features)
        return picture_score(distances), distances

    def distances(self, features: Features) -> NDArray[np.float32]:
        """Return the Euclidean distance of each patch to its nearest neighbour, in the shape without channels."""
        patches = features.reshape(-1, features.shape[-1])
        gaps = patches @ self.patches.T
        gaps *= -2
        gaps += self._norms
        # From the difference, as the sum of squares above loses what is small beside the features themselves.
        found = np.linalg.norm(patches - self.patches[gaps.argmin(axis=1)], axis=1)
        return np.asarray(found.reshape(features.shape[:-1]), dtype=np.float32)


def cover(patches: Features, count: int, seed: int = 0) -> NDArray[np.int64]:
    """Choose patches greedily, each the one farthest from those chosen before; return their indices.

    The distances are taken in a random projection to a few dimensions, which keeps them roughly.
    """
    generator = np.random.default_rng(seed)
    low = patches
    if patches.shape[1] > _PROJECTED:
        low = patches @ generator.normal(size=(patches.shape[1], _PROJECTED)).astype(np.float32)
    norms = np.einsum("pc,pc->p", low, low)
    gaps = np.full(len(low), np.inf, dtype=np.float32)
    chosen = np.zeros(count, dtype=np.int64)
    for place in range(count):
        newest = chosen[place] = int(gaps.argmax())
        np.minimum(gaps, norms - 2 * (low @ low[newest]) + norms[newest], out=gaps)
        gaps[newest] = -np.inf  # never twice, not even among equal patches
    return chosen


def picture_score(distances: NDArray[np.float32]) -> float:
    """Return the mean distance of the most distant twentieth of a picture's patches, at least one patch.

    The maximum alone hangs on one patch: AUROC 0.949 against 0.956 on the monocrystalline cells of ELPV.
    """
    ordered = np.sort(distances, axis=None)[::-1]
    return float(ordered[: max(1, round(_TOP * ordered.size))].mean())
