"""Tells what is no answer any more: the readers of places, marks and times abstain from it with "too-long"."""

import re

MOST_NUMBERS = 100_000
MOST_WORDS = 300_000
"""A megabyte of English prose holds some 170,000 words and hardly a number, and is read in under a second."""

_SHORT = 20_000  # characters that need no counting
_NUMBER = re.compile(r"\d+(?:[.:]\d+)*")


def is_too_long(text: str, most_numbers: int = MOST_NUMBERS) -> bool:
    """Tell whether a text holds more numbers or words than any answer; linear time."""
    if len(text) <= _SHORT:
        return False
    return len(_NUMBER.findall(text)) > most_numbers or len(text.split()) > MOST_WORDS
