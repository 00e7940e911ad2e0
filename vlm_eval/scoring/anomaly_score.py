"""One continuous anomaly score an item, with its source; sources are never mixed, and hard labels are no score."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vlm_eval.flow import YesNo
from vlm_eval.metrics.usable_scores import refuse_scores

Source = Literal["yes-no", "yes-no-after-answer", "votes", "verbalised", "model"]
"""Forced yes/no follow-up, alone or after the model's own answer; share of votes; stated in the answer; the
model's own, of a baseline."""


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


def refuse_ranking(scores: Sequence[AnomalyScore]) -> str | None:
    """Say why AUROC, AUPR and F1-max must not be computed from these scores, or return None where they may.

    Refused: scores of several sources, and what `vlm_eval.metrics.usable_scores.refuse_scores` refuses.
    """
    held = [score for score in scores if score.value is not None]
    sources = sorted({score.source for score in held})
    if len(sources) > 1:
        return f"the scores come from several sources ({', '.join(sources)}); choose one of them"
    values = np.array([score.value for score in held], dtype=np.float64)
    return refuse_scores(values, np.array([score.mass for score in held], dtype=np.float64))
