"""Finds where the final answer starts: after a reasoning trace, an echoed prompt or a speaker's name."""

import re

_SIGNS = ("assistant", "think", "[/inst]", "short answer")
_MARKERS = re.compile(
    r"</think>|</thinking>|\[/inst\]|<\|?assistant\|?>|<\|im_start\|>assistant|\bassistant\s?:|\bshort answer\s?:"
    r"|(?:^|\n)assistant\n"
)
_ECHO = re.compile(r"\s*(?:user|human|question)\s?:")
_ANSWER = re.compile(r"\banswer\s?:")
_WINDOW = 200  # characters after a marker in which an answer must start


def start_of_final_answer(lowered: str) -> int:
    """Return where the final answer starts in a text in lower case; 0 where nothing stands before it."""
    start = 0
    if any(sign in lowered for sign in _SIGNS):
        for match in _MARKERS.finditer(lowered):
            if lowered[match.end() : match.end() + _WINDOW].strip():
                start = match.end()
    if start == 0 and _ECHO.match(lowered):
        answer = _ANSWER.search(lowered)
        start = answer.end() if answer else 0
    return start
