"""Reads an anomaly score that the answer states. Its scale is declared or stands beside it; never guessed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from vlm_eval.flow import Item, Judgement, ReplyField
from vlm_eval.scoring.anomaly_score import AnomalyScore

Scale = Literal["unit", "hundred", "percent"]
"""0 to 1, 0 to 100, or per cent; what the question asked for."""

_NUMBER = re.compile(
    r"(?<![\w.,])(-?\d{1,9}(?:\.\d{1,12})?)\s{0,2}"
    r"(%|per ?cent\b|(?:/|\bout of)\s{0,2}(\d{1,6}(?:\.\d{1,6})?))?(?![\w%])",
    re.IGNORECASE,
)
_CUE = re.compile(
    r"\b(?:anomaly|anomalous|abnormality|defect)?[\s_-]?(?:score|probability|likelihood|chance|rating|degree|severity)\b"
    r"|\b(?:confiden(?:t|ce)|certain(?:ty)?|sure|likely)\b",
    re.IGNORECASE,
)
_SURE = re.compile(r"confiden|certain|sure", re.IGNORECASE)
_ABOUT_ANOMALY = re.compile(r"\b(?:anomal|defect|abnormal|fault|damage|flaw)", re.IGNORECASE)
_ABOUT_NORMAL = re.compile(
    r"\b(?:normal(?:ity)?|intact|flawless|good|fine|healthy|no|not|without|free|non)\b", re.IGNORECASE
)
_END = re.compile(r"[.!?](?=\s|$)|[\n;]")
_LONGEST = 400  # characters of a sentence


@dataclass(frozen=True, slots=True)
class StatedScore:
    """A score in [0, 1] and its place, or the reason why there is none."""

    value: float | None
    reason: str | None = None
    span: tuple[int, int] | None = None


def read_stated_score(
    text: str, *, scale: Scale | None = None, reply_fields: Sequence[ReplyField] = ()
) -> StatedScore:
    """Read the anomaly score that an answer states, mapped to [0, 1]; linear time.

    Args:
        text: the answer.
        scale: what a bare number means; without it only numbers that state theirs ("85 %", "8 out of 10") count.
        reply_fields: fields of a JSON reply; the one declared as a score is read first.

    Abstains with a reason: `none` (no number), `several` (different numbers, none of them cued), `scale` (a bare
    number without a declared scale), `range` (outside the scale), `polarity` (the probability of being normal,
    or how sure the answer is of its own verdict).
    """
    for declared in reply_fields:
        if declared.meaning == "score":
            found = _field(text, declared.name, scale)
            if found is not None:
                return found
    cued = _last_cued(text)
    if cued is not None:
        number, against = cued
        return StatedScore(None, "polarity", number.span()) if against else _value(number, scale)
    matches = list(_NUMBER.finditer(text))
    if not matches:
        return StatedScore(None, "none")
    stated = [_value(match, scale) for match in matches]
    values = {score.value for score in stated if score.value is not None}
    if len(matches) > 1 and (len(values) != 1 or any(score.value is None for score in stated)):
        return StatedScore(None, "several")
    return stated[-1]


def _field(text: str, name: str, scale: Scale | None) -> StatedScore | None:
    key = re.compile(rf"[\"'`]?\b{re.escape(name)}\b[\"'`]?\s{{0,9}}[:=]\s{{0,9}}[\"'`]?", re.IGNORECASE)
    last = None
    for match in key.finditer(text):
        last = _NUMBER.match(text, match.end()) or last
    return None if last is None else _value(last, scale)


def _last_cued(text: str) -> tuple[re.Match[str], bool] | None:
    """Find the last number that a cue ("score") speaks of, and whether it is not about an anomaly."""
    held = None
    for start, end in reversed(_pieces(text)):
        found = _cued(text, start, end)
        if found is not None:
            if not found[1]:
                return found
            held = held or found
    return held


def _pieces(text: str) -> list[tuple[int, int]]:
    """Cut a text into sentences, and what is longer than a sentence can be into lengths."""
    ends = [match.end() for match in _END.finditer(text)]
    pieces = []
    for start, end in pairwise([0, *ends, len(text)]):
        pieces += [(at, min(end, at + _LONGEST)) for at in range(start, end, _LONGEST)]
    return pieces


def _cued(text: str, start: int, end: int) -> tuple[re.Match[str], bool] | None:
    cues = list(_CUE.finditer(text, start, end))
    if not cues:
        return None
    number = _NUMBER.search(text, cues[-1].end(), end) or _NUMBER.search(text, cues[0].end(), end)
    number = number or _NUMBER.search(text, start, cues[0].start())
    if number is None:
        return None
    words = text[start:end]
    unsure = all(_SURE.search(cue[0]) for cue in cues) and not _ABOUT_ANOMALY.search(words)
    return number, unsure or _ABOUT_NORMAL.search(words) is not None


def _value(match: re.Match[str], scale: Scale | None) -> StatedScore:
    number, mark, whole = float(match[1]), match[2], match[3]
    if mark is not None:
        most = float(whole) if whole else 100.0
    elif scale is None:
        return StatedScore(None, "scale", match.span())
    else:
        most = 1.0 if scale == "unit" else 100.0
    if most <= 0 or not 0 <= number <= most:
        return StatedScore(None, "range", match.span())
    return StatedScore(number / most, None, match.span())


class VerbalisedScorer:
    """Judges an item by the anomaly score that its answer states."""

    version = "1"

    def __init__(self, scale: Scale | None = None) -> None:
        self.scale = scale
        self.name = "verbalised" if scale is None else f"verbalised:{scale}"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order; the value is the score as text, for reading."""
        return [self._judge(item) for item in items]

    def _judge(self, item: Item) -> Judgement:
        stated = read_stated_score(item.answer.text, scale=self.scale, reply_fields=item.question.reply_fields)
        if stated.value is None:
            return Judgement(None, stated.reason, stated.span)
        return Judgement(f"{stated.value:g}", None, stated.span, stated.value, {"source": "verbalised"})


def stated_score(stated: StatedScore) -> AnomalyScore:
    """Return a stated score as an anomaly score."""
    return AnomalyScore(stated.value, "verbalised", reason=stated.reason)
