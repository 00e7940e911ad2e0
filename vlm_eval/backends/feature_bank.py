"""`baseline:feature-bank`: how far one vector a picture is from those of normal pictures.

The default is the sum of the Euclidean distances to the 3 nearest: Mirzaei et al., "Fake It Until You Make It",
ICLR 2023, as "Model selection of anomaly detectors in the absence of labeled validation data" uses it (4.2).
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vlm_eval.backends.joint_encoder import unit
from vlm_eval.backends.lite0_graph import Features
from vlm_eval.errors import BadInputError

Distance = Literal["euclidean", "cosine"]


class NearestBank:
    """The sum of the distances to the k nearest vectors of the support set."""

    def __init__(self, features: Features, k: int = 3, distance: Distance = "euclidean") -> None:
        """Keep features, shape (pictures, channels), of at least k pictures."""
        self._cosine = distance == "cosine"
        self._k = k
        self._bank = unit(features) if self._cosine else features

    def judge(self, features: Features) -> tuple[float, None]:
        """Score one picture by its features, shape (channels,)."""
        return float(np.sort(self._gaps(features))[: self._k].sum()), None

    def _gaps(self, features: Features) -> NDArray[np.floating]:
        if self._cosine:
            return 1 - self._bank @ unit(features)
        return np.asarray(np.linalg.norm(self._bank - features, axis=1))


class MeanBank:
    """The distance to the mean of the support set, the cosine one between vectors of length 1."""

    def __init__(self, features: Features, distance: Distance = "euclidean") -> None:
        """Take the mean of features, shape (pictures, channels)."""
        self._cosine = distance == "cosine"
        self._mean = unit(unit(features).mean(axis=0)) if self._cosine else features.mean(axis=0)

    def judge(self, features: Features) -> tuple[float, None]:
        """Score one picture by its features, shape (channels,)."""
        if self._cosine:
            return float(1 - self._mean @ unit(features)), None
        return float(np.linalg.norm(features - self._mean)), None


class MahalanobisBank:
    """The Mahalanobis distance to the support set, its covariance shrunk after Ledoit and Wolf (2004)."""

    def __init__(self, features: Features) -> None:
        """Fit features, shape (pictures, channels), of at least two pictures. Raises BadInputError."""
        from sklearn.covariance import LedoitWolf

        if not np.ptp(features, axis=0).any():
            raise BadInputError(
                "The features of all normal pictures are the same, so there is no Mahalanobis distance to them. "
                "Give other normal pictures, or to=nearest."
            )
        fitted = LedoitWolf().fit(features.astype(np.float64))
        self._mean: NDArray[np.float64] = fitted.location_
        self._precision: NDArray[np.float64] = fitted.precision_

    def judge(self, features: Features) -> tuple[float, None]:
        """Score one picture by its features, shape (channels,)."""
        gap = features.astype(np.float64) - self._mean
        return math.sqrt(max(0.0, float(gap @ self._precision @ gap))), None
