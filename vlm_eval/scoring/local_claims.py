"""What an answer claims at a place in its text: the claim of the clause that a place word or a time stands in."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from vlm_eval.flow import Claim, Role
from vlm_eval.scoring.verdict import Verdict, read_verdict

_END = re.compile(r"[.!?](?=[\s\"'*)]|$)|[\n;]")
_OPENING = re.compile(r"[,:]|\b(?:and|but|while|whereas|although|though|however|yet|then)\b", re.IGNORECASE)
_POINTING = re.compile(
    r"\b(?:it|its|this|that|these|they|which|located|location|occurs?|visible|seen)\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]+")
_LOOK_BACK = 120  # characters before a place in which a word may point back


@dataclass(frozen=True, slots=True)
class LocalClaim:
    """The claim at one place: made by its own clause, or None where that is open; and the clause."""

    claim: Claim | None
    hedged: bool
    clause: tuple[int, int]


class LocalClaimReader:
    """Reads the claims at several places of one text, in linear time."""

    def __init__(self, text: str, image_roles: Sequence[Role] = ()) -> None:
        self.text = text
        self.image_roles = image_roles
        ends = [match.end() for match in _END.finditer(text)]
        self._starts = [0, *ends]
        self._ends = [*ends, len(text)]
        self._known: dict[str, Verdict] = {}

    def read(self, places: Sequence[tuple[int, int]]) -> list[LocalClaim]:
        """Return the claim at each place; the places are given in order and do not overlap."""
        claims: list[LocalClaim] = []
        index = 0
        while index < len(places):
            sentence = bisect_right(self._starts, places[index][0]) - 1
            last = index
            while last < len(places) and places[last][0] < self._ends[sentence]:
                last += 1
            claims += self._of_sentence(sentence, places[index:last])
            index = last
        return claims

    def _of_sentence(self, sentence: int, places: Sequence[tuple[int, int]]) -> list[LocalClaim]:
        start, end = self._starts[sentence], self._ends[sentence]
        borders = [start]
        for (_, left), (right, _) in pairwise(places):
            openings = [match.start() for match in _OPENING.finditer(self.text, left, right)]
            borders.append(openings[-1] if openings else right)
        borders.append(end)
        claims: list[LocalClaim] = []
        for number in range(len(places)):
            clause = borders[number], borders[number + 1]
            verdict = self._verdict(*clause)
            if self._open(verdict) and number + 2 < len(borders):
                verdict = self._verdict(borders[number], borders[number + 2])
            if self._open(verdict) and number:
                verdict = self._verdict(borders[number - 1], borders[number + 1])
            if self._open(verdict) and not number:
                verdict = self._look_back(sentence, places, verdict)
            claims.append(LocalClaim(verdict.claim, verdict.reason == "hedged", clause))
        return claims

    def _open(self, verdict: Verdict) -> bool:
        return verdict.claim is None and verdict.reason not in ("hedged", "contradictory")

    def _look_back(self, sentence: int, places: Sequence[tuple[int, int]], own: Verdict) -> Verdict:
        """Read the sentence before, where this one points back to it or says nothing but places."""
        before = sentence - 1
        while before >= 0 and not _WORD.search(self.text, self._starts[before], self._ends[before]):
            before -= 1
        if before < 0:
            return own
        start, end = self._starts[sentence], self._ends[sentence]
        pointing = _POINTING.search(self.text, start, min(places[0][0], start + _LOOK_BACK))
        rest = self.text[start : places[0][0]] + self.text[places[-1][1] : end]
        if pointing is None and len(_WORD.findall(rest[:_LOOK_BACK])) > 5:
            return own
        return self._verdict(self._starts[before], end)

    def _verdict(self, start: int, end: int) -> Verdict:
        words = self.text[start:end].strip(" \t\r\n,:")
        if words not in self._known:
            self._known[words] = read_verdict(words, image_roles=self.image_roles)
        return self._known[words]
