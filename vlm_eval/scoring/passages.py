"""Finds what of an answer is embedded: the accused phrase, each sentence, or all of it. No model; linear time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vlm_eval.flow import Finish, Item, Role
from vlm_eval.scoring.final_answer import start_of_final_answer
from vlm_eval.scoring.verdict import Verdict, read_verdict
from vlm_eval.scoring.verdict_scorer import read_item

Part = Literal["accused", "sentence", "whole"]
PARTS: tuple[Part, ...] = ("accused", "sentence", "whole")

_LONGEST = 1000  # characters of a sentence that is searched for a phrase; longer ones are no sentences
_BARE = 3  # words of an answer that can be no more than a name
_SENTENCE = re.compile(r"[^.!?\n]+")
_LEAD = re.compile(
    r".*?\b(?:anomal(?:y|ies)|anomalous|defects?|odd one out|objects?|items?|things?|elements?|stands? out)\b"
    r"[^,;:]{0,80}?\b(?:is|are|would be|(?:seems?|appears?) to be)\s+(?=(?:an?|the|one|two|three|some|several)\b)"
)
_THERE = re.compile(
    r".*?\b(?:there(?:['’]s|\s+(?:is|are|(?:seems?|appears?)\s+to\s+be))"
    r"|(?:shows?|contains?|displays?|exhibits?|has|have)(?=\s+(?:an?|some)\b))\s+"
)
_ODD = re.compile(
    r"\s+(?:(?:is|are|looks?|seems?|appears?)\s+(?:to\s+be\s+|\w+ly\s+|very\s+|quite\s+|a\s+)?"
    r"(?:out\s+of\s+place|unusual|odd|anomalous|strange|unexpected|defective|an?\s+anomal)"
    r"|(?:does|do)(?:\s+not|n't)\s+(?:belong|fit)|stands?\s+out)\b"
)
_TAIL = re.compile(
    r"[,;:(]|\s+[-–—]\s+|\s+(?:because|since|which|that|due\s+to|as\s+it|visible|located|present)\b"
    r"|\s+(?:in|on|at|inside|within|near|next\s+to|along|across)\s+(?:the|this|that|an?|its|one)\b"
)
_START = re.compile(r"\s*(?:(?:yes|so|therefore|however|thus|overall|in conclusion)\b[,:.]?\s+)*", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_ANSWER = re.compile(r"\W*(?:(?:short|final)\s+)?answer\W*:\W*", re.IGNORECASE)
_NO_NAME = """
conclusion summary yes yeah a an the some any one two few several many this that it there i we is are be been
was were has have had do does did can could may might will would should appear appears seem seems to at least
in of on or and with for by from as upon after when based first second third given provided reference other
another both image images picture pictures photo item items object objects part parts sample product question
visible present following contains contain containing shows show showing displays display exhibits exhibit
observe observed observation examination examining inspection comparing compared considered identified found
noted notable noticeable clear clearly obvious indeed possible potential certain therefore overall thus so
anomaly anomalies anomalous abnormal abnormality abnormalities defect defects defective flaw flaws fault
faults faulty problem problems issue issues irregularity irregularities irregular imperfection imperfections
inconsistency inconsistencies discrepancy discrepancies deviation deviations difference differences something
wrong unusual rendered depth scan 1 s like features areas area
"""
_GENERAL = frozenset(_NO_NAME.split())  # words that say no more than that something is wrong
_NEGATIVE = frozenset(("no", "none", "nope", "nothing", "not"))
_FINE = _NEGATIVE | {"yes", "yeah", "normal", "good", "fine", "ok", "okay", "perfect", "intact", "clean"}


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of an answer that is to be embedded."""

    text: str
    span: tuple[int, int]  # [start, end) in the answer
    kind: Literal["phrase", "sentence", "whole"]


@dataclass(frozen=True, slots=True)
class Found:
    """The passages of an answer, of which the best is taken; or none, with the reason."""

    passages: tuple[Passage, ...]
    reason: str | None = None


def find_in_item(item: Item, part: Part) -> Found:
    """Find the passages of an item's answer, with what its question declared."""
    reason = _no_passage(read_item(item), item.answer.text)
    if reason is not None:
        return Found((), reason)
    return find_passages(item.answer.text, part, finish=item.answer.finish, image_roles=item.question.image_roles)


