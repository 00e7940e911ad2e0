"""Reads which option of a multiple-choice question an answer picks. It never guesses."""

import re
from collections.abc import Mapping

from vlm_eval.scoring.clauses import lower
from vlm_eval.scoring.final_answer import start_of_final_answer
from vlm_eval.scoring.names import find_mentions
from vlm_eval.scoring.yes_no import read_yes_no

_DECIDING = (
    r"\b(?:answer|option|choice|choose|select|pick|correct)\b(?:\s+(?:is|would be|should be|option))*\s*[:=]?"
)
_QUOTES = r"[\s\"'*_`(\[{]*"


def read_choice(text: str, options: Mapping[str, str]) -> str | None:
    """Return the key of the option that the answer picks, None where it picks none or several.

    `options` maps keys ("A") to option texts. A stated choice ("the answer is B") comes first, then a key at
    the start ("B. ...", "(b)", "B it is in region C"), then an option's text. The article in "A clean bottle"
    is no key.
    """
    body = text[start_of_final_answer(lower(text)) :].strip()
    stated = _stated(body, options)
    if stated:
        return stated[-1] if len(set(stated)) == 1 or _concludes(body) else None
    if _lists_options(body, options):
        return None
    return _leading_key(body, options) or _by_text(body, options)


def _keys(options: Mapping[str, str]) -> str:
    return "|".join(re.escape(key) for key in sorted(options, key=len, reverse=True))


def _stated(body: str, options: Mapping[str, str]) -> list[str]:
    pattern = re.compile(
        rf"{_DECIDING}[\"'*_`(\[\s]*({_keys(options)})(?=[\"'*_`)\]\s]*(?:[.,;:!)\n]|$))", re.IGNORECASE
    )
    right = re.compile(
        rf"\b({_keys(options)})[\"'*_`)\]]*\s+is\s+(?:the\s+)?(?:correct|right|best|answer)\b", re.IGNORECASE
    )
    return [_key(match[1], options) for match in (*pattern.finditer(body), *right.finditer(body))]


def _lists_options(body: str, options: Mapping[str, str]) -> bool:
    """Tell whether the answer only repeats the options, one a line."""
    lines = re.findall(rf"^{_QUOTES}({_keys(options)})[\"'*_`)\]}}]*[.):]", body, re.MULTILINE)
    return len(set(lines)) > 1


def _concludes(body: str) -> bool:
    return re.search(r"\b(?:final answer|therefore|thus|hence|in conclusion)\b", lower(body)) is not None


def _key(said: str, options: Mapping[str, str]) -> str:
    return next(key for key in options if key.lower() == said.lower())


def _leading_key(body: str, options: Mapping[str, str]) -> str | None:
    marked = re.match(
        rf"{_QUOTES}({_keys(options)})(?:[\"'*_`\]}}\s]*[.):,;\n]|[\"'*_`)\]}}\s]*$)", body, re.IGNORECASE
    )
    if marked:
        return _key(marked[1], options)
    bare = re.match(rf"{_QUOTES}({_keys(options)})\s+(?=\S)(.*)", body, re.DOTALL)
    if bare is None:
        return None
    key = _key(bare[1], options)
    follows = _plain(bare[2]).startswith(_plain(options[key])) and _plain(options[key])
    return key if follows or key.upper() not in ("A", "I") else None


def _by_text(body: str, options: Mapping[str, str]) -> str | None:
    said = _plain(body)
    exact = [key for key, option in options.items() if _plain(option) == said]
    if len(exact) == 1:
        return exact[0]
    mentions = find_mentions(body, options.values())
    picked = {mention.name for mention in mentions if mention.status == "asserted"}
    keys = [key for key, option in options.items() if option in picked]
    if len(keys) == 1:
        return keys[0]
    return None if keys else _by_yes_or_no(body, options)


def _by_yes_or_no(body: str, options: Mapping[str, str]) -> str | None:
    answer = read_yes_no(body)
    keys = [
        key
        for key, option in options.items()
        if answer is not None and (_plain(option) + " ").startswith(answer + " ")
    ]
    return keys[0] if len(keys) == 1 else None


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", lower(text)))
