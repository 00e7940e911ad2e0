"""Reads the answer to a direct question of any kind."""

from typing import Literal

from vlm_eval.scoring.claims import References
from vlm_eval.scoring.clauses import Sentence, lower
from vlm_eval.scoring.decision import read_claims
from vlm_eval.scoring.final_answer import start_of_final_answer
from vlm_eval.scoring.lexicon import GROUPS

YesOrNo = Literal["yes", "no"]

_YES = GROUPS["yes words"]
_NO = GROUPS["no words"]
_AFTER_THERE = GROUPS["after there"]


def read_yes_no(text: str) -> YesOrNo | None:
    """Read yes or no, None where the answer says neither or both.

    A plain yes or no decides, wherever it stands as an answer. Without one, the first sentence does if it only
    says that something is or is not there ("There is a dog.") or denies ("It does not."). It does not know the
    question.
    """
    body = text[start_of_final_answer(lower(text)) :]
    reading, sentences = read_claims(body, References())
    if reading.answers:
        kinds = {answer.kind for answer in reading.answers}
        if len(kinds) > 1 and not reading.answers[-1].concluding:
            return None
        return "yes" if reading.answers[-1].kind == "anomalous" else "no"
    said = [sentence for sentence in sentences if not sentence.question]
    if not said or reading.unsure is not None or reading.refused is not None:
        return None
    return _first_word(said[0]) or _first_clause(said[0])


def _first_word(sentence: Sentence) -> YesOrNo | None:
    word, following = sentence.words[0], sentence.words[1:2]
    if following and following[0].isalnum():
        return None
    return "yes" if word in _YES else "no" if word in _NO else None


def _first_clause(sentence: Sentence) -> YesOrNo | None:
    kinds = [signal.kind for signal in sentence.signals]
    if "modal" in kinds or "cond" in kinds:
        return None
    for signal in sentence.signals:
        if signal.kind in ("neg", "none") and signal.place <= 8:
            return "no"
        if signal.kind in ("contrast", "that", "while"):
            break
    there = sentence.words[0] == "there" and sentence.words[1:2] and sentence.words[1] in _AFTER_THERE
    return "yes" if there or sentence.words[0] == "there's" else None
