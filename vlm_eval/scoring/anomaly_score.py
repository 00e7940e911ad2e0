"""One continuous anomaly score an item, with its source; sources are never mixed, and hard labels are no score."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from vlm_eval.flow import YesNo

Source = Literal["yes-no", "yes-no-after-answer", "votes", "verbalised", "map"]
"""Forced yes/no follow-up, alone or after the model's own answer; share of votes; stated in words; a baseline."""

LEAST_MASS = 0.5
"""The least median probability of yes and no together; below it the model would say something else."""


@dataclass(frozen=True, slots=True)
class AnomalyScore:
    """A score in [0, 1], higher is more anomalous; None with a reason where there is none."""

    value: float | None
    source: Source
    mass: float | None = None  # probability that yes and no hold together, of a forced yes/no answer
    reason: str | None = None


def yes_no_score(pair: YesNo | None, source: Source = "yes-no") -> AnomalyScore:
    """Return P(yes) / (P(yes) + P(no)) of a forced yes/no answer, both already summed over their surface forms.

    Computed from the difference of the logarithms, so that it is exact even where both probabilities underflow.
    """
    if pair is None:
        return AnomalyScore(None, source, None, "not-asked")
    if math.isnan(pair.yes) or math.isnan(pair.no) or max(pair.yes, pair.no) == -math.inf:
        return AnomalyScore(None, source, 0.0, "no-mass")
    mass = min(1.0, math.exp(pair.yes) + math.exp(pair.no))
    gap = pair.no - pair.yes
    value = 1 / (1 + math.exp(gap)) if gap < 700 else 0.0
    return AnomalyScore(value, source, mass)


def distinct_levels(values: Sequence[float]) -> int:
    """Count the distinct values, equal up to 1e-9: what k votes can tell apart at most is k + 1."""
    return len({round(value, 9) for value in values})


def refuse_ranking(scores: Sequence[AnomalyScore]) -> str | None:
    """Say why AUROC, AUPR and F1-max must not be computed from these scores, or return None where they may.

    Refused: scores of several sources; a median mass on yes and no under one half; fewer than three distinct
    values, which are hard labels (print balanced accuracy instead).
    """
    held = [score for score in scores if score.value is not None]
    if not held:
        return "no item has a score"
    sources = sorted({score.source for score in held})
    if len(sources) > 1:
        return f"the scores come from several sources ({', '.join(sources)}); choose one of them"
    masses = [score.mass for score in held if score.mass is not None]
    if masses and median(masses) < LEAST_MASS:
        return (
            f"the median probability of yes and no together is {median(masses):.2f}, under {LEAST_MASS}: the "
            "model would say something else; ask in another wording, or use votes"
        )
    levels = distinct_levels([score.value for score in held if score.value is not None])
    if levels < 3:
        return f"the scores have only {levels} distinct value{'s' if levels != 1 else ''}: they are hard labels"
    return None
