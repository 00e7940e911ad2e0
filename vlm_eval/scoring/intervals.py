"""Reads the stretches of time that an answer calls anomalous, from prose and from JSON."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from vlm_eval.flow import Role
from vlm_eval.scoring.final_answer import start_of_final_answer
from vlm_eval.scoring.local_claims import LocalClaimReader
from vlm_eval.scoring.mark_words import word_set
from vlm_eval.scoring.too_long import is_too_long
from vlm_eval.scoring.verdict import read_verdict

Unit = Literal["", "second", "frame", "date"]

_DATE = r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:\.\d{1,6})?"
_TIME = rf"{_DATE}|{_CLOCK}|\d{{1,9}}(?:\.\d{{1,9}})?"
_UNIT = r"(?:milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|hours?|hrs?|frames?)\b"
_WORD = (
    r"(?:t|x|time|times|timestamps?|time[\s-]?steps?|steps?|index|indices|indexes|frames?|seconds?|samples?|points?"
    r"|positions?|minute|hour|intervals?|windows?|periods?)"
)
_WHOLE = r"(?!\d|:\d|\.\d|\s?[%°])"
_ABOUT = r"(?:(?:around|about|approximately|roughly|of)\s)?"
_CUE = rf"(?:\b{_WORD}\s{{0,2}}[=≈~:]?\s{{0,2}}|[#])?"
_CUES = word_set(
    "t x # time times timestamp timestamps timestep timesteps step steps index indices indexes frame frames "
    "second seconds sample samples point points position positions minute minutes hour hours interval intervals "
    "window windows period periods"
)
_SKIPPED = frozenset(["around", "about", "approximately", "roughly", "of", "the", "=", "≈", "~", ":"])
_LOOK_BACK = 32  # characters before a number in which its cue stands
_RANGE = re.compile(
    rf"(?P<first>{_TIME})\s{{0,2}}(?P<unit1>{_UNIT})?\s{{0,2}}"
    r"(?P<to>-|–|—|to|until|till|through|(?:and\s)?(?:ends?|ending|stops?)(?:\sat|\saround|\sby)?|and)\s{0,2}"
    rf"{_ABOUT}(?P<cue2>{_CUE})(?P<last>{_TIME}){_WHOLE}"
    rf"\s{{0,2}}(?P<unit2>{_UNIT})?(?![^\W\d_])(?P<behind>\s{_WORD}\b)?",
    re.IGNORECASE,
)
_POINT = re.compile(rf"(?P<first>{_TIME}){_WHOLE}\s{{0,2}}(?P<unit>{_UNIT})?(?![^\W\d_])", re.IGNORECASE)
_INSIDE = re.compile(r"[\w.:]")
_VALUE_BEFORE = re.compile(
    r"(?:\b(?:value|values|amplitude|level|magnitude|temperature|voltage|range|y|height|average|mean|reaches|reaching|"
    r"drops|rises|falls|peaks?|peaking|jumps|increases|decreases|of)\b[^.;\n]{0,24})$",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_DIGITS = re.compile(r"\d+(?:[.:-]\d+)*")
_LISTED = re.compile(r"\s{0,3}(?:,|;|and|,\s?and)\s{0,3}")
_ALONE = re.compile(r"[\s\d.,;:\-–—()\[\]]{3,}")
_OBJECT = re.compile(r"\{[^{}]{0,400}\}")
_START = re.compile(
    rf"[\"']?(?:start|begin|from|first|left)\w{{0,12}}[\"']?\s{{0,3}}[:=]\s{{0,3}}[\"']?({_TIME})", re.IGNORECASE
)
_STOP = re.compile(
    rf"[\"']?(?:end|stop|to|last|right)\w{{0,12}}[\"']?\s{{0,3}}[:=]\s{{0,3}}[\"']?({_TIME})", re.IGNORECASE
)
_PAIR = re.compile(
    rf"(?<=[\[,:\s])\[\s{{0,3}}[\"']?({_TIME})[\"']?\s{{0,3}},\s{{0,3}}[\"']?({_TIME})[\"']?\s{{0,3}}\]|"
    rf"^\s{{0,3}}\[\s{{0,3}}({_TIME})\s{{0,3}},\s{{0,3}}({_TIME})\s{{0,3}}\]"
)
_EMPTY = re.compile(
    r"^\W{0,12}(?:json)?\s{0,3}(?:\{[^{}\[\]]{0,80}:\s{0,3})?\[\s{0,9}\]\s{0,3}\}?\W{0,12}$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class StatedInterval:
    """A stretch of time as stated; start equals end for a point. Seconds for clock times, epoch for dates."""

    start: float
    end: float
    unit: Unit
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class IntervalReading:
    """The intervals that an answer accuses; without any, the reason: `normal`, `hedged`, `none`, `refused`, ..."""

    intervals: tuple[StatedInterval, ...]
    reason: str | None = None


def read_intervals(text: str, *, image_roles: Sequence[Role] = ()) -> IntervalReading:
    """Read the intervals that an answer calls anomalous; linear time.

    JSON (objects with a start and an end, or a list of pairs) is taken as the list of anomalies; an empty list
    says that there is none (`normal`). In prose an interval counts where its clause claims an anomaly, and a
    single number only beside a word or a unit of time. Ranges of values ("between 0.2 and 0.4 volts") do not
    count. A text that is too long for an answer (see `is_too_long`) gives "too-long".
    """
    if is_too_long(text):
        return IntervalReading((), "too-long")
    offset = start_of_final_answer(text.lower())
    body = text[offset:]
    stated = _from_json(body)
    if stated:
        return IntervalReading(tuple(_move(one, offset) for one in stated))
    if _EMPTY.match(body):
        return IntervalReading((), "normal")
    found = _from_prose(body)
    claims = LocalClaimReader(body, image_roles).read([one.span for one in found])
    accused = [one for one, local in zip(found, claims, strict=True) if local.claim == "anomalous"]
    if not accused and found and _is_bare(body, found):
        accused = found
    if accused:
        return IntervalReading(tuple(_move(one, offset) for one in accused))
    verdict = read_verdict(body, image_roles=image_roles)
    return IntervalReading((), "none" if verdict.claim == "anomalous" else verdict.claim or verdict.reason)


def _move(one: StatedInterval, offset: int) -> StatedInterval:
    return StatedInterval(one.start, one.end, one.unit, (one.span[0] + offset, one.span[1] + offset))


def _is_bare(body: str, found: Sequence[StatedInterval]) -> bool:
    """Tell whether an answer is nothing but intervals."""
    rest, at = [], 0
    for one in found:
        rest.append(body[at : one.span[0]])
        at = one.span[1]
    rest.append(body[at:])
    return not re.sub(r"\b(?:and|from|time|seconds?|frames?)\b|[^\w]|_", "", "".join(rest).casefold())


def _from_json(body: str) -> list[StatedInterval]:
    found = []
    for match in _OBJECT.finditer(body):
        start, stop = _START.search(match[0]), _STOP.search(match[0])
        if start is not None and stop is not None:
            found.append(
                _interval(start[1], stop[1], "frame" if "frame" in match[0].casefold() else "", match.span())
            )
    if not found and ("[[" in re.sub(r"\s{1,9}", "", body[:4000]) or _PAIR.match(body.strip())):
        for match in _PAIR.finditer(body):
            found.append(_interval(match[1] or match[3], match[2] or match[4], "", match.span()))
    return [one for one in found if one is not None]


def _from_prose(body: str) -> list[StatedInterval]:
    """Find intervals and points; one that is only two numbers and a dash counts behind another, or alone."""
    found: list[StatedInterval] = []
    alone = _ALONE.fullmatch(body) is not None
    at = 0
    while (number := _DIGIT.search(body, at)) is not None:
        start = number.start()
        match = _RANGE.match(body, start)
        one = None
        if start == 0 or not _INSIDE.match(body[start - 1]):
            before = _before(body, start)
            listed = bool(found) and _LISTED.fullmatch(body, found[-1].span[1], start) is not None
            one = _range(match, before, body, sure=listed or alone) if match else None
            one = one or _point(body, start, before)
        if one is not None:
            found.append(one)
            at = one.span[1]
        else:
            at = _DIGITS.match(body, start).end()  # type: ignore[union-attr]  # there is a digit
    return found


def _range(match: re.Match[str], before: tuple[str, str], body: str, *, sure: bool) -> StatedInterval | None:
    opened, cue = before
    if match["to"].casefold() == "and" and opened != "between":
        return None
    cued = (
        cue or any(match[name] for name in ("cue2", "unit1", "unit2", "behind")) or not match["first"].isdecimal()
    )
    if not cued and not sure and not opened and match["to"] in ("-", "–", "—"):
        return None
    if not cued and _VALUE_BEFORE.search(body[max(0, match.start() - 60) : match.start()]):
        return None
    unit = (match["unit2"] or match["unit1"] or cue or match["behind"] or "").strip().casefold()
    return _interval(match["first"], match["last"], unit, match.span())


def _before(body: str, start: int) -> tuple[str, str]:
    """Return the "from" or "between" before a number, and the word of time ("t =", "frames"), or empty."""
    words = body[max(0, start - _LOOK_BACK) : start].casefold().replace("=", " = ").replace(":", " : ").split()
    at = _skip_back(words, len(words) - 1)
    cue = words[at].strip("(\"'*") if at >= 0 else ""
    if cue not in _CUES:
        return (cue if cue in ("from", "between") else ""), ""
    at = _skip_back(words, at - 1)
    if at > 0 and words[at] == "time":  # "time step 5"
        at = _skip_back(words, at - 1)
    return (words[at] if at >= 0 and words[at] in ("from", "between") else ""), cue


def _skip_back(words: Sequence[str], at: int) -> int:
    while at >= 0 and words[at] in _SKIPPED:
        at -= 1
    return at


def _point(body: str, start: int, before: tuple[str, str]) -> StatedInterval | None:
    match = _POINT.match(body, start)
    if match is None:
        return None
    cue = before[1]
    clock = ":" in match["first"] or "-" in match["first"]
    if not (cue or match["unit"] or clock):
        return None
    unit = (match["unit"] or cue).strip().casefold()
    return _interval(match["first"], match["first"], unit, match.span())


def _interval(first: str, last: str, unit: str, span: tuple[int, int]) -> StatedInterval | None:
    start, kind = _time(first, unit)
    end, _ = _time(last, unit)
    if start is None or end is None or end < start:
        return None
    return StatedInterval(start, end, kind, span)


def _time(text: str, unit: str) -> tuple[float | None, Unit]:
    """Return a time as a number: seconds where a unit is named, epoch seconds of a date, else as stated."""
    if "-" in text:
        try:
            return datetime.fromisoformat(text.replace(" ", "T")).replace(tzinfo=UTC).timestamp(), "date"
        except ValueError:
            return None, "date"
    if ":" in text:
        seconds = 0.0
        for part in text.split(":"):
            seconds = 60 * seconds + float(part)
        return seconds, "second"
    if unit.startswith("frame"):
        return float(text), "frame"
    if unit.startswith(("millisecond", "msec", "ms")):
        return float(text) / 1000, "second"
    if unit.startswith("min"):
        return float(text) * 60, "second"
    if unit.startswith(("hour", "hr")):
        return float(text) * 3600, "second"
    return float(text), "second" if unit.startswith("sec") or unit == "s" else ""
