"""Finds names in an answer and reads whether the answer asserts or denies them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from vlm_eval.scoring.claims import Reading, References
from vlm_eval.scoring.clauses import Sentence, Signal, lower, mark_signals, split_sentences
from vlm_eval.scoring.lexicon import PARTICULAR
from vlm_eval.scoring.sentence_reader import SentenceReader
from vlm_eval.scoring.stems import stem

Status = Literal["asserted", "denied", "conditional", "mentioned"]

_WORD = re.compile(r"[^\W_]+")
_HYPHENED = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_PREFIX = re.compile(r"^(mis|non|un|re|dis|over|under|micro)-")
_FILLERS = frozenset(["a", "an", "the", "of", "in", "on", "with"])
_SLACK = 3  # words that may stand between the words of a name


class Mention(NamedTuple):
    """A name where it stands in an answer, and what the answer says of it."""

    name: str
    status: Status
    start: int
    end: int


class _Place(NamedTuple):
    """A name's first and last token in a sentence."""

    name: str
    first: int
    last: int


def find_mentions(text: str, names: Iterable[str]) -> list[Mention]:
    """Find names whatever their inflection, hyphens and, for names of several words, order.

    A name inside a longer one ("crack" in "surface crack") is not counted again. Returns mentions in the order of
    the text.
    """
    finder = _finder(tuple(names))
    starting = set(filter(finder.may_start, _HYPHENED.findall(lower(text))))
    if not starting:
        return []
    mentions: list[Mention] = []
    reading = Reading()
    for number, sentence in enumerate(split_sentences(text)):
        places = [] if starting.isdisjoint(sentence.words) else finder.places(sentence)
        if places:
            mentions.extend(_read(sentence, number, reading, _without_nested(places)))
    return mentions


@lru_cache(maxsize=1 << 14)
def _stems(word: str) -> tuple[str, ...]:
    """Split a word at its hyphens, but not after a prefix that makes one word with what follows."""
    return tuple(stem(part) for part in _PREFIX.sub(r"\1", word).split("-") if part)


@lru_cache(maxsize=1 << 12)
def _parts(name: str) -> tuple[str, ...]:
    words = _WORD.findall(_PREFIX.sub(r"\1", name.lower()))
    return tuple(stem(word) for word in words if word not in _FILLERS) or tuple(words)


class _Finder:
    """Looks names up by their first stem, and by the two halves in which one word may be written."""

    def __init__(self, names: Iterable[str]) -> None:
        self.by_first: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        self.halves: dict[tuple[str, str], list[str]] = {}
        for name in names:
            parts = _parts(name)
            if not parts:
                continue
            self.by_first.setdefault(parts[0], []).append((name, parts))
            if len(parts) > 1:  # "flatline" for "flat line"
                whole = stem("".join(_WORD.findall(name.lower())))
                self.by_first.setdefault(whole, []).append((name, (whole,)))
            for cut in range(3, len(parts[0]) - 2):  # "flat line" for "flatline"
                if len(parts) == 1:
                    self.halves.setdefault((parts[0][:cut], parts[0][cut:]), []).append(name)
        self.starts = frozenset(self.by_first) | {left for left, _ in self.halves}
        self.may_start = lru_cache(maxsize=1 << 12)(self._may_start)

    def _may_start(self, word: str) -> bool:
        return not self.starts.isdisjoint(_stems(word))

    def places(self, sentence: Sentence) -> list[_Place]:
        """Find the names in a sentence."""
        stems = [(part, index) for index, word in enumerate(sentence.words) for part in _stems(word)]
        found: list[_Place] = []
        for position, (part, index) in enumerate(stems):
            if part not in self.starts:
                continue
            for name, parts in self.by_first.get(part, ()):
                place = _together(stems, position, parts)
                if place is not None:
                    found.append(_Place(name, *place))
            if position + 1 < len(stems):
                following, last = stems[position + 1]
                found.extend(_Place(name, index, last) for name in self.halves.get((part, following), ()))
        return found


@lru_cache(maxsize=256)
def _finder(names: tuple[str, ...]) -> _Finder:
    return _Finder(names)


def _together(stems: Sequence[tuple[str, int]], position: int, parts: tuple[str, ...]) -> tuple[int, int] | None:
    """Find the other parts of a name near its first part."""
    if len(parts) == 1:
        return stems[position][1], stems[position][1]
    reach = len(parts) - 1 + _SLACK
    first, last = max(0, position - reach), position + reach + 1
    positions = [position]
    for part in parts[1:]:
        near = [
            spot
            for spot in range(first, min(last, len(stems)))
            if stems[spot][0] == part and spot not in positions
        ]
        if not near:
            return None
        positions.append(min(near, key=lambda spot: abs(spot - position)))
    return stems[min(positions)][1], stems[max(positions)][1]


def _without_nested(places: Iterable[_Place]) -> list[_Place]:
    """Drop places that lie inside a longer one."""
    kept: list[_Place] = []
    owner: dict[int, _Place] = {}
    for place in sorted(set(places), key=lambda place: (place.first - place.last, place.first)):
        longer = owner.get(place.first)
        if longer is not None and longer is owner.get(place.last) and longer[1:] != place[1:]:
            continue
        kept.append(place)
        for index in range(place.first, place.last + 1):
            owner.setdefault(index, place)
    return sorted(kept, key=lambda place: place.first)


class _NameReader(SentenceReader):
    """Reads names as if they were findings, and remembers which were set aside."""

    def __init__(self, sentence: Sentence, number: int, reading: Reading) -> None:
        super().__init__(sentence, number, reading, References())
        self.set_aside_at: set[int] = set()

    def set_aside(self, signal: Signal) -> None:
        super().set_aside(signal)
        self.set_aside_at.add(signal.start)


_STATUS: dict[str, Status] = {"anomalous": "asserted", "hedged": "conditional", "normal": "denied"}


def _read(sentence: Sentence, number: int, reading: Reading, places: Sequence[_Place]) -> Iterator[Mention]:
    covered = {index for place in places for index in range(place.first, place.last + 1)}
    signals = [
        signal for signal in mark_signals(sentence).signals if signal.place not in covered or signal.kind == "neg"
    ]
    for first in {place.first for place in places}:
        signals.append(Signal("find", PARTICULAR, sentence.words[first], first, *sentence.span(first, first)))
    signals.sort(key=lambda signal: signal.place)
    reader = _NameReader(sentence._replace(signals=signals), number, reading)
    kinds = {claim.start: claim.kind for claim in reader.read()}
    for place in places:
        start, end = sentence.span(place.first, place.last)
        free = sentence.words[place.last].endswith("-free")  # "hole-free"
        denied = free or start in reader.set_aside_at
        status = "denied" if denied else _STATUS.get(kinds.get(start, ""), "mentioned")
        yield Mention(place.name, status, start, end)
