"""Cuts an answer into sentences and marks in each the words that can carry a claim, in one pass."""

import re
from itertools import accumulate
from typing import NamedTuple

from vlm_eval.scoring.lexicon import PHRASES, Entry, look_up

# No part of this pattern can match the same text in two ways, so it never backtracks further than one token.
_TOKEN = re.compile(r"(e\.g\.|i\.e\.|[^\W_]+(?:['-][^\W_]+)*|[.!?]+(?![\w/])|[,;:()\n✓✔✅✗✘❌—–])")
_STOPS = frozenset(".!?;\n")
_LONGEST = 300  # tokens; a longer sentence is cut, which keeps whatever looks back inside a sentence linear


class Signal(NamedTuple):
    """A word or a phrase that does something in its clause."""

    kind: str
    weight: int
    word: str  # its first word
    place: int  # of its first word in the sentence
    start: int  # in the text
    end: int


class Sentence(NamedTuple):
    """A sentence: its words and punctuation marks in lower case, and its signals in order."""

    words: list[str]
    starts: list[int]  # of the words, in the text
    signals: list[Signal]
    question: bool
    heading: bool  # ends in a colon and a line break

    def span(self, first: int = 0, last: int = -1) -> tuple[int, int]:
        """Return [start, end) in the text, from one word to another."""
        return self.starts[first], self.starts[last] + len(self.words[last])


def lower(text: str) -> str:
    """Put text in lower case, with straight apostrophes, without changing any position."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters grow in lower case
        lowered = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
    return lowered.replace("’", "'").replace("‑", "-")


def read_sentences(text: str) -> list[Sentence]:
    """Split a text into sentences with their signals; sentences without a word are left out."""
    return [mark_signals(sentence) for sentence in split_sentences(text)]


def split_sentences(text: str) -> list[Sentence]:
    """Split a text into sentences, without their signals."""
    pieces = _TOKEN.split(lower(text))  # what lies between tokens and the tokens, by turns
    tokens = pieces[1::2]
    starts = list(accumulate(map(len, pieces)))[0:-1:2]
    sentences: list[Sentence] = []
    first = 0
    for index, token in enumerate(tokens):
        stop = token[0] in _STOPS
        if stop or index - first >= _LONGEST:
            if index > first:
                sentences.append(_sentence(tokens[first:index], starts[first:index], token))
            first = index + 1 if stop else index
    if first < len(tokens):
        sentences.append(_sentence(tokens[first:], starts[first:], ""))
    return sentences


def _sentence(words: list[str], starts: list[int], stop: str) -> Sentence:
    return Sentence(words, starts, [], "?" in stop, stop == "\n" and words[-1] == ":")


def mark_signals(sentence: Sentence) -> Sentence:
    """Find the words and phrases of a sentence that can carry a claim."""
    words, starts, signals = sentence.words, sentence.starts, sentence.signals
    skip_to = 0
    for index, word in enumerate(words):
        if index < skip_to:
            continue
        length = 1
        if word in PHRASES:
            entry, length = _phrase(words, index)
            skip_to = index + length
        else:
            entry = look_up(word)
        if entry is not None and entry.kind != "skip":
            last = index + length - 1
            end = starts[last] + len(words[last])
            signals.append(Signal(entry.kind, entry.weight, word, index, starts[index], end))
    return sentence


def _phrase(words: list[str], index: int) -> tuple[Entry | None, int]:
    """Look up the longest phrase that starts here, or else the word."""
    if index + 1 < len(words):
        for rest, entry in PHRASES[words[index]].get(words[index + 1], ()):
            if not rest or words[index + 2 : index + 2 + len(rest)] == rest:
                return entry, 2 + len(rest)
    return look_up(words[index]), 1
