"""The words and signs that a mention of numbered marks is made of."""

import re
from typing import NamedTuple


def word_set(words: str) -> frozenset[str]:
    """Split words at spaces."""
    return frozenset(words.split())


TOKEN = re.compile(r"\d+(?:\.\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*|\n\s*|\S")
SOFT = frozenset("\"'“”‘’*_`()[]{}<>")
PLURALS = word_set(
    "marks markers regions areas labels numbers segments sections zones boxes spots points items objects parts "
    "patches "
    "cells squares circles masks annotations tags locations positions indices ids contours candidates places "
    "neighbors neighbours"
)
NOUNS = PLURALS | word_set(
    "mark marker region area label number no nos segment section zone box spot point item object part patch cell "
    "square circle mask annotation tag location position index id contour candidate place"
)
SPATIAL = word_set("point position location place spot")
NAMING = word_set("labeled labelled marked numbered tagged")
FILLERS = NAMING | NOUNS | frozenset(["as", "with", "by", "the", "in", "#", ":", ".", "=", "is", "are"])
JOINING = frozenset([",", "&", "/", "+", "and", "or", "nor", "plus", "also", "both"])
AFTER_JOINING = word_set("and or in at on for of the both also")
RANGE = frozenset(["-", "–", "—", "to", "through", "thru", "until"])
ORDINAL = word_set("st nd rd th")
QUANTIFIERS = word_set("all every each none any neither both")
REST = word_set("other others remaining rest")
EXCEPT = word_set("except excepting excluding besides barring save apart aside exception")
AFTER_EXCEPT = word_set("for from than of in at on the that")
_COUNTED = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
NUMBER_WORDS = {word: number for number, word in enumerate(_COUNTED.split(), start=1)}
VERBS = word_set(
    "is are was were has have had shows show showing appears appear looks look seems seem contains contain "
    "exhibits exhibit displays display deviates deviate differs differ does do looks can could may might which "
    "where that while but and with because due"
)
OPENING = word_set("and but while whereas although though however only")
COMPARING = word_set("unlike to with than like from")
UNITS = word_set("% ° mm cm m px pixel pixels percent times inches seconds s ms degrees out of")


class Tokens(NamedTuple):
    """The words, numbers, line breaks and signs of a text; `keys` are in lower case."""

    keys: list[str]
    starts: list[int]
    ends: list[int]


def tokenize(text: str) -> Tokens:
    """Split a text into words, numbers, signs and line breaks."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters change their length
        lowered = "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in text)
    keys = TOKEN.findall(lowered)
    starts = [match.start() for match in TOKEN.finditer(lowered)]
    ends = [start + len(key) for start, key in zip(starts, keys, strict=True)]
    return Tokens([key if key[0] != "\n" else "\n" for key in keys], starts, ends)
