"""What an answer says of the marks that it mentions, statement by statement. In linear time."""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from vlm_eval.flow import Claim, Role
from vlm_eval.scoring.mark_mentions import Mention, MentionFinder
from vlm_eval.scoring.mark_words import tokenize, word_set
from vlm_eval.scoring.verdict import Verdict, read_verdict

_SPLITTING = frozenset(
    [",", ";", ":", "—", "–", "and", "but", "while", "whereas", "although", "though", "however", "yet"]
)
_COMPARING = word_set("unlike than to with like versus vs between of from as")
_COMPARED = word_set(
    "unlike compared comparison similar like contrast versus vs relative identical different differs between than "
    "matches matching resembles"
)
_NEAR = word_set("near beside around by above below under adjacent next close surrounding overlapping touching")
_BEING = frozenset(["is", "are"])
_STOPS = frozenset(["\n", ";", ".", "!", "?"])
_STOPS_AND_BULLETS = _STOPS | {"*", "#", "-"}
_BACK = word_set("it its this these they both located such that")
_CLOSING = word_set("overall conclusion therefore thus hence summary so finally based")
_MARK_WORD = re.compile(
    r"\b(this|that|these|those|each|every|the|its|all|corresponding|numbered) (?:mark|marker)(s?)\b"
    r"|\b(?:mark|marker)(s?)(?=\s*:)",
    re.IGNORECASE,
)
_CORRESPONDING = re.compile(r"\bcorrespond(?:s|ing|ed)?\s+(?:to|with)\b", re.IGNORECASE)
_AFFECTED = re.compile(r"\b(?:affected|flagged)\b", re.IGNORECASE)
_ONE_THERE = re.compile(r"\b(?:there (?:is|are)|there's|i see) (?:one|some|two|several)\b", re.IGNORECASE)


@dataclass(slots=True)
class Statement:
    """One thing said of some marks."""

    mention: Mention
    claim: Claim | None
    hedged: bool
    concluding: bool
    span: tuple[int, int]
    host: "Statement | None" = None  # of an exception: what it is excepted from


@dataclass(slots=True)
class _Sentence:
    first: int
    last: int
    mentions: list[Mention] = field(default_factory=list)


