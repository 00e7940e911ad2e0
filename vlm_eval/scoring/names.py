"""Finds names in an answer and reads whether the answer asserts or denies them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from vlm_eval.scoring.claims import Reading, References
from vlm_eval.scoring.clauses import Sentence, Signal, read_sentences
from vlm_eval.scoring.sentence_reader import SentenceReader
from vlm_eval.scoring.stems import stem
from vlm_eval.scoring.wordlists import PARTICULAR

Status = Literal["asserted", "denied", "conditional", "mentioned"]

_WORD = re.compile(r"[^\W_]+")
_PREFIX = re.compile(r"^(mis|non|un|re|dis|over|under|micro)-")
_FILLERS = frozenset("a an the of in on with".split())
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


@lru_cache(maxsize=1 << 12)
def _parts(name: str) -> tuple[str, ...]:
    words = _WORD.findall(_PREFIX.sub(r"\1", name.lower()))
    return tuple(stem(word) for word in words if word not in _FILLERS) or tuple(words)


def find_mentions(text: str, names: Iterable[str]) -> list[Mention]:
    """Find names whatever their inflection, hyphens and, for names of several words, order.

    A name inside a longer one ("crack" in "surface crack") is not counted again. Returns mentions in the order of the text.
    """
    wanted = [(name, parts) for name in names if (parts := _parts(name))]
    mentions: list[Mention] = []
    reading = Reading()
    for number, sentence in enumerate(read_sentences(text)):
        places = _without_nested(_places(sentence, wanted))
        if places:
            mentions.extend(_read(sentence, number, reading, places))
    return mentions


def _places(sentence: Sentence, wanted: Sequence[tuple[str, tuple[str, ...]]]) -> Iterator[_Place]:
    stems: list[tuple[str, int]] = []
    for index, word in enumerate(sentence.words):
        if word[0].isalnum():
            stems.extend((stem(part), index) for part in _PREFIX.sub(r"\1", word).split("-"))
    where: dict[str, list[int]] = {}
    for position, (part, _) in enumerate(stems):
        where.setdefault(part, []).append(position)
    for name, parts in wanted:
        for position in where.get(parts[0], ()):
            found = _together(stems, position, parts)
            if found is not None:
                yield _Place(name, *found)
        yield from _joined(stems, where, name, parts)


def _together(stems: Sequence[tuple[str, int]], position: int, parts: tuple[str, ...]) -> tuple[int, int] | None:
    """Find the other parts of a name near its first part."""
    if len(parts) == 1:
        return stems[position][1], stems[position][1]
    reach = len(parts) - 1 + _SLACK
    first, last = max(0, position - reach), position + reach + 1
    positions = [position]
    for part in parts[1:]:
        near = [spot for spot in range(first, min(last, len(stems))) if stems[spot][0] == part and spot not in positions]
        if not near:
            return None
        positions.append(min(near, key=lambda spot: abs(spot - position)))
    return stems[min(positions)][1], stems[max(positions)][1]


def _joined(
    stems: Sequence[tuple[str, int]], where: dict[str, list[int]], name: str, parts: tuple[str, ...]
) -> Iterator[_Place]:
    """Find 'flatline' for 'flat line' and the other way round."""
    if len(parts) > 1:
        for position in where.get(stem("".join(_WORD.findall(name.lower()))), ()):
            yield _Place(name, stems[position][1], stems[position][1])
        return
    for (one, first), (two, last) in zip(stems, stems[1:], strict=False):
        if len(one) + len(two) == len(parts[0]) and one + two == parts[0]:
            yield _Place(name, first, last)


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
    signals = [signal for signal in sentence.signals if signal.index not in covered or signal.kind == "neg"]
    for first in {place.first for place in places}:
        signals.append(Signal("find", PARTICULAR, sentence.words[first], first, *sentence.span(first, first)))
    signals.sort(key=lambda signal: signal.index)
    reader = _NameReader(sentence._replace(signals=signals), number, reading)
    kinds = {claim.start: claim.kind for claim in reader.read()}
    for place in places:
        start, end = sentence.span(place.first, place.last)
        status = "denied" if start in reader.set_aside_at else _STATUS.get(kinds.get(start, ""), "mentioned")
        yield Mention(place.name, status, start, end)
