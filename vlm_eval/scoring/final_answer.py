"""Finds where the final answer starts: after a reasoning trace, an echoed prompt or a speaker's name."""

import re

_MARKERS = re.compile(
    r"</think>|</thinking>|\[/inst\]|<\|?assistant\|?>|<\|im_start\|>assistant|\bassistant\s?:|\bshort answer\s?:|(?:^|\n)assistant\n"
)
_ECHO = re.compile(r"\s*(?:user|human|question)\s?:")
_ANSWER = re.compile(r"\banswer\s?:")


def start_of_final_answer(lowered: str) -> int:
    """Return where the final answer starts in a text in lower case; 0 where nothing stands before it."""
    start = 0
    for match in _MARKERS.finditer(lowered):
        if lowered[match.end() : match.end() + 200].strip():
            start = match.end()
    if start == 0 and _ECHO.match(lowered):
        match = _ANSWER.search(lowered)
        start = match.end() if match else 0
    return start
