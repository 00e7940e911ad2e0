"""Reads what an LLM judge replied. Pure: the judge was asked elsewhere, like any other model.

A criterion is 1 (met), 0 (not met) or abstained on; a reply that cannot be read abstains on every criterion.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vlm_eval.flow import Answer, Failure, Judgement, Outcome, Scalar

Criterion = Literal["verdict", "named_defect", "place", "reason"]
CRITERIA: tuple[Criterion, ...] = ("verdict", "named_defect", "place", "reason")
Winner = Literal["first", "second", "tie"]
VERSION = "1"
"""Of the reader; the rubric has a digest of its own."""

_GRADES: dict[str, bool] = {"1": True, "1.0": True, "true": True, "yes": True, "0": False, "0.0": False} | {
    "false": False,
    "no": False,
}
_ABSTAINING = frozenset({"abstain", "null", "none", "n/a", "na", "unknown", "-1"})


@dataclass(frozen=True, slots=True)
class Grade:
    """What the judge says of one criterion: met, not met, or None with the reason why there is no grade."""

    met: bool | None
    reason: str | None = None
    span: tuple[int, int] | None = None  # in the judge's reply


def read_grades(text: str, criteria: Sequence[Criterion] = CRITERIA) -> dict[Criterion, Grade]:
    """Read the rubric's fields from a reply: fenced, with prose around, single quotes or trailing commas.

    A field that is stated twice with different grades, or is missing, abstains. Linear time.
    """
    return {criterion: _grade(text, criterion) for criterion in criteria}


def _grade(text: str, criterion: str) -> Grade:
    quotes, name = "[\"'`*]{0,3}", criterion.replace("_", "[ _]")
    pattern = re.compile(
        rf"(?<!\w){quotes}{name}{quotes}\s{{0,9}}[:=]\s{{0,9}}{quotes}([\w./-]{{1,12}})", re.IGNORECASE
    )
    found: dict[bool | None, re.Match[str]] = {}
    for match in pattern.finditer(text):
        word = match[1].casefold().rstrip(".")
        if word in _GRADES:
            found[_GRADES[word]] = match
        elif word in _ABSTAINING:
            found[None] = match
    if not found:
        return Grade(None, "unreadable" if text.strip() else "empty")
    if len(found) > 1:
        return Grade(None, "contradictory")
    met, match = next(iter(found.items()))
    return Grade(met, "abstained" if met is None else None, match.span(1))


def grade_outcome(outcome: Outcome | None, criteria: Sequence[Criterion] = CRITERIA) -> dict[Criterion, Grade]:
    """Read a judge's outcome; a failed, open, refused or cut-off call abstains with its reason."""
    if not isinstance(outcome, Answer):
        reason = "not-asked" if outcome is None else f"judge-failed: {outcome.kind}"
        return dict.fromkeys(criteria, Grade(None, reason))
    if outcome.finish in ("refusal", "content-filter"):
        return dict.fromkeys(criteria, Grade(None, "judge-refused"))
    return read_grades(outcome.text, criteria)


def judgement_of(grades: Mapping[Criterion, Grade], criterion: Criterion = "verdict") -> Judgement:
    """Turn one criterion into a Judgement; the other grades stand in its details."""
    chosen = grades[criterion]
    details: dict[str, Scalar] = {name: grade.met for name, grade in grades.items()}
    return Judgement(chosen.met, chosen.reason, chosen.span, details=details)


_WINNER = re.compile(
    r"(?<!\w)[\"'`*]{0,3}(?:better|winner|verdict)[\"'`*]{0,3}\s{0,9}[:=]\s{0,9}[\"'`*]{0,3}"
    r"(?:answer\s)?(first|second|tie|1|2|a|b|equal)(?!\w)",
    re.IGNORECASE,
)
_WINNERS: dict[str, Winner] = {
    **dict.fromkeys(("first", "1", "a"), "first"),
    **dict.fromkeys(("second", "2", "b"), "second"),
    **dict.fromkeys(("tie", "equal"), "tie"),
}


def read_winner(text: str) -> Winner | None:
    """Read which of two answers a judge prefers; None where it says neither, or both."""
    said = {_WINNERS[match[1].casefold()] for match in _WINNER.finditer(text)}
    return said.pop() if len(said) == 1 else None


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two answers is better, judged in both orders; None with a reason where the orders disagree."""

    winner: Winner | None
    reason: str | None = None


def combine_orders(forward: Outcome | None, backward: Outcome | None) -> Preference:
    """Combine the judge's replies to (one, other) and to (other, one); a failed call abstains."""
    replies = []
    for outcome in (forward, backward):
        if not isinstance(outcome, Answer):
            kind = outcome.kind if isinstance(outcome, Failure) else "not-asked"
            return Preference(None, f"judge-failed: {kind}")
        replies.append(read_winner(outcome.text))
    one, turned = replies
    if one is None or turned is None:
        return Preference(None, "unreadable")
    swapped: dict[Winner, Winner] = {"first": "second", "second": "first", "tie": "tie"}
    return Preference(one) if one == swapped[turned] else Preference(None, "depends-on-order")
