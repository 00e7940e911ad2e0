"""Confusion matrices with the items that made no claim in a column of their own."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vlm_eval.metrics.counts import NO_CLAIM
from vlm_eval.metrics.estimate import IntArray

NORMAL = "normal"
ANOMALOUS = "anomalous"
UNNAMED = "unnamed"  # an anomaly is claimed, but no one known name
UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of shape (rows, columns): gold by what was claimed."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: IntArray


def tabulate(
    gold: Sequence[str], claimed: Sequence[str], rows: Sequence[str], columns: Sequence[str]
) -> Confusion:
    """Count pairs of names. Raises KeyError for a name that is neither a row nor a column."""
    row_of = {name: index for index, name in enumerate(rows)}
    column_of = {name: index for index, name in enumerate(columns)}
    counts = np.zeros((len(rows), len(columns)), dtype=np.int64)
    for (gold_name, claimed_name), found in Counter(zip(gold, claimed, strict=True)).items():
        counts[row_of[gold_name], column_of[claimed_name]] = found
    return Confusion(tuple(rows), tuple(columns), counts)


def verdict_confusion(gold: IntArray, claim: IntArray) -> Confusion:
    """Count gold (anomalous, normal) by verdict (anomalous, normal, unanswered)."""
    counts = [[int(np.sum((gold == row) & (claim == column))) for column in (1, 0, NO_CLAIM)] for row in (1, 0)]
    return Confusion((ANOMALOUS, NORMAL), (ANOMALOUS, NORMAL, UNANSWERED), np.array(counts, dtype=np.int64))


def defect_confusion(
    gold_types: Sequence[str],
    claimed_types: Sequence[str | None],
    claim: IntArray,
    known: Sequence[str] = (),
    claimable: Sequence[str] = (),
) -> Confusion:
    """Count defect types by the one name that each answer asserts.

    Args:
        gold_types: the defect type of each item, "normal" for normal ones.
        claimed_types: the one name that the answer asserts, None where it names none or several.
        claim: 1, 0 or NO_CLAIM for each item; a normal claim counts as "normal", no claim as "unanswered".
        known: defect types that get a row and a column in any case, so that several matrices look alike.
        claimable: names that get a column in any case.

    Returns:
        Rows are the known and the gold types, sorted, then "normal"; columns are the same, then every other name
        that was claimed, then "normal", "unnamed" and "unanswered".
    """
    claimed = [_column(name, int(verdict)) for name, verdict in zip(claimed_types, claim, strict=True)]
    types = sorted({*known, *gold_types} - {NORMAL})
    extra = sorted({*claimed, *claimable} - {*types, NORMAL, UNNAMED, UNANSWERED})
    return tabulate(gold_types, claimed, [*types, NORMAL], [*types, *extra, NORMAL, UNNAMED, UNANSWERED])


def _column(name: str | None, verdict: int) -> str:
    if verdict == NO_CLAIM:
        return UNANSWERED
    if verdict == 0:
        return NORMAL
    return name if name not in (None, NORMAL) else UNNAMED
