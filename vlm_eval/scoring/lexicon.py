"""Looks up what a word or a phrase does in its clause. The words themselves stand in wordlists.py."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from vlm_eval.scoring.wordlists import (
    FINDING_NOUNS,
    FINDINGS,
    GENERAL,
    NORMALITIES,
    PARTICULAR,
    PHRASES_BY_KIND,
    WORDS_BY_KIND,
)

KINDS = {
    "find": "something wrong",
    "good": "nothing wrong",
    "neg": "denies what follows in its clause",
    "freeof": "denies what follows, and turns an earlier denial round (not without, not free of)",
    "lack": "freeof, but itself a finding where it denies none (lacks a leg)",
    "none": "an answer, or denies what was named before it",
    "other": "denies further findings, which says nothing of the first",
    "modal": "makes what follows conditional",
    "cond": "makes its sentence conditional",
    "considered": "after a modal, makes the sentence conditional (could be considered)",
    "cause": "after a modal, a guess at the cause",
    "disclose": "after a modal, what cannot be seen here",
    "whether": "what follows is not asserted",
    "should": "what follows is a norm, not an observation",
    "required": "a norm that was named; with a contrast or a count, it was not kept",
    "only": "fewer than wanted, where a norm is named; a harmless alternative after a modal",
    "contrast": "starts a clause that outweighs the one before",
    "while": "starts another clause",
    "except": "what follows is asserted although the rest is denied; after 'each' a norm that was not kept",
    "universal": "all of them",
    "rather": "what follows is set aside",
    "instead": "what follows was wanted, so something else is there",
    "compare": "what follows is what the item is compared with",
    "from": "the same, after a finding or a difference",
    "present": "can be seen",
    "absent": "cannot be seen",
    "explain": "a harmless reason for what was seen",
    "partial": "speaks of a part or of the rest only",
    "conclude": "starts a conclusion",
    "refuse": "declines",
    "service": "what a model that declines says that it cannot do",
    "unsure": "cannot tell; with a weight, what follows is not asserted",
    "advice": "asks, offers or recommends; what follows is no claim",
    "typical": "what can happen in general",
    "classify": "the choice follows; what was listed before it does not count",
    "differ": "a difference, a finding where it is one from the reference",
    "image": "a noun that an ordinal may count",
    "first": "ordinal",
    "second": "ordinal",
    "reference": "names the reference image",
    "verb": "a finite verb, or a subject that has one",
    "and": "joins words or clauses",
    "or": "joins alternatives",
    "that": "starts a relative clause",
    "this": "points back",
    "also": "the same holds of this",
    "yes": "an answer",
    "false": "an answer, where it stands alone",
    "salient": "makes a weak finding one that is meant",
    "comma": "may end a clause",
    "colon": "ends a clause",
    "skip": "a phrase that must not be read word by word",
}


class Entry(NamedTuple):
    """What a word or a phrase does in a clause."""

    kind: str
    weight: int = 0


_MARKS = {
    **dict.fromkeys("✓✔✅", Entry("good", PARTICULAR)),
    **dict.fromkeys("✗✘❌", Entry("find", PARTICULAR)),
    **dict.fromkeys(",—–()", Entry("comma")),
    ":": Entry("colon"),
}
_NO_PREFIX = frozenset("mission missions mister mistrust mistaken misleading misunderstanding misunderstood".split())


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def _words() -> Iterator[tuple[str, Entry]]:
    for kind, words in WORDS_BY_KIND.items():
        yield from ((word, Entry(kind)) for word in words.split())
    for kind, table in (("good", NORMALITIES), ("find", FINDINGS), ("find", FINDING_NOUNS)):
        for weight, words in reversed(table.items()):  # the heavier reading of a word wins
            for word in words.split():
                yield word, Entry(kind, weight)
                if table is FINDING_NOUNS:
                    yield _plural(word), Entry(kind, weight)


def _phrases() -> dict[str, list[tuple[list[str], Entry]]]:
    table: dict[str, list[tuple[list[str], Entry]]] = {}
    for kind, weight, phrases in PHRASES_BY_KIND:
        for first, *rest in (phrase.split() for phrase in phrases.split("|")):
            table.setdefault(first, []).append((rest, Entry(kind, weight)))
    for rows in table.values():
        rows.sort(key=lambda row: -len(row[0]))
    return table


PHRASES = _phrases()
"""Phrases by their first word, the longest first: the other words and the entry."""

_WORDS = dict(_words())


@lru_cache(maxsize=1 << 14)
def look_up(word: str) -> Entry | None:
    """Return what a single word in lower case does, also by its parts: possessives, hyphens, prefixes that deny."""
    found = _WORDS.get(word) or _MARKS.get(word)
    if found is not None:
        return found
    if word.endswith("'s"):
        return _WORDS.get(word[:-2])
    if word.startswith("mis") and len(word) > 7 and word not in _NO_PREFIX:
        return Entry("find", PARTICULAR)
    return _hyphenated(word) if "-" in word else None


def _hyphenated(word: str) -> Entry | None:
    first, _, last = word.rpartition("-")
    if last == "free":
        return Entry("good", GENERAL)
    entry = _WORDS.get(last) or _WORDS.get(first)
    if entry is None or entry.kind not in ("find", "good"):
        return None
    if first == "non":
        return Entry("good" if entry.kind == "find" else "find", entry.weight)
    return entry
