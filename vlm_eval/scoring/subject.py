"""Tells whether a clause speaks of the whole item: by the noun that its subject ends in."""

from collections.abc import Sequence
from itertools import takewhile

from vlm_eval.scoring.clauses import Sentence
from vlm_eval.scoring.lexicon import GROUPS

_WHOLE = GROUPS["whole"]
_COUNTS = GROUPS["counts"]
_LEADS = GROUPS["subject leads"]
_ENDS = GROUPS["subject ends"]
_NO_TOPIC = GROUPS["no topic"]
_LONGEST = 25  # words of the opening sentence in which the item is named


def read_topic(sentences: Sequence[Sentence]) -> frozenset[str]:
    """Return the words with which the first sentence names the item, in singular and plural."""
    words: list[str] = []
    for sentence in sentences[:1]:
        for word in sentence.words[:_LONGEST]:
            if word in _NO_TOPIC:
                break
            words.append(word)
    topic = {word for word in words if len(word) > 2 and word.isalpha()}
    return frozenset(topic | {word + "s" for word in topic} | {word.removesuffix("s") for word in topic})


def names_whole(words: Sequence[str], topic: frozenset[str]) -> bool:
    """Tell whether words before a predicate have the item, all of it or its picture as their subject."""
    subject: list[str] = []
    for index, word in enumerate(words):
        if word in _LEADS or (word in _WHOLE and not subject):
            part = list(takewhile(_continues, words[index + 1 :]))
            if not subject or "," in words[:index]:
                subject = [word, *part]
    last = subject[-1] if subject else ""
    return bool(subject) and (last in _WHOLE or last in topic or all(word in _COUNTS for word in subject))


def _continues(word: str) -> bool:
    return word not in _ENDS and word.isalnum()
