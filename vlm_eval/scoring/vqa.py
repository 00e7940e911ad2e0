"""The official VQA accuracy, quirk for quirk (GT-Vision-Lab/VQA, vqaEval.py, second version).

Its quirks: answers are normalised only where the ten human answers differ; "none" becomes "0"; of the full stops only the first
32 that do not stand in a number are removed, because a flag is passed where a count is expected.
"""

import re
from collections.abc import Sequence

_DIGITS = dict(
    zip("none zero one two three four five six seven eight nine ten".split(), [0, *range(11)], strict=True)
)
_ARTICLES = frozenset({"a", "an", "the"})
_PUNCTUATION = (
    ";",
    "/",
    "[",
    "]",
    '"',
    "{",
    "}",
    "(",
    ")",
    "=",
    "+",
    "\\",
    "_",
    "-",
    ">",
    "<",
    "@",
    "`",
    ",",
    "?",
    "!",
)
_PERIOD = re.compile(r"(?!<=\d)(\.)(?!\d)")
_COMMA_IN_NUMBER = re.compile(r"(\d)(,)(\d)")
_COUNT = 32  # re.UNICODE, passed as the number of replacements
_LEFT_OUT = """ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll how's I'd I'm I've
    isn't it'd it'll let's ma'am mightn't mustn't o'clock oughtn't shan't she'd shouldn't somebody'd somebody'll
    somebody's someone'd someone'll someone's something'd something'll that's there'd there're there's they'd they'll
    they're they've wasn't we've weren't what'll what're what's what've when's where'd where's where've who'd who'll
    who's who've why'll why're why's won't wouldn't y'all you'd you'll you're you've""".split()
_CONTRACTIONS = {word.replace("'", ""): word for word in _LEFT_OUT}


def normalize_vqa(text: str) -> str:
    """Normalise an answer as the official scorer does: punctuation, number words, articles, contractions."""
    line = text.replace("\n", " ").replace("\t", " ").strip()
    return _words(_punctuation(line))


def vqa_accuracy(answer: str, ten_answers: Sequence[str]) -> float:
    """Return the accuracy in percent, 0 to 100: the mean over leave-one-out of min(matches / 3, 1), to two decimals.

    Source: Antol et al., VQA, section 4, as the official scorer computes it. Raises ValueError without human answers.
    """
    if not ten_answers:
        raise ValueError("The VQA accuracy needs human answers (ten in the official data), but none were given.")
    said = answer.replace("\n", " ").replace("\t", " ").strip()
    humans = list(ten_answers)
    if len(set(humans)) > 1:
        humans = [_punctuation(human) for human in humans]
        said = normalize_vqa(said)
    scores = []
    for index in range(len(humans)):
        matches = sum(human == said for other, human in enumerate(humans) if other != index)
        scores.append(min(1.0, matches / 3))
    return round(100 * sum(scores) / len(scores), 2)


def _punctuation(text: str) -> str:
    kept = text
    in_number = _COMMA_IN_NUMBER.search(text) is not None
    for mark in _PUNCTUATION:
        spaced = f"{mark} " in text or f" {mark}" in text
        kept = kept.replace(mark, "" if spaced or in_number else " ")
    return _PERIOD.sub("", kept, count=_COUNT)


def _words(text: str) -> str:
    words = [str(_DIGITS.get(word, word)) for word in text.lower().split()]
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)
