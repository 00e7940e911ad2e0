"""How much was accepted, and how right the filter is on candidates that a person has labelled."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vlm_eval.errors import CardError
from vlm_eval.metrics.estimate import Estimate, undefined
from vlm_eval.metrics.rates import rate
from vlm_eval.metrics.sampling import sampling
from vlm_eval.synthetic.records import Record
from vlm_eval.synthetic.seams import Kind

_GOOD = {"yes": True, "1": True, "true": True, "no": False, "0": False, "false": False}


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the jobs of one kind."""

    kind: Kind
    jobs: int
    items: int
    candidates: int
    failed: int  # jobs whose scene could not be used
    empty: int  # jobs of which every candidate was rejected


@dataclass(frozen=True, slots=True)
class FilterQuality:
    """How right the filter is on labelled candidates."""

    precision: Estimate  # share of the accepted that are good
    recall: Estimate  # share of the good that are accepted


def tally(records: Sequence[Record]) -> tuple[Tally, ...]:
    """Count jobs, items and candidates by kind, in the order in which kinds first occur."""
    kinds = list(dict.fromkeys(record.kind for record in records))
    return tuple(_tally(kind, [record for record in records if record.kind == kind]) for kind in kinds)


def _tally(kind: Kind, own: Sequence[Record]) -> Tally:
    return Tally(
        kind,
        jobs=len(own),
        items=sum(len(record.items) for record in own),
        candidates=sum(len(record.attempts) for record in own),
        failed=sum(record.failed is not None for record in own),
        empty=sum(not record.items and record.failed is None for record in own),
    )


def acceptance_rate(records: Sequence[Record]) -> Estimate:
    """Estimate the share of candidates that were accepted, by clusters of scenes."""
    candidates = [(record.group, attempt.accepted) for record in records for attempt in record.attempts]
    return _rate([accepted for _, accepted in candidates], [group for group, _ in candidates])


def filter_quality(records: Sequence[Record], labels: Mapping[str, bool]) -> FilterQuality:
    """Estimate precision and recall of the filter on labelled candidates.

    Raises:
        CardError: a label names a candidate that there is not.
    """
    known = {
        attempt.candidate: (record.group, attempt.accepted) for record in records for attempt in record.attempts
    }
    if unknown := sorted(set(labels) - set(known)):
        raise CardError(
            f"There is no candidate {unknown[0]!r} in the log; candidates look like {next(iter(known), '-')!r}"
        )
    judged = [(known[name][0], known[name][1], good) for name, good in labels.items()]
    accepted = [(group, good) for group, passed, good in judged if passed]
    wanted = [(group, passed) for group, passed, good in judged if good]
    return FilterQuality(
        _rate([good for _, good in accepted], [group for group, _ in accepted]),
        _rate([passed for _, passed in wanted], [group for group, _ in wanted]),
    )


def read_labels(file: Path) -> Mapping[str, bool]:
    """Read a CSV with the columns candidate and good (yes or no). Raises CardError."""
    labels: dict[str, bool] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            for number, row in enumerate(csv.DictReader(stream), start=2):
                good = (row.get("good") or "").strip().lower()
                if not row.get("candidate") or good not in _GOOD:
                    raise CardError(f"{file}, line {number}: a row holds candidate, and good: yes or no")
                labels[row["candidate"].strip()] = _GOOD[good]
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"The labels {file} cannot be read: {error}") from error
    return labels


def _rate(hits: Sequence[bool], groups: Sequence[str]) -> Estimate:
    if not hits:
        return undefined("no candidates")
    zeros = np.zeros(len(hits), dtype=np.int64)
    return rate(
        np.array(hits, dtype=np.float64), np.ones(len(hits)), zeros, sampling(groups, ["all"] * len(groups))
    )
