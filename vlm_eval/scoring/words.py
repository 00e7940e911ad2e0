"""The scorers "words" and "words:strict": does the answer name the anomaly?"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from vlm_eval.flow import Item, Judgement, Label, Scalar
from vlm_eval.scoring.clauses import lower
from vlm_eval.scoring.final_answer import start_of_final_answer
from vlm_eval.scoring.names import find_mentions


def word_match(answer: str, accepted: Sequence[str]) -> bool:
    """Tell whether the answer names one of the accepted names, however inflected, and does not deny it.

    Hyphens do not matter, and the words of a longer name may stand apart within a sentence ("a wire is missing").

    Raises:
        ValueError: `accepted` is one string, whose letters would be taken for names.
    """
    if isinstance(accepted, str):
        raise ValueError(f"the accepted names are one string, {accepted!r}; give a list of them")
    return any(mention.status != "denied" for mention in find_mentions(answer, accepted))


class WordsScorer:
    """Judges leniently: inflection, hyphens, synonyms, names of several words; no credit where a name is denied.

    `details` count how many names of the label space the answer contains: an answer that lists everything shows.
    """

    name = "words"
    version = "1"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        return [
            _judge(item.answer.text, item.sample.gold.accepted, item.sample.candidate_labels) for item in items
        ]


@lru_cache(maxsize=1 << 12)
def _judge(text: str, accepted: tuple[str, ...], labels: tuple[Label, ...]) -> Judgement:
    if not accepted:
        return Judgement(None, "no-accepted-names")
    start = start_of_final_answer(lower(text))
    owners = _owners(labels)
    mentions = find_mentions(text[start:], dict.fromkeys((*accepted, *owners)))
    named = [mention for mention in mentions if mention.name in accepted and mention.status != "denied"]
    counted = {owners[mention.name] for mention in mentions if mention.name in owners}
    evidence = (start + named[0].start, start + named[0].end) if named else None
    return Judgement(bool(named), evidence=evidence, details=_details(counted, labels))


@lru_cache(maxsize=256)
def _owners(labels: tuple[Label, ...]) -> dict[str, str]:
    """Map every spelling to the name of its label."""
    return {name: label.name for label in labels for name in (label.name, *label.synonyms)}


class WordsStrictScorer:
    """Judges as seed 000 does (section 4.3): the true name stands in the response as a discrete word, 0 or 1.

    Only the first accepted name counts; a synonym, an inflection or another spelling is punished, a denial is not.
    """

    name = "words:strict"
    version = "1"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        return [self._judge(item) for item in items]

    def _judge(self, item: Item) -> Judgement:
        accepted = item.sample.gold.accepted
        if not accepted:
            return Judgement(None, "no-accepted-names")
        text = lower(item.answer.text)
        found = _discrete(lower(accepted[0])).search(text)
        labels = item.sample.candidate_labels
        counted = [label.name for label in labels if _discrete(lower(label.name)).search(text)]
        return Judgement(
            found is not None, evidence=found.span() if found else None, details=_details(counted, labels)
        )


@lru_cache(maxsize=1 << 12)
def _discrete(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")


def _details(counted: Iterable[str], labels: Sequence[Label]) -> dict[str, Scalar]:
    return {"names_contained": len(set(counted)), "names_in_space": len({label.name for label in labels})}
