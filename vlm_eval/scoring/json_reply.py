"""Reads JSON replies as models write them: fenced, with prose around, trailing commas, single quotes, or cut off.

Only the fields that the layout declared are read, with the meaning and the polarity that it declared.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from vlm_eval.flow import Claim, ReplyField, Scalar

_VALUE = r"\s*:\s*(?:\"((?:[^\"\\]|\\.)*)\"?|'((?:[^'\\]|\\.)*)'?|([^\s,}\]]+))"


class Reply(NamedTuple):
    """The declared fields of a reply, as they were found."""

    claim: Claim | None  # of the field declared as the verdict
    span: tuple[int, int]
    prose: tuple[int, int] | None  # [start, end) of the field declared as reasoning or text
    other: str | None = None  # what the field declared as the verdict holds, where it is no declared value


def read_reply(text: str, fields: Sequence[ReplyField]) -> Reply | None:
    """Read the declared fields; None where the text holds none of them."""
    claim: Claim | None = None
    span = (0, len(text))
    prose = other = None
    seen = False
    for declared in fields:
        found = _find(text, declared.name)
        if found is None:
            continue
        seen = True
        value, place = found
        if declared.meaning == "verdict":
            claim, span = _polarity(value, declared), place
            other = value if claim is None else None
        elif declared.meaning in ("reasoning", "text") and prose is None:
            prose = place
    return Reply(claim, span, prose, other) if seen else None


def _find(text: str, name: str) -> tuple[str, tuple[int, int]] | None:
    """Return the last value of a field and its place; a reply that is repeated is corrected by its last."""
    pattern = re.compile(rf"[\"'`]?\b{re.escape(name)}\b[\"'`]?{_VALUE}", re.IGNORECASE)
    last = None
    for match in pattern.finditer(text):
        group = next(number for number in (1, 2, 3) if match[number] is not None)
        last = match[group], match.span(group)
    return last


def _polarity(value: str, declared: ReplyField) -> Claim | None:
    said = _fold(value)
    if said in {_fold(allowed) for allowed in declared.anomalous}:
        return "anomalous"
    if said in {_fold(allowed) for allowed in declared.normal}:
        return "normal"
    return None


def _fold(value: Scalar) -> str:
    return str(value).strip(" \t\r\n\"'`*.!").lower()
