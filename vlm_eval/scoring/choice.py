"""Reads which option of a multiple-choice question an answer picks. It never guesses."""

import re
from collections.abc import Mapping

from vlm_eval.scoring.clauses import lower
from vlm_eval.scoring.final_answer import start_of_final_answer
from vlm_eval.scoring.names import find_mentions
from vlm_eval.scoring.yes_no import read_yes_no

_OPEN = r"[\s\"'*_`(\[{]{0,9}"
_CLOSE = r"[\s\"'*_`)\]}]{0,9}"
_DECIDING = (
    r"\b(?:(?:answer|option|choice|choose|select|pick|go with|(?:would|['’]d) say|correct|letter|so|therefore|thus"
    r"|hence)\b,?"
    r"|(?:it|this|that)(?:['’]s|\s{1,3}is)\b)"
    r"(?:\s{1,3}(?:is|would be|should be|option)\b){0,3}[\"'*_`]{0,3}\s{0,3}[:=]?"
)
_TAG_AT_END = re.compile(r"(?:</s>|<\|[a-z_]{1,20}\|>)\Z")
_AND = r"(?:,\s{0,3}(?:and|or)|,|/|&|\band\b|\bor\b)"


def read_choice(text: str, options: Mapping[str, str]) -> str | None:
    """Return the key of the option that the answer picks, None where it picks none or several.

    `options` maps keys ("A") to option texts. A stated choice ("the answer is B") comes first, then a key at
    the start ("B. ...", "(b)", "B it is in region C"), then an option's text. The article in "A clean bottle"
    is no key.
    """
    body = _TAG_AT_END.sub("", text[start_of_final_answer(lower(text)) :].strip())
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
        rf"{_DECIDING}{_OPEN}({_keys(options)})(?={_CLOSE}(?:[.,;:!)}}\n]|$|because\b|since\b))(?!\s{{0,3}}{_AND}\s{{0,3}}"
        rf"(?:{_keys(options)})\b)",
        re.IGNORECASE,
    )
    right = re.compile(
        rf"\b({_keys(options)}){_CLOSE}\s{{1,3}}is\s{{1,3}}(?:the\s{{1,3}})?(?:correct|right|best|answer)\b",
        re.IGNORECASE,
    )
    return [_key(match[1], options) for match in (*pattern.finditer(body), *right.finditer(body))]


def _lists_options(body: str, options: Mapping[str, str]) -> bool:
    """Tell whether the answer names several options, or only repeats them."""
    listed = set(re.findall(rf"(?:^|(?<=\s))[\"'*_`(\[]{{0,9}}({_keys(options)}){_CLOSE}[.):]", body))
    several = re.match(rf"{_OPEN}(?:{_keys(options)}){_CLOSE}{_AND}\s{{0,3}}(?:{_keys(options)})\b", body)
    return len(listed) > 1 or several is not None


def _concludes(body: str) -> bool:
    return re.search(r"\b(?:final answer|therefore|thus|hence|in conclusion)\b", lower(body)) is not None


def _key(said: str, options: Mapping[str, str]) -> str:
    return next(key for key in options if key.lower() == said.lower())


def _leading_key(body: str, options: Mapping[str, str]) -> str | None:
    alone = re.fullmatch(
        rf"\W{{0,12}}(?:(?:boxed|answer)\W{{1,9}})?({_keys(options)})\W{{0,12}}(?:answer\W{{0,3}})?",
        body,
        re.IGNORECASE,
    )
    marked = alone or re.match(rf"{_OPEN}({_keys(options)}){_CLOSE}[.):,;\n]", body, re.IGNORECASE)
    if marked:
        return _key(marked[1], options)
    bare = re.match(rf"{_OPEN}({_keys(options)})\s{{1,9}}(?=\S)", body)
    if bare is None:
        return None
    key = _key(bare[1], options)
    follows = _plain(options[key]) and _plain(body[bare.end() :]).startswith(_plain(options[key]))
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
    """Read a plain yes or no where one option alone says so; where none says the opposite, only a leading one."""
    keys: dict[str, list[str]] = {"yes": [], "no": []}
    for key, option in options.items():
        keys.get(_plain(option).partition(" ")[0], []).append(key)
    answer = read_yes_no(body) if keys["yes"] and keys["no"] else _plain(body[:40]).partition(" ")[0]
    said = keys.get(answer or "", [])
    return said[0] if len(said) == 1 else None


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", lower(text)))
