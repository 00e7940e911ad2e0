"""Cuts an answer into sentences and marks in each the words that can carry a claim.

One pass over the text; every step is linear in its length.
"""

import re
from typing import NamedTuple

from vlm_eval.scoring.lexicon import PHRASES, WORDS, Entry

# No part of this pattern can match the same text in two ways, so it never backtracks further than one token.
_TOKEN = re.compile(r"e\.g\.|i\.e\.|[^\W_]+(?:['-][^\W_]+)*|[.!?]+(?![\w/])|[,;:()\n✓✔✅✗✘❌—–]")
_STOPS = frozenset(".!?;\n")
_COMMAS = frozenset(",—–()")
_COLON = Entry("colon")
_COMMA = Entry("comma")
_PASSED = Entry("good", 2)
_FAILED = Entry("find", 2)
_SYMBOLS = {**dict.fromkeys("✓✔✅", _PASSED), **dict.fromkeys("✗✘❌", _FAILED)}
_FREE = Entry("good", 3)
_WRONG = Entry("find", 2)
_MIS_WORDS = frozenset("mission missions mister mistrust mistaken misleading missing".split())


class Token(NamedTuple):
    """A word or a punctuation mark in lower case with its place in the text."""

    word: str
    start: int
    end: int


class Signal(NamedTuple):
    """A word or a phrase that does something in its clause."""

    kind: str
    weight: int
    word: str  # its first word
    index: int  # of the first token in the sentence
    start: int  # in the text
    end: int


class Sentence(NamedTuple):
    """A sentence with its tokens and its signals, in order."""

    tokens: list[Token]
    signals: list[Signal]
    question: bool
    heading: bool  # ends in a colon and a line break

    @property
    def span(self) -> tuple[int, int]:
        """Return [start, end) in the text."""
        return self.tokens[0].start, self.tokens[-1].end


def lower(text: str) -> str:
    """Put text in lower case, with straight apostrophes, without changing any position."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters grow in lower case
        lowered = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
    return lowered.replace("’", "'").replace("‑", "-")


def read_sentences(text: str) -> list[Sentence]:
    """Split a text into sentences with their signals; sentences without a word are left out."""
    sentences: list[Sentence] = []
    tokens: list[Token] = []
    for match in _TOKEN.finditer(lower(text)):
        word = match.group()
        if word[0] not in _STOPS:
            tokens.append(Token(word, match.start(), match.end()))
            continue
        if tokens:
            sentences.append(_sentence(tokens, word))
            tokens = []
    if tokens:
        sentences.append(_sentence(tokens, ""))
    return sentences


def _sentence(tokens: list[Token], stop: str) -> Sentence:
    words = [token.word for token in tokens]
    signals: list[Signal] = []
    index = 0
    while index < len(words):
        entry, length = _look_up(words, index)
        if entry is not None and entry.kind != "skip":
            last = tokens[index + length - 1]
            signals.append(Signal(entry.kind, entry.weight, words[index], index, tokens[index].start, last.end))
        index += length
    return Sentence(tokens, signals, "?" in stop, stop == "\n" and words[-1] == ":")


def _look_up(words: list[str], index: int) -> tuple[Entry | None, int]:
    word = words[index]
    for rest, entry in PHRASES.get(word, ()):
        if words[index + 1 : index + 1 + len(rest)] == rest:
            return entry, 1 + len(rest)
    found = WORDS.get(word)
    if found is None and len(word) == 1:
        found = _COLON if word == ":" else _COMMA if word in _COMMAS else _SYMBOLS.get(word)
    return found or _derived(word), 1


def _derived(word: str) -> Entry | None:
    """Read a word by its parts: possessives, hyphenated words and the prefixes that deny."""
    if word.endswith("'s"):
        return WORDS.get(word[:-2])
    if word.startswith("mis") and len(word) > 7 and word not in _MIS_WORDS:
        return _WRONG
    if "-" not in word:
        return None
    first, _, last = word.rpartition("-")
    if last == "free":
        return _FREE
    entry = WORDS.get(last) or WORDS.get(first)
    if entry is not None and first == "non" and entry.kind in ("find", "good"):
        return Entry("good" if entry.kind == "find" else "find", entry.weight)
    return entry if entry is not None and entry.kind in ("find", "good") else None
