"""Cuts an answer into sentences and marks in each the words that can carry a claim, in one pass."""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from vlm_eval.scoring.lexicon import GROUPS, PHRASES, Entry, look_up

# No part of this pattern can match the same text in two ways, so it never backtracks further than one token.
_TOKEN = re.compile(
    r"(e\.g\.|i\.e\.|[^\W_]+(?:['-][^\W_]+)*|[.!?]+(?![\w/])|\[\s*\]|\{\s*\}|[,;:()|→\n✓✔✅✗✘❌—–]|(?<=\S )-(?= ))"
)
_STOPS = frozenset(".!?;\n")
_LONGEST_LABEL = 7  # words
_AFTER_LABEL = frozenset(":|→–—-")
_NO_LABEL = GROUPS["no label"]
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
    line: int = 0  # number of its line in the text
    label: int = 0  # words of the label that opens its line ("Cracks: ...")
    title: bool = False  # a line that is marked up as a heading
    paragraph: int = 0

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
    first = line = paragraph = 0
    opens, title = True, False  # whether nothing but a number stands before in the line; whether that is a title's
    for index in range(len(tokens) + 1):
        token = tokens[index] if index < len(tokens) else ""
        stop = not token or token[0] in _STOPS
        if stop or index - first >= _LONGEST:
            if index > first:
                title = title or (opens and "#" in pieces[2 * first])
                words = tokens[first:index]
                sentence = _sentence(words, starts[first:index], token)
                label = label_length(words) if opens else 0
                sentences.append(sentence._replace(line=line, label=label, title=title, paragraph=paragraph))
                opens = opens and len(words) == 1 and words[0].isdigit()
            first = index + 1 if stop else index
        if token == "\n":
            paragraph += index > 0 and tokens[index - 1] == "\n"
            line, opens, title = line + 1, True, False
    return sentences


def _sentence(words: list[str], starts: list[int], stop: str) -> Sentence:
    return Sentence(words, starts, [], "?" in stop, stop == "\n" and words[-1] == ":")


def label_length(words: Sequence[str]) -> int:
    """Count the words of the label that opens a line ("Bent shank: ..."); 0 where it opens without one."""
    for index, word in enumerate(words[: _LONGEST_LABEL + 1]):
        if word in _AFTER_LABEL and index and index + 1 < len(words):
            return index
        if word in _NO_LABEL:
            return 0
    return 0


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
