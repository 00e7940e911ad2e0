"""Does the answer name the anomaly?"""

from collections.abc import Sequence

from vlm_eval.flow import Item, Judgement


def word_match(answer: str, accepted: Sequence[str]) -> bool:
    """Tell whether the answer holds one of the names."""
    return any(name.lower() in answer.lower() for name in accepted)


class WordsScorer:
    """Lenient match."""

    name = "words"
    version = "1"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        return [
            Judgement(word_match(item.answer.text, item.sample.gold.accepted))
            if item.sample.gold.accepted
            else Judgement(None, "no-accepted-names")
            for item in items
        ]


class WordsStrictScorer(WordsScorer):
    """Seed 000's metric."""

    name = "words:strict"
