"""Counts over gold and claims, and the rates that follow from them.

Gold is 1 (anomalous) or 0 (normal); a claim is 1, 0 or NO_CLAIM. The positive class is anomalous.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vlm_eval.metrics.estimate import IntArray

NO_CLAIM = -1
Policy = Literal["wrong", "anomalous", "normal", "answered-only"]
"""What an item without a claim counts as. `wrong` is the headline; `anomalous` and `normal` are its bounds."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Items by gold and claim after a policy was applied, and how many of them made no claim."""

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    unclaimed: int = 0  # under every policy; only `answered-only` leaves them out of the four counts

    @property
    def anomalous(self) -> int:
        """Count the anomalous items."""
        return self.true_positives + self.false_negatives

    @property
    def normal(self) -> int:
        """Count the normal items."""
        return self.true_negatives + self.false_positives

    @property
    def items(self) -> int:
        """Count all items."""
        return self.anomalous + self.normal


def predictions(gold: IntArray, claim: IntArray, policy: Policy = "wrong") -> IntArray:
    """Fill in the items without a claim by the policy; `answered-only` leaves them as NO_CLAIM."""
    if policy == "answered-only":
        return claim.copy()
    filled = {"wrong": 1 - gold, "anomalous": np.ones_like(gold), "normal": np.zeros_like(gold)}[policy]
    return np.where(claim == NO_CLAIM, filled, claim)


def count(gold: IntArray, claim: IntArray, policy: Policy = "wrong") -> Counts:
    """Count true and false positives and negatives. Raises ValueError for values outside the two codes."""
    if not np.isin(gold, (0, 1)).all() or not np.isin(claim, (0, 1, NO_CLAIM)).all():
        raise ValueError(f"gold must be 0 or 1, claims 0, 1 or {NO_CLAIM} (no claim)")
    if gold.shape != claim.shape:
        raise ValueError(f"{gold.size} gold values and {claim.size} claims: give one claim for each item")
    predicted = predictions(gold, claim, policy)
    return Counts(
        true_positives=int(np.sum((gold == 1) & (predicted == 1))),
        false_positives=int(np.sum((gold == 0) & (predicted == 1))),
        true_negatives=int(np.sum((gold == 0) & (predicted == 0))),
        false_negatives=int(np.sum((gold == 1) & (predicted == 0))),
        unclaimed=int(np.sum(claim == NO_CLAIM)),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _complement(rate: Callable[[Counts], float | None], counts: Counts) -> float | None:
    value = rate(counts)
    return None if value is None else 1 - value


def accuracy(counts: Counts) -> float | None:
    """Return the share of right items; None without items."""
    return _share(counts.true_positives + counts.true_negatives, counts.items)


def recall(counts: Counts) -> float | None:
    """Return the true positive rate: found among anomalous items; None without such items."""
    return _share(counts.true_positives, counts.anomalous)


def miss(counts: Counts) -> float | None:
    """Return the share of anomalous items that were missed; None without such items."""
    return _complement(recall, counts)


def overkill(counts: Counts) -> float | None:
    """Return the false positive rate: false alarms among normal items; None without such items."""
    return _share(counts.false_positives, counts.normal)


def specificity(counts: Counts) -> float | None:
    """Return the true negative rate; None without normal items."""
    return _complement(overkill, counts)


def precision(counts: Counts) -> float | None:
    """Return the share of anomalous items among those called anomalous; None where none is called so."""
    return _share(counts.true_positives, counts.true_positives + counts.false_positives)


def f1(counts: Counts) -> float | None:
    """Return 2 TP / (2 TP + FP + FN); None where nothing is anomalous and nothing is called so."""
    errors = counts.false_positives + counts.false_negatives
    return _share(2 * counts.true_positives, 2 * counts.true_positives + errors)


def balanced_accuracy(counts: Counts) -> float | None:
    """Return the mean of true positive and true negative rate; None where one of the classes is absent."""
    found, passed = recall(counts), specificity(counts)
    return None if found is None or passed is None else (found + passed) / 2


def prevalence(counts: Counts) -> float | None:
    """Return the share of anomalous items, which is also the accuracy of always saying yes."""
    return _share(counts.anomalous, counts.items)


always_yes = prevalence


def yes_rate(claim: IntArray) -> float | None:
    """Return the share of all items on which an anomaly was claimed, whatever the policy."""
    return _share(int(np.sum(claim == 1)), claim.size)
