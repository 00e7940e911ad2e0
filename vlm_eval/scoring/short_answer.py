"""Reads a sentence that is nothing but a yes or a no, in whatever words ("It does not.", "A: Yes")."""

from vlm_eval.scoring.claims import Kind
from vlm_eval.scoring.clauses import Sentence
from vlm_eval.scoring.lexicon import GROUPS

_LONGEST = 10  # words and marks
_LEADS = sorted((lead.split() for lead in GROUPS["short leads"]), key=len, reverse=True)  # the longest that fits
_SPEAKERS = GROUPS["short speakers"]
_YES = GROUPS["short yes"]
_NO = GROUPS["short no"]
_ONLY = GROUPS["yes alone"]


def read_short_answer(sentence: Sentence, *, alone: bool) -> Kind | None:
    """Read a yes ("anomalous", before any polarity) or a no ("normal"); None where more is said.

    `alone` says that the answer holds nothing else: "Certainly." is then a yes, and otherwise only a way to begin.
    """
    if len(sentence.words) > _LONGEST or sentence.question:
        return None
    words = _without_lead([word for word in sentence.words if word.isalnum() or "'" in word or word == ":"])
    said = " ".join(dict.fromkeys(words)) if len(set(words)) == 1 else " ".join(words)
    if said in _NO:
        return "normal"
    return "anomalous" if said in _YES or (alone and said in _ONLY) else None


def _without_lead(words: list[str]) -> list[str]:
    """Drop who speaks ("A:", "Output:") and how it is said ("I would say")."""
    if ":" in words[1:3]:
        colon = words.index(":")
        if " ".join(words[:colon]) in _SPEAKERS:
            words = words[colon + 1 :]
    for lead in _LEADS:
        if len(words) > len(lead) and words[: len(lead)] == lead:
            return words[len(lead) :]
    return words
