"""Which names of the label space does the answer assert?"""

from collections.abc import Sequence

from vlm_eval.flow import Item, Judgement
from vlm_eval.scoring.verdict_scorer import read_item
from vlm_eval.scoring.words import word_match


class LabelsScorer:
    """Judges the one name that the answer asserts."""

    name = "labels"
    version = "1"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        return [self._judge(item) for item in items]

    def _judge(self, item: Item) -> Judgement:
        verdict = read_item(item)
        if verdict.claim != "anomalous":
            return Judgement(verdict.claim, verdict.reason, verdict.span)
        names = [
            label.name
            for label in item.sample.candidate_labels
            if word_match(item.answer.text, (label.name, *label.synonyms))
        ]
        if len(names) == 1:
            return Judgement(names[0], None, verdict.span)
        return Judgement(None, "several" if names else "none", verdict.span)
