"""The scorer "verdict": does the answer claim an anomaly?"""

from collections.abc import Sequence

from vlm_eval.flow import Item, Judgement
from vlm_eval.scoring.verdict import Verdict, read_verdict


def read_item(item: Item) -> Verdict:
    """Read the claim of an item's answer with what its question declared."""
    question = item.question
    return read_verdict(
        item.answer.text,
        yes_means=question.yes_means,
        reply_fields=question.reply_fields,
        finish=item.answer.finish,
        image_roles=question.image_roles,
    )


class VerdictScorer:
    """Judges an item anomalous, normal, or abstains with the verdict's reason."""

    name = "verdict"
    version = "1"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        verdicts = [read_item(item) for item in items]
        return [Judgement(verdict.claim, verdict.reason, verdict.span) for verdict in verdicts]
