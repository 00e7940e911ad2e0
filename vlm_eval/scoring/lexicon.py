"""Looks up what a word or a phrase does in its clause. The words: lexicon.txt, scopes.txt and groups.txt."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

GENERAL, PARTICULAR, MILD, WEAK = 4, 3, 2, 1
"""Weights: of the item in general, of something in particular, of what may also be how it is built ("a notch"), of
what counts only in context ("a spot")."""

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
    "suppose": "what a finding would be like",
    "can": "what can happen; makes what follows conditional, except where it can be seen",
    "sought": "what was looked for follows",
    "zero": "denies what it counts",
    "aside": "a finding, where the item is put there",
    "search": "the same, where 'for' follows",
    "shared": "the reference has it too",
    "vain": "what was looked for was not found",
    "clear": "says that what was seen is harmless",
    "classify": "the choice follows; what was listed before it does not count",
    "differ": "a difference, a finding where it is one from the reference",
    "image": "a noun that an ordinal may count",
    "first": "ordinal",
    "second": "ordinal",
    "third": "ordinal, where the noun follows at once",
    "fourth": "the same",
    "fifth": "the same",
    "sixth": "the same",
    "last": "names the last image",
    "query": "names the image that is asked about",
    "reference": "names the reference image",
    "untrue": "turns what the rest of its clause says round",
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
    **dict.fromkeys(",—–()-", Entry("comma")),
    **dict.fromkeys(":|→", Entry("colon")),
}
_LISTS = ("lexicon.txt", "scopes.txt", "groups.txt")
_NO_PREFIX = (
    *("mission", "mister", "mistrust", "mistaken", "mislead", "misunder"),
    *("misjudg", "misinterp", "misread"),
)


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def _sections() -> Iterator[tuple[list[str], list[str]]]:
    """Read the lists: the words of each heading and the entries below it."""
    text = "\n".join((Path(__file__).parent / name).read_text(encoding="utf-8") for name in _LISTS)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for section in body.split("[")[1:]:
        heading, _, entries = section.partition("]")
        yield heading.split(), [entry for part in entries.replace("\n", " ").split(",") if (entry := part.strip())]


_Phrases = dict[str, dict[str, list[tuple[list[str], Entry]]]]


def _tables() -> tuple[dict[str, Entry], _Phrases, dict[str, frozenset[str]]]:
    single: dict[str, Entry] = {}
    phrases: _Phrases = {}
    groups: dict[str, frozenset[str]] = {}
    for (kind, *rest), entries in _sections():
        if kind == "group":
            groups[" ".join(rest)] = frozenset(entries)
            continue
        entry = Entry(kind, int(rest[0]) if rest else 0)
        plurals = [_plural(noun) for noun in entries] if "nouns" in rest else []
        for first, *others in (phrase.split() for phrase in (*entries, *plurals)):
            if others:
                phrases.setdefault(first, {}).setdefault(others[0], []).append((others[1:], entry))
            else:
                single[first] = entry
    for seconds in phrases.values():
        for rows in seconds.values():
            rows.sort(key=lambda row: -len(row[0]))
    return single, phrases, groups


_WORDS, PHRASES, GROUPS = _tables()
"""PHRASES: by first and second word, the longest first: the other words and the entry. GROUPS: words by name."""


@lru_cache(maxsize=1 << 14)
def look_up(word: str) -> Entry | None:
    """Return what a word in lower case does, also by its parts: possessives, hyphens, prefixes that deny."""
    found = _WORDS.get(word) or _MARKS.get(word)
    if found is not None:
        return found
    if word[0] in "[{":
        return Entry("none")
    if word.endswith("'s"):
        return _WORDS.get(word[:-2])
    if word.startswith("mis") and len(word) > 7 and not word.startswith(_NO_PREFIX):
        return Entry("find", PARTICULAR)
    return _hyphenated(word) if "-" in word else None


Start = tuple[Entry | None, Mapping[str, list[tuple[list[str], Entry]]] | None]
INERT: Start = (None, None)
"""What a word is that does nothing and starts no phrase, as most are."""


@lru_cache(maxsize=1 << 14)
def look_up_start(word: str) -> Start:
    """Return what a word does by itself, and the phrases that start with it by their second word; or `INERT`."""
    entry, following = look_up(word), PHRASES.get(word)
    return INERT if entry is None and following is None else (entry, following)


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
