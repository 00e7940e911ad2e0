"""Cuts an answer into sentences and marks in each the words that can carry a claim, in one pass."""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from vlm_eval.scoring.lexicon import GROUPS, INERT, Entry, look_up_start

# No part of this pattern can match the same text in two ways, so it never backtracks further than one token.
_TOKEN = re.compile(
    r"(e\.g\.|i\.e\.|[^\W_]+(?:['-][^\W_]+)*|[.!?]+(?![\w/])|\[\s*\]|\{\s*\}|[,;:()|→\n✓✔✅✗✘❌—–]|(?<=\S )-(?= )"
    r"|</?(?:s|answer|br) ?/?>|<\|[a-z_]{1,20}\|>)"
)
_STOPS = frozenset(".!?;\n<")  # "<": a tag that ends an answer ("No</s>", "<answer>No</answer>")
_LONGEST_LABEL = 7  # words
_AFTER_LABEL = frozenset(":|→–—-")
_NO_LABEL = GROUPS["no label"]
_new = tuple.__new__  # makes a named tuple in half the time; a text holds thousands of them
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
    stops = [index for index, token in enumerate(tokens) if token[0] in _STOPS]
    sentences: list[Sentence] = []
    first = line = paragraph = 0
    opens, title = True, False  # whether nothing but a number stands before in the line; whether that is a title's
    for stop in (*stops, len(tokens)):
        token = tokens[stop] if stop < len(tokens) else ""
        while first < stop:
            last = min(stop, first + _LONGEST)
            title = title or (opens and "#" in pieces[2 * first])
            words = tokens[first:last]
            ending = token if last == stop else tokens[last]
            label = label_length(words) if opens else 0
            heading = ending == "\n" and words[-1] == ":"
            signals: list[Signal] = []
            question = "?" in ending
            sentence = (words, starts[first:last], signals, question, heading, line, label, title, paragraph)
            sentences.append(_new(Sentence, sentence))
            opens = opens and len(words) == 1 and words[0].isdigit()
            first = last
        first = stop + 1
        if token == "\n":
            paragraph += stop > 0 and tokens[stop - 1] == "\n"
            line, opens, title = line + 1, True, False
    return sentences


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
    for index, (entry, following) in [row for row in enumerate(map(look_up_start, words)) if row[1] is not INERT]:
        if index < skip_to:
            continue
        last = index
        if following is not None and index + 1 < len(words) and (rows := following.get(words[index + 1])):
            entry, length = _phrase(words, index, rows, entry)
            skip_to = index + length
            last = skip_to - 1
        if entry is not None and entry.kind != "skip":
            end = starts[last] + len(words[last])
            signal = (entry.kind, entry.weight, words[index], index, starts[index], end)
            signals.append(_new(Signal, signal))
    return sentence


def _phrase(
    words: list[str], index: int, rows: list[tuple[list[str], Entry]], word: Entry | None
) -> tuple[Entry | None, int]:
    """Return the longest phrase of those that start with these two words, or else the word."""
    for rest, entry in rows:
        if not rest or words[index + 2 : index + 2 + len(rest)] == rest:
            return entry, 2 + len(rest)
    return word, 1