def find_passages(
    text: str, part: Part = "accused", *, finish: Finish = "stop", image_roles: Sequence[Role] = ()
) -> Found:
    """Find what of an answer is embedded.

    "accused" is the phrase that the answer says is wrong, cut out of the sentence that carries its claim; where no
    sentence accuses anything ("a bathtub"), it is the whole answer, and the passage says so. An answer that claims
    normality, refuses, is empty, or says only that something is wrong has no passage. A reasoning trace or an
    echoed prompt before the answer is left out.
    """
    verdict = read_verdict(text, yes_means=None, finish=finish, image_roles=image_roles)
    reason = _no_passage(verdict, text)
    if reason is not None:
        return Found((), reason)
    start = start_of_final_answer(text.lower()) if len(text.lower()) == len(text) else 0
    if part == "sentence":
        return Found(tuple(_sentences(text, start)))
    if part == "accused":
        accuses = verdict.claim == "anomalous" or verdict.reason == "hedged"
        phrase = _accused(text, verdict.span if accuses and verdict.span else (start, len(text)), accuses)
        if phrase is not None and not _is_general(phrase.text):
            return Found((phrase,))
        if phrase is not None:
            named = _accused_elsewhere(text, start, image_roles)
            if named:
                return Found(named)
    label = _ANSWER.match(text, start)
    whole = _passage(text, label.end() if label else start, len(text), "whole")
    return Found((), "names-nothing") if _is_general(whole.text) else Found((whole,))


def _accused_elsewhere(text: str, start: int, image_roles: Sequence[Role]) -> tuple[Passage, ...]:
    """Cut the phrases out of the other sentences that accuse, as a conclusion often names nothing."""
    named = []
    for sentence in _sentences(text, start):
        verdict = read_verdict(sentence.text, yes_means=None, image_roles=image_roles)
        phrase = _accused(text, sentence.span, True) if verdict.claim == "anomalous" else None
        if phrase is not None and not _is_general(phrase.text):
            named.append(phrase)
    return tuple(named)


def _no_passage(verdict: Verdict, text: str) -> str | None:
    """Return why nothing of an answer is embedded; None where something is."""
    if verdict.reason == "refused":
        return "refused"
    if not _WORD.search(text):
        return "empty"
    words = _WORD.findall(text[:_LONGEST].lower())
    if verdict.claim != "normal":
        return "claims-normal" if _NEGATIVE.issuperset(words) else None
    # A bare name may hold a word of praise, as "sports uniform" does.
    return "claims-normal" if len(words) > _BARE or _FINE.intersection(words) else None


def _is_general(text: str) -> bool:
    """Tell whether a text says no more than that something is wrong; a long one surely says more."""
    return len(text) < _LONGEST and all(word in _GENERAL for word in _WORD.findall(text.lower()))


def _sentences(text: str, start: int) -> list[Passage]:
    found = (match.span() for match in _SENTENCE.finditer(text, start))
    return [_passage(text, first, last, "sentence") for first, last in found if _WORD.search(text, first, last)]


def _accused(text: str, span: tuple[int, int], accuses: bool) -> Passage | None:
    """Cut the noun phrase out of a sentence that accuses; the sentence itself where the phrase cannot be told.

    Where nothing accuses, only "the object ... is X" is cut out, and None says that it does not stand there.
    """
    start, end = span
    sentence = text[start:end].lower()
    if end - start > _LONGEST or len(sentence) != end - start:  # a few letters grow in lower case
        return _passage(text, start, end, "sentence") if accuses else None
    first, last = _phrase(sentence, accuses)
    if _WORD.search(sentence, first, last):
        return _passage(text, start + first, start + last, "phrase")
    return _passage(text, start, end, "sentence") if accuses else None


def _phrase(sentence: str, accuses: bool) -> tuple[int, int]:
    """Return where the accused phrase stands in a sentence: "the anomaly is X because", "there is X", "X is odd".

    It is empty where none of these is found.
    """
    opening = _START.match(sentence)
    first = opening.end() if opening else 0
    lead = _LEAD.match(sentence, first)
    if lead is None and not accuses:
        return 0, 0
    odd = _ODD.search(sentence, lead.end() if lead else first)
    if lead is None:
        there = _THERE.match(sentence, first)
        lead = there if there and (odd is None or there.end() <= odd.start()) else None
    if lead is None and odd is None:
        return 0, 0
    first = lead.end() if lead else first
    last = odd.start() if odd else len(sentence)
    tail = _TAIL.search(sentence, first + 1, last)
    return first, tail.start() if tail else last


def _passage(text: str, start: int, end: int, kind: Literal["phrase", "sentence", "whole"]) -> Passage:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip(" \t\r\n*\"'`_-:,"))
    end -= len(piece) - len(piece.rstrip(" \t\r\n*\"'`_-:,.;!"))
    return Passage(text[start:end], (start, end), kind)
