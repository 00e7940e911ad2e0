"""Tells caveats: what an answer says of the limits of pictures and of itself; nothing follows for the item."""

import re

from vlm_eval.scoring.clauses import Sentence

_NOT = (
    r"(?:can ?not|can't|couldn't|could not|may not|might not|won't|isn't|not|difficult to|hard to|impossible to)"
)
_LIMIT = re.compile(
    rf"\b{_NOT} (?:always |easily |fully |reliably |readily )?(?:be )?"
    r"(?:apparent|visible|detectable|identified|detected|excluded|ruled|seen|assessed|determined|recognized"
    r"|recognised|discernible|captured|evident|shown|judged|verified|checked|confirm|rule|see|detect|assess|judge)\b"
    r"|\b(?:from|in|with|by) (?:a|an|the|this|one|single)? ?(?:single )?"
    r"(?:photo|photograph|image|picture|view|scan) alone\b"
    r"|\buntrained eye\b|\bnaked eye\b|\bnot an? (?:medical|expert|professional|diagnosis)"
    r"|\bisn't an? (?:medical|expert|professional|diagnosis|substitute)"
)
_ADVICE = re.compile(
    r"\b(?:keep|bear|kept|borne) in mind\b|\b(?:important|worth|fair) (?:to note|noting|to mention|to add)\b"
    r"|\bplease (?:note|consult|remember|be aware)\b|\bnote that\b"
    r"|\b(?:consult|consulted|reviewed|assessed|evaluated|interpreted|examined|confirmed|verified|read) "
    r"(?:with |by )?(?:an? |the )?(?:\w+ ){0,2}"
    r"(?:professional|radiologist|doctor|physician|specialist|expert|clinician|pathologist"
    r"|gastroenterologist|dermatologist|ophthalmologist|neurologist|engineer|technician|inspector)\b"
    r"|\b(?:further|additional|more detailed|closer|electrical|functional) (?:testing|tests|inspection|examination"
    r"|evaluation|analysis|investigation|checks)\b"
)
# Most sentences hold none of these words, and looking them up is cheaper than searching.
_OPENING_LIMIT = frozenset(
    {
        "can",
        "not",
        "cannot",
        "can't",
        "couldn't",
        "could",
        "may",
        "might",
        "won't",
        "isn't",
        "difficult",
        "hard",
        "impossible",
        "alone",
        "eye",
    }
)
_OPENING_ADVICE = frozenset(
    {
        "mind",
        "note",
        "noting",
        "mention",
        "add",
        "please",
        "consult",
        "consulted",
        "reviewed",
        "assessed",
        "evaluated",
        "interpreted",
        "examined",
        "confirmed",
        "verified",
        "read",
        "further",
        "additional",
        "more",
        "closer",
        "electrical",
        "functional",
    }
)
_SEEN = re.compile(
    r"\bthere(?:'s| is| are| was| were| appears?| seems?)\b(?! no| not)|\bi (?:can )?(?:see|notice|find)\b"
)

# One of these words stands in every match; looking for them first spares most sentences the slow search.
_LIMIT_WORDS = frozenset(
    (
        *("can", "cannot", "can't", "couldn't", "could", "may", "might", "won't", "isn't", "not", "difficult"),
        *("hard", "impossible", "alone", "eye"),
    )
)
_ADVICE_WORDS = frozenset(
    (
        *("mind", "note", "noting", "mention", "add", "please", "consult", "consulted", "reviewed", "assessed"),
        *("evaluated", "interpreted", "examined", "confirmed", "verified", "read", "further", "additional"),
        *("detailed", "closer", "electrical", "functional"),
    )
)


def admits_limits(sentence: Sentence) -> bool:
    """Tell whether a sentence says what a picture cannot show, without saying that it shows something."""
    if _LIMIT_WORDS.isdisjoint(sentence.words):
        return False
    if _OPENING_LIMIT.isdisjoint(sentence.words):
        return False
    text = " ".join(sentence.words)
    return bool(_LIMIT.search(text)) and not _SEEN.search(text)


def gives_advice(sentence: Sentence) -> bool:
    """Tell whether a sentence reminds or sends to somebody else, without saying that something is seen."""
    if _ADVICE_WORDS.isdisjoint(sentence.words):
        return False
    if _OPENING_ADVICE.isdisjoint(sentence.words):
        return False
    text = " ".join(sentence.words)
    return bool(_ADVICE.search(text)) and not _SEEN.search(text)
