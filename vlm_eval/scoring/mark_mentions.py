"""Finds where an answer speaks of numbered marks: lists, ranges, exceptions, "all" and "the others".

Numbers that count ("two of 20 marks"), measure ("3 mm") or number a list ("1. The rim ...") are no marks.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from vlm_eval.scoring.mark_words import (
    AFTER_EXCEPT,
    AFTER_JOINING,
    COMPARING,
    EXCEPT,
    FILLERS,
    JOINING,
    NAMING,
    NOUNS,
    NUMBER_WORDS,
    OPENING,
    ORDINAL,
    PLURALS,
    QUANTIFIERS,
    RANGE,
    REST,
    SOFT,
    SPATIAL,
    UNITS,
    VERBS,
    Tokens,
)

Kind = Literal["named", "exception", "others", "all"]

_BEYOND = 64  # empty keys behind the last token
_FEW = 8  # the most filler words between a noun and its number


class Mention(NamedTuple):
    """A group of marks that is spoken of together."""

    kind: Kind
    names: tuple[str, ...]  # empty for "all" and "others"
    first: int  # token
    last: int  # token, exclusive
    heading: bool = False  # what follows, up to the next heading, is said of it
    bare: bool = False  # without a noun: only sure where every number is a mark


class MentionFinder:
    """Walks once through the tokens of an answer."""

    def __init__(self, text: str, tokens: Tokens, known: Mapping[str, object]) -> None:
        self.text = text
        self.tokens = tokens
        self._keys = tokens.keys + [""] * _BEYOND  # also read before the start, from the end
        self.known = known  # names of marks as they are written: digits, or letters in their own case
        self.lettered = frozenset(name[0].casefold() for name in known if not name.isdecimal())
        self.list_numbers, self.headings = self._numbered_list()

    def find(self) -> list[Mention]:
        """Return the mentions in order; they do not overlap."""
        found: list[Mention] = []
        place = 0
        while place < len(self.tokens.keys):
            mention = self._at(place, found)
            if mention is not None and mention.last > place:
                if self._counts(mention):
                    found.append(mention)
                place = mention.last
            else:
                place += 1
        return found

    def _counts(self, mention: Mention) -> bool:
        if mention.kind in ("all", "others") or not mention.names:
            return mention.kind in ("all", "others")
        inside = [name in self.known for name in mention.names]
        return all(inside) if mention.bare else any(inside)

    def _at(self, place: int, found: Sequence[Mention]) -> Mention | None:
        if place in self.list_numbers:
            return None
        if place in self.headings:
            return Mention("named", (self._keys[place],), place, place + 2, heading=True)
        key = self._keys[place]
        reader = _READERS.get(key)
        if reader is not None:
            return reader(self, place, found)
        numbered = key.isdecimal() or key[0] in self.lettered
        return self._bare(place) if numbered and self._name(place) is not None else None

    # -- names and lists -----------------------------------------------------------------------------------------
    def _name(self, place: int) -> str | None:
        """Return the name of a mark that stands at a place: a whole number, or letters that name a mark."""
        key = self._keys[place]
        if key.isdecimal():
            if place in self.list_numbers or self._keys[place + 1] in UNITS:
                return None
            return key.lstrip("0") or "0"
        if not self.lettered or not key or key[0] not in self.lettered:
            return None
        written = self.text[self.tokens.starts[place] : self.tokens.ends[place]]
        return written if written in self.known else None

    def _skip(self, place: int, words: frozenset[str], most: int = _FEW) -> int:
        end = min(len(self.tokens.keys), place + most)
        while place < end and (self._keys[place] in words or self._keys[place] in SOFT):
            if self._name(place) is not None:
                break
            place += 1
        return place

    def _list(self, place: int, *, nouns: bool = True) -> tuple[tuple[str, ...], int]:
        """Read names joined by commas, words and ranges; return them and the place after them.

        `nouns` says whether a noun may stand between ("mark 3 and mark 4"); after "unlike" it opens a new clause.
        """
        names: dict[str, None] = {}
        last = place
        while (name := self._name(place)) is not None:
            last = place + 1
            end = self._range_end(last)
            if end is not None:
                names |= dict.fromkeys(self._between(name, end[0]))
                last = end[1]
            else:
                names[name] = None
            place = self._next_in_list(last, nouns)
        return tuple(names), self._skip(last, frozenset())

    def _range_end(self, place: int) -> tuple[str, int] | None:
        place = self._skip(place, frozenset(), 3)
        if self._keys[place] not in RANGE:
            return None
        place = self._skip(place + 1, NOUNS, 3)
        name = self._name(place)
        return None if name is None or not name.isdecimal() else (name, place + 1)

    def _between(self, first: str, last: str) -> list[str]:
        """Name the known marks of a range; both ends even where they are not known."""
        if not first.isdecimal():
            return [first, last]
        low, high = int(first), int(last)
        inside = [name for name in self.known if name.isdecimal() and low <= int(name) <= high]
        return inside if low <= high and inside else [first, last]

    def _next_in_list(self, place: int, nouns: bool) -> int:
        """Return where the next name of a list would stand, or an impossible place."""
        after = self._skip(place, frozenset(), 3)
        if self._keys[after] == "as" and self._keys[after + 1] == "well":
            after += 3
        elif self._keys[after] in JOINING:
            after += 1
        else:
            return -1
        after = self._skip(after, AFTER_JOINING | JOINING, 4)
        with_noun = self._skip(after, NOUNS | {"#"}, 3) if nouns else after
        name = self._name(with_noun)
        if name is None or (with_noun == after and name not in self.known):
            return -1
        return with_noun

    # -- readers by first word -----------------------------------------------------------------------------------
    def _noun(self, place: int, found: Sequence[Mention]) -> Mention | None:
        """Read "mark 15", "regions labelled 3 and 4", "marks: 3-5", "mark fifteen"."""
        start = self._skip(place + 1, FILLERS)
        word = self._keys[place + 1]
        if word in NUMBER_WORDS and self._keys[place] not in PLURALS and self._keys[place] not in NAMING:
            return Mention("named", (str(NUMBER_WORDS[word]),), place, place + 2)
        if self._name(start) is None:
            return None
        before = self._keys[self._before(place, frozenset(["the", "other"]))]
        names, last = self._list(start, nouns=before not in COMPARING)
        if any(self._keys[at] in ("is", "are", "in") for at in range(place, start)) and not self._ends(last):
            return None
        counted = self._keys[start - 1] in ("with", ".") and self._keys[start - 2] not in ("no", "nos")
        if counted and self._keys[last].isalpha() and self._keys[last] not in VERBS:
            return None
        if self._keys[place] in SPATIAL and self._keys[start - 1] == "(" and self._keys[last] == ",":
            return Mention("named", (), place, last)  # "the point (2, 40)"
        return Mention("named", names, place, last, heading=self._is_heading(place, last))

    def _before(self, place: int, words: frozenset[str]) -> int:
        """Return the nearest place before this one that holds none of these words and no sign around a name."""
        place -= 1
        while place >= 0 and (self._keys[place] in words or self._keys[place] in SOFT):
            place -= 1
        return place

    def _ends(self, place: int) -> bool:
        return self._keys[place] in ("", "\n", ".", ";", "!", ",")

    def _is_heading(self, place: int, last: int) -> bool:
        return self._keys[last] in (":", "-", "–", "—") and self._starts(place)

    def _starts(self, place: int) -> bool:
        """Tell whether only signs stand between a place and the start of its line or sentence."""
        before = place - 1
        while before >= 0 and before > place - 5:
            key = self._keys[before]
            if key in ("\n", ".", "!", "?", ";", "•"):
                return True
            if key not in SOFT and key not in ("-", "the", "#", ",", ":"):
                return False
            if key in (",", ":"):
                return True
            before -= 1
        return before < 0

    def _quantified(self, place: int, found: Sequence[Mention]) -> Mention | None:
        """Read "all (20) marks", "none of the marked regions", "each of them", "all others", "all but 15"."""
        at, rest, them = place + 1, False, False
        while at < place + 8:
            key = self._keys[at]
            if key in REST:
                rest = True
            elif key in ("them", "these", "those", "ones"):
                them = True
            elif at == place + 1 and self._excepts(at):
                return Mention("all", (), place, at)
            elif key not in ("of", "the", "individual") and key not in NAMING and not key.isdecimal():
                break
            at += 1
        if self._keys[at] in NOUNS and self._name(self._skip(at + 1, FILLERS, 3)) is not None:
            return None
        if self._keys[at] in NOUNS and self._keys[at] not in ("no", "number", "part", "parts"):
            return Mention("others" if rest else "all", (), place, at + 1)
        return Mention("others" if rest else "all", (), place, at) if rest or them else None

    def _rest(self, place: int, found: Sequence[Mention]) -> Mention | None:
        """Read "the others", "the remaining marks", "the rest of the regions"; not "other defects"."""
        at = place + 1
        if self._keys[at] == "than":
            return self._except(place, found)
        if self._keys[place] == "rest" or self._keys[at] == "of":
            at = self._skip(at, frozenset(["of", "the", "them"]) | NAMING, 4)
        at = self._skip(at, NAMING | {"unmarked"}, 2)
        if self._keys[at] in NOUNS or self._keys[at] == "ones":
            return Mention("others", (), place, at + 1)
        alone = self._keys[place] == "others" or (self._keys[place] == "rest" and self._keys[place + 1] != "of")
        return Mention("others", (), place, at) if alone else None

    def _else(self, place: int, found: Sequence[Mention]) -> Mention | None:
        """Read "everything else" and "everything but 15"."""
        if self._excepts(place + 1):
            return Mention("all", (), place, place + 1)
        return Mention("others", (), place, place + 2) if self._keys[place + 1] == "else" else None

    def _excepts(self, at: int) -> bool:
        """Tell whether an exception follows at once: "but 15", ", except for 15"."""
        key = self._keys[at + 1] if self._keys[at] == "," else self._keys[at]
        return key in EXCEPT or self._keys[at] == "but"

    def _except(self, place: int, found: Sequence[Mention]) -> Mention | None:
        """Read "except for mark 15", "other than 3 and 4", "with the exception of 7"."""
        start = self._skip(place + 1, AFTER_EXCEPT | FILLERS)
        if self._name(start) is None:
            return None
        names, last = self._list(start, nouns=False)
        return Mention("exception", names, place, last)

    def _but(self, place: int, found: Sequence[Mention]) -> Mention | None:
        """Read the exception of "all marks but 15"; any other "but" is a contrast."""
        directly = bool(found) and found[-1].kind == "all" and found[-1].last == place
        return self._except(place, found) if directly else None

    # -- numbers without a noun ----------------------------------------------------------------------------------
    def _bare(self, place: int) -> Mention | None:
        if self._keys[place - 1] == self._keys[place + 1] == "|":  # a row of a table
            return Mention("named", (self._name(place) or "",), place, place + 1, heading=True, bare=True)
        names, last = self._list(place)
        if self._keys[place + 1] in ORDINAL and self._keys[place + 2] in NOUNS:
            return Mention("named", (names[0],), place, place + 3)
        before = self._before(place, frozenset())
        signs = "".join(self._keys[at] for at in range(before + 1, place))
        following, preceding = self._keys[last], self._keys[before]
        ends = self._ends(last)
        if "(" in signs and following == "," and self._keys[last + 1].isdecimal():
            return Mention("named", (), place, last)  # "near (2, 40)"
        if preceding == "#" or "(" in signs or "[" in signs:
            return Mention("named", names, place, last, bare=preceding != "#")
        if following == ":" and self._starts(place):
            return Mention("named", names, place, last, heading=True, bare=True)
        explained = self._keys[last - 1] == "(" and preceding in JOINING  # "3 (crack) and 5 (dent)"
        after_sign = (preceding == ":" and ends) or explained
        opens = self._starts(place) and preceding != ":"
        starting = (opens and ends and following != ",") or (
            (opens or preceding in OPENING) and following in VERBS
        )
        if after_sign or starting or (preceding in ("in", "at", "on") and (ends or following in VERBS)):
            return Mention("named", names, place, last, bare=True)
        return Mention("named", (), place, last)  # skipped as a whole, so that no list is read twice

    # -- numbered lists ------------------------------------------------------------------------------------------
    def _numbered_list(self) -> tuple[frozenset[int], frozenset[int]]:
        """Return the places of numbers that only number a list, and of those that name a mark each."""
        self.list_numbers = frozenset[int]()
        keys = self._keys
        candidates = [
            place
            for place in range(len(self.tokens.keys))
            if keys[place + 1] in (".", ")") and keys[place].isdecimal() and self._numbers_an_item(place)
        ]
        numbers = [int(self._keys[place]) for place in candidates]
        if not candidates:
            return frozenset(), frozenset()
        steps = all(later - earlier == 1 for earlier, later in pairwise(numbers))
        if numbers[0] != 1 and len(numbers) == 1 and not self._on_new_line(candidates[0]):
            return frozenset(), frozenset()
        inside = all(str(number) in self.known for number in numbers)
        named = any(key in NOUNS and self._names_a_mark(at) for at, key in enumerate(keys))
        counting = steps and numbers[0] == 1
        digits = [name for name in self.known if name.isdecimal()]
        whole = counting and len(numbers) >= 3 and len(numbers) == len(digits)
        if inside and not named and (whole or not counting or self._announced(candidates[0])):
            return frozenset(), frozenset(candidates)
        return frozenset(candidates), frozenset()

    def _numbers_an_item(self, place: int) -> bool:
        if (
            not self._keys[place].isdecimal()
            or self._keys[place + 1] not in (".", ")")
            or len(self._keys[place]) > 3
        ):
            return False
        if self._keys[place + 2] in ("", "\n") or self.tokens.starts[place + 2] == self.tokens.ends[place + 1]:
            return False
        return self._on_new_line(place) or self._keys[place - 1] in (".", ":", ";", "!", "?")

    def _on_new_line(self, place: int) -> bool:
        before = place - 1
        while before >= 0 and (self._keys[before] in SOFT or self._keys[before] in "#-"):
            before -= 1
        return before < 0 or self._keys[before] == "\n"

    def _names_a_mark(self, place: int) -> bool:
        return self._name(self._skip(place + 1, frozenset(["#", "number"]), 3)) is not None

    def _announced(self, place: int) -> bool:
        """Tell whether the words before a list say that it goes through the marks one by one."""
        words = [self._keys[at] for at in range(max(0, place - 40), place)]
        pairs = set(pairwise(words))
        return any(
            ("each", noun) in pairs or ("by", noun) in pairs or ("numbered", noun) in pairs for noun in NOUNS
        )


_Reader = Callable[[MentionFinder, int, Sequence[Mention]], Mention | None]
_READERS: Mapping[str, _Reader] = (
    dict.fromkeys(NOUNS | NAMING, MentionFinder._noun)
    | dict.fromkeys(QUANTIFIERS, MentionFinder._quantified)
    | dict.fromkeys(REST, MentionFinder._rest)
    | {"everything": MentionFinder._else}
    | dict.fromkeys(EXCEPT, MentionFinder._except)
    | {"but": MentionFinder._but}
)
