"""How well the regions of a picture belong together: the similarity functions of context-dependent anomalies.

The study of context-dependent anomalies states them in section 4.4 and appendix C: IRV (image-region visual),
RRV (region-region visual) and KB (knowledge). All vectors are of length 1, so that a product is a cosine. What the
study leaves open is an argument here, and its default is said.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Matrix = NDArray[np.floating]
Scores = NDArray[np.float64]
Combination = Literal["mean", "standardised", "rank"]
FunctionSet = Literal["all", "visual", "knowledge"]


def image_region_similarity(image: Matrix, regions: Matrix) -> Scores:
    """Return IRV of each region: the product of its vector, shape (regions, d), with that of the whole picture."""
    return np.asarray(regions @ image, dtype=np.float64)


def region_region_similarity(vectors: Matrix, *, itself: bool = True) -> Scores:
    """Return RRV of each region, or KB where the vectors, shape (regions, d), are those of their descriptions.

    The mean product with all regions. As printed, a region is one of those that it is compared with; without
    `itself` the mean is over the others, and 0 where there is no other.
    """
    products = np.asarray(vectors @ vectors.T, dtype=np.float64)
    if itself:
        return np.asarray(products.mean(axis=1))
    others = products.sum(axis=1) - np.diag(products)
    return np.asarray(others / max(1, len(products) - 1))


def nearest_classes(regions: Matrix, classes: Matrix, k: int) -> NDArray[np.int64]:
    """Return the k classes most similar to each region, the most similar first: shape (regions, k).

    Of equal ones the earlier class stands first.
    """
    return np.asarray(np.argsort(-(regions @ classes.T), axis=1, kind="stable")[:, :k], dtype=np.int64)


def combine_similarities(functions: Sequence[Scores], how: Combination = "mean") -> Scores:
    """Combine the scores of the functions, each of shape (regions,), to one a region; higher is more similar.

    Args:
        functions: of one picture, at least one.
        how: `mean` of the scores as they are (the default: the study does not say); `standardised`, after each
            function has mean 0 and deviation 1 over the picture's regions; `rank`, of their ranks.
    """
    scores = np.stack(functions)
    if how == "rank":
        scores = rankdata(scores, axis=1)
    if how == "standardised":
        spread = scores.std(axis=1, keepdims=True)
        # Equal scores tell regions apart no better than none: they count as nought.
        scores = (scores - scores.mean(axis=1, keepdims=True)) / np.where(spread > 1e-12, spread, np.inf)
    return np.asarray(scores.mean(axis=0))


def choose_functions(irv: Scores, rrv: Scores, kb: Scores, chosen: FunctionSet) -> tuple[Scores, ...]:
    """Return the functions of a set: `all` three, `visual` (IRV and RRV) or `knowledge` (KB)."""
    return {"all": (irv, rrv, kb), "visual": (irv, rrv), "knowledge": (kb,)}[chosen]


def least_similar(scores: Scores, count: int = 1) -> NDArray[np.int64]:
    """Return the regions with the lowest scores, the lowest first; of equal ones the earlier."""
    return np.asarray(np.argsort(scores, kind="stable")[:count], dtype=np.int64)