class StatementReader:
    """Reads the statements of one answer."""

    def __init__(self, text: str, known: Mapping[str, object], image_roles: Sequence[Role] = ()) -> None:
        self.text = text
        self.image_roles = image_roles
        self.tokens = tokenize(text)
        self.keys = self.tokens.keys
        self.mentions = MentionFinder(text, self.tokens, known).find()
        self._firsts = [mention.first for mention in self.mentions]
        self._verdicts: dict[str, Verdict] = {}
        self._neutrals: dict[tuple[int, int], str] = {}

    def read(self) -> list[Statement]:
        """Return every statement, in order."""
        statements: list[Statement] = []
        before: _Sentence | None = None
        heading: Statement | None = None
        for sentence in self._sentences():
            if sentence.mentions:
                statements += self._of_sentence(sentence, before)
                heading = statements[-1] if statements and sentence.mentions[-1].heading else None
                back = statements[-1] if statements else None
            elif self._continues(sentence, heading is not None):
                back = heading or (statements[-1] if statements else None)
                if back is not None:
                    self._add(back, sentence)
            else:
                heading = None
            before = sentence
        return statements

    # -- sentences -----------------------------------------------------------------------------------------------
    def _sentences(self) -> list[_Sentence]:
        stops = [place for place, key in enumerate(self.keys) if key in _STOPS and self._ends(place)]
        found: list[_Sentence] = []
        start = first = number = 0
        final = len(self.keys) - 1
        for stop in [*stops, final]:
            while number < len(self.mentions) and self.mentions[number].first <= stop:
                number += 1
            last = self.mentions[number - 1].last if number > first else 0
            if stop < start or stop < min(last, final):  # it stands inside a mention, such as "No. 15"
                continue
            if number > first or any(key not in _STOPS_AND_BULLETS for key in self.keys[start : stop + 1]):
                found.append(_Sentence(start, stop + 1, self.mentions[first:number]))
            start, first = stop + 1, number
        return found

    def _ends(self, place: int) -> bool:
        """Tell whether a stop ends a sentence: not the point of "3.5" or "e.g."."""
        if self.keys[place] in ("\n", ";"):
            return True
        end = self.tokens.ends[place]
        following = self.text[end : end + 1]
        return not following or following.isspace() or following in "\"'*)"

    def _continues(self, sentence: _Sentence, heading: bool) -> bool:
        word = next(iter(self._words(sentence)), "")
        if heading:
            return word not in _CLOSING and word not in ("in", "no", "yes")
        return word in _BACK

    def _words(self, sentence: _Sentence) -> list[str]:
        start = self.keys[sentence.first : min(sentence.last, sentence.first + 10)]
        return [key for key in start if key[0].isalpha()][:4]

    # -- statements ----------------------------------------------------------------------------------------------
    def _of_sentence(self, sentence: _Sentence, before: _Sentence | None) -> list[Statement]:
        mentions = sentence.mentions
        borders = [sentence.first]
        for left, right in pairwise(mentions):
            borders.append(self._border(left, right))
        borders.append(sentence.last)
        made: list[Statement] = []
        for number, mention in enumerate(mentions):
            role = self._role(mention, sentence)
            if role == "compared" or (role == "near" and len(mentions) > 1 and mention.kind == "named"):
                continue
            further = borders[min(number + 2, len(borders) - 1)]
            statement = self._statement(mention, (borders[number], borders[number + 1], further), sentence, before)
            self._oppose(statement, made, borders[number], borders[number + 1])
            made.append(statement)
        self._except(made, sentence, before)
        return made

    def _border(self, left: Mention, right: Mention) -> int:
        """Return where the clause of the right mention starts: at the last word that can open a clause."""
        if right.kind == "exception":
            return right.first
        for place in range(right.first - 1, left.last - 1, -1):
            if self.keys[place] in _SPLITTING:
                return place
        return right.first

    def _role(self, mention: Mention, sentence: _Sentence) -> str:
        """Say whether a mention only serves to compare, or only says what is near."""
        place = mention.first - 1
        while place >= sentence.first and self.keys[place] in ("the", "mark", "marks", "region", "regions"):
            place -= 1
        words = {self.keys[at] for at in range(max(sentence.first, place - 1), place + 1)}
        last = self.keys[place] if place >= sentence.first else ""
        if last in _COMPARED or (last in _COMPARING and words & _COMPARED):
            return "compared"
        return "near" if words & _NEAR and (last in _NEAR or last in ("to", "of")) else ""

    def _statement(
        self, mention: Mention, clause: tuple[int, int, int], sentence: _Sentence, before: _Sentence | None
    ) -> Statement:
        """Read one mention's clause: from its first token to its last, or on to the end of the next clause."""
        first, last, further = clause
        verdict = self._verdict(first, last)
        if verdict.claim is None and verdict.reason != "hedged" and mention.kind != "exception":
            verdict = self._verdict(first, further) if further > last else verdict
        if verdict.claim is None and verdict.reason != "hedged" and mention.kind != "exception":
            verdict = self._fall_back(mention, sentence, before, verdict)
        return Statement(
            mention,
            verdict.claim,
            verdict.reason == "hedged",
            not _CLOSING.isdisjoint(self._words(sentence)),
            self._span(first, last),
        )

    def _fall_back(self, mention: Mention, sentence: _Sentence, before: _Sentence | None, own: Verdict) -> Verdict:
        """Read the sentence before, where this one points back to it or is nothing but marks."""
        if before is None or before.mentions or mention is not sentence.mentions[0]:
            return own
        pointing = not _BACK.isdisjoint(self.keys[sentence.first : mention.first])
        return self._verdict(before.first, sentence.last) if pointing or self._is_all(sentence) else own

    def _oppose(self, statement: Statement, made: list[Statement], first: int, last: int) -> None:
        """Read "but there is one in mark 4": the opposite of what was said before it."""
        if statement.claim is None and made and _ONE_THERE.search(self._neutral(first, last)):
            statement.claim = "anomalous" if made[-1].claim == "normal" else None

    def _is_all(self, sentence: _Sentence) -> bool:
        """Tell whether a sentence holds nothing but its mentions."""
        inside = sum(mention.last - mention.first for mention in sentence.mentions)
        signs = sum(
            not self.keys[place][0].isalnum()
            for place in range(sentence.first, sentence.last)
            if not any(mention.first <= place < mention.last for mention in sentence.mentions[:1])
        )
        return inside + signs >= sentence.last - sentence.first

    def _except(self, made: list[Statement], sentence: _Sentence, before: _Sentence | None) -> None:
        """Join each exception to what it is excepted from: the statement before or after it, or the clause."""
        for number, statement in enumerate(made):
            mention = statement.mention
            if mention.kind != "exception":
                continue
            earlier = made[number - 1] if number else None
            later = made[number + 1] if number + 1 < len(made) else None
            if earlier is not None and self._adjoins(earlier.mention, mention):
                following = made[number + 1].mention.first if later is not None else sentence.last
                earlier.claim = self._verdict(earlier.mention.first, following).claim
                statement.host, statement.claim = earlier, None
            elif earlier is not None:
                statement.host = earlier
            elif mention.first > sentence.first + 1 and later is None:
                verdict = self._verdict(sentence.first, mention.first)
                everything = Mention("all", (), sentence.first, mention.first)
                statement.host = Statement(
                    everything, verdict.claim, False, False, self._span(sentence.first, mention.first)
                )
                statement.claim = self._verdict(mention.first, sentence.last).claim if verdict.claim else None
            else:
                statement.host = later
                statement.claim = None

    def _adjoins(self, host: Mention, exception: Mention) -> bool:
        """Tell whether an exception stands right behind its host, so that what follows is said of the host."""
        between = self.keys[host.last : exception.first]
        after = self.keys[exception.last : exception.last + 2]
        return not any(key[0].isalnum() for key in between) and not {"which", "where", "("} & set(after)

    def _add(self, statement: Statement, sentence: _Sentence) -> None:
        """Let a later sentence, which points back, settle a statement that made no claim, or accuse."""
        verdict = self._verdict(sentence.first, sentence.last)
        if verdict.claim is not None and (statement.claim is None or verdict.claim == "anomalous"):
            statement.claim, statement.hedged = verdict.claim, False
            statement.span = statement.span[0], self._span(sentence.first, sentence.last)[1]
        elif verdict.reason == "hedged" and statement.claim is None:
            statement.hedged = True

    # -- claims --------------------------------------------------------------------------------------------------
    def _span(self, first: int, last: int) -> tuple[int, int]:
        while last - 1 > first and self.keys[last - 1] == "\n":
            last -= 1
        while first < last - 1 and self.keys[first] in ("\n", ","):
            first += 1
        return (self.tokens.starts[first], self.tokens.ends[last - 1]) if first < last else (0, 0)

    def _verdict(self, first: int, last: int) -> Verdict:
        """Read the claim of some tokens, with "area" for every mention: "mark" and "spot" would name defects."""
        words = self._neutral(first, last)
        if words not in self._verdicts:
            self._verdicts[words] = read_verdict(words, image_roles=self.image_roles)
        return self._verdicts[words]

    def _neutral(self, first: int, last: int) -> str:
        if (first, last) not in self._neutrals:
            self._neutrals[first, last] = self._made_neutral(first, last)
        return self._neutrals[first, last]

    def _made_neutral(self, first: int, last: int) -> str:
        parts: list[str] = []
        start = self.tokens.starts[first] if first < len(self.keys) else len(self.text)
        for mention in self._inside(first, last):
            parts.append(self.text[start : self.tokens.starts[mention.first]])
            parts.append(self._stand_in(mention))
            start = self.tokens.ends[mention.last - 1]
        end = self.tokens.ends[last - 1] if last > first else start
        parts.append(self.text[start : max(start, end)])
        words = " ".join("".join(parts).replace("_", " ").split())
        if "corresp" in words:
            words = _CORRESPONDING.sub("located at", words)
        words = _AFFECTED.sub("defective", words)
        return _MARK_WORD.sub(_as_area, words) if "mark" in words.lower() else words

    def _inside(self, first: int, last: int) -> Sequence[Mention]:
        return self.mentions[bisect_left(self._firsts, first) : bisect_left(self._firsts, last)]

    def _keys_of(self, mention: Mention) -> Sequence[str]:
        return self.keys[mention.first : mention.last]

    def _stand_in(self, mention: Mention) -> str:
        if mention.kind == "exception":
            return ""
        if mention.kind == "named" and not _BEING.isdisjoint(self._keys_of(mention)):
            return "area is here"
        if mention.kind == "named":
            return "area:" if mention.heading and self.keys[mention.last - 1] == "." else "area"
        words = self._keys_of(mention)
        quantifier = (
            words[0] if words[0] in ("none", "no", "any", "neither") else "all" if len(words) > 1 else words[0]
        )
        if mention.kind == "others":
            return "none of the other areas" if quantifier in ("none", "neither") else "other areas"
        return {"none": "none of the areas", "neither": "none of the areas", "any": "any area"}.get(
            quantifier, "all areas"
        )


def _as_area(match: re.Match[str]) -> str:
    return f"{match[1]} area{match[2]}" if match[1] else f"area{match[3]}"
