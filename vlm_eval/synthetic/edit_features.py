"""What an edit leaves behind in a picture: features of a network, and statistics of its fine detail."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from vlm_eval.backends.lite0_graph import Lite0
from vlm_eval.backends.patch_nn_features import stretch
from vlm_eval.synthetic.seams import Picture

Table = NDArray[np.float64]
_BATCH = 16


def network_features(pictures: Sequence[Picture]) -> Table:
    """Return mean and deviation of EfficientNet-Lite0's middle level over each picture, shape (pictures, 224)."""
    network = Lite0(("stride16",))
    found = []
    for start in range(0, len(pictures), _BATCH):
        batch = [stretch(Image.fromarray(picture)) for picture in pictures[start : start + _BATCH]]
        (values,) = network(batch)  # (pictures, channels, rows, columns)
        found.append(np.concatenate([values.mean(axis=(2, 3)), values.std(axis=(2, 3))], axis=1))
    return np.concatenate(found).astype(np.float64)


def detail_features(pictures: Sequence[Picture]) -> Table:
    """Return simple statistics of the high frequencies of each picture, shape (pictures, 11)."""
    return np.stack([_detail(picture) for picture in pictures])


def _detail(picture: Picture) -> Table:
    grey = picture.astype(np.float64).mean(axis=2)
    scales = [grey, *(ndimage.gaussian_filter(grey, deviation) for deviation in (0.7, 1.4, 2.8))]
    bands = [scales[at] - scales[at + 1] for at in range(3)]
    fine, power = bands[0], bands[0].std() ** 2 + 1e-9
    across, down = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))
    return np.array(
        [
            *(np.log(band.std() + 1e-3) for band in bands),
            np.log(np.abs(ndimage.laplace(grey)).mean() + 1e-3),
            np.log(np.mean(fine**4) / power**2 + 1),  # a few strong edges or even noise
            float(np.mean(fine[:, 1:] * fine[:, :-1]) / power),  # smoothing and resampling raise it
            float(np.mean(fine[1:] * fine[:-1]) / power),
            np.log(across.mean() + 1e-3),
            np.log(down.mean() + 1e-3),
            _grid(across),
            _grid(down.T),
        ]
    )


def _grid(steps: NDArray[np.float64]) -> float:
    """Return how much larger the steps at every eighth pixel are: JPEG's blocks, which an edit moves or breaks."""
    every = np.array([steps[:, start::8].mean() if steps[:, start::8].size else 0.0 for start in range(8)])
    return float(every.max() / (every.mean() + 1e-6))
