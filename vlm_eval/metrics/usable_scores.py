"""Whether continuous anomaly scores may be ranked: AUROC, AUPR and F1-max mean nothing on some of them."""

import numpy as np

from vlm_eval.metrics.estimate import FloatArray

LEAST_MASS = 0.5
"""The least median probability of yes and no together; below it the model would say something else."""


def distinct_levels(score: FloatArray) -> int:
    """Count the distinct values, equal up to 1e-9: what k votes can tell apart at most is k + 1. NaN is none."""
    return int(np.unique(np.round(score[~np.isnan(score)], 9)).size)


def refuse_scores(score: FloatArray, mass: FloatArray) -> str | None:
    """Say why scores must not be ranked, or return None where they may.

    Refused: no scores; a median probability of yes and no together under one half; fewer than three distinct
    values, which are hard labels (tell balanced accuracy instead).

    Args:
        score: anomaly scores; NaN where there is none.
        mass: probability that yes and no hold together, of forced yes/no answers; NaN of scores of another source.
    """
    known = ~np.isnan(score)
    if not known.any():
        return "no item has a score"
    held = mass[known & ~np.isnan(mass)]
    if held.size and float(np.median(held)) < LEAST_MASS:
        return (
            f"refused: the median probability of yes and no is {np.median(held):.2f}, under {LEAST_MASS}: the"
            " model would say something else; ask in another wording, or use votes"
        )
    levels = distinct_levels(score)
    if levels < 3:
        plural = "s" if levels != 1 else ""
        return f"refused: only {levels} distinct value{plural}: these are hard labels, see balanced accuracy"
    return None
