"""The scorer "labels": which name of the label space does the answer assert?"""

from collections.abc import Sequence

from vlm_eval.flow import Item, Judgement, Label
from vlm_eval.scoring.clauses import lower
from vlm_eval.scoring.final_answer import start_of_final_answer
from vlm_eval.scoring.names import find_mentions
from vlm_eval.scoring.verdict import Verdict
from vlm_eval.scoring.verdict_scorer import read_item

NORMAL = "normal"
_NORMAL_NAMES = frozenset({"normal", "good", "none", "no defect", "healthy"})


class LabelsScorer:
    """Judges the one defect type or diagnosis that the answer asserts, "normal" where its verdict is normal.

    Abstains with "several" or "none", or with the verdict's reason. `details["names"]` lists what was asserted,
    and for a hedged answer what it weighs, joined by "|".
    """

    name = "labels"
    version = "1"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        return [_judge(item, read_item(item)) for item in items]


def _judge(item: Item, verdict: Verdict) -> Judgement:
    if verdict.claim == "normal":
        return Judgement(NORMAL, evidence=verdict.span)
    asserted, conditional, place = _names(item)
    if verdict.claim is None and verdict.reason != "off-topic":
        return Judgement(None, verdict.reason, verdict.span, details={"names": "|".join(asserted + conditional)})
    details = {"names": "|".join(asserted)}
    if len(asserted) == 1:
        return Judgement(asserted[0], evidence=place, details=details)
    if verdict.claim is None and not asserted:
        return Judgement(None, verdict.reason, verdict.span, details=details)
    return Judgement(None, "several" if asserted else "none", verdict.span, details=details)


def _names(item: Item) -> tuple[list[str], list[str], tuple[int, int] | None]:
    """Return the names that are asserted, those that are conditional, and where the first asserted one stands."""
    text = item.answer.text
    start = start_of_final_answer(lower(text))
    owners = _owners(item.sample.candidate_labels)
    mentions = find_mentions(text[start:], owners)
    asserted = [mention for mention in mentions if mention.status == "asserted"]
    place = (start + asserted[0].start, start + asserted[0].end) if asserted else None
    names = list(dict.fromkeys(owners[mention.name] for mention in asserted))
    others = (owners[mention.name] for mention in mentions if mention.status == "conditional")
    return names, [name for name in dict.fromkeys(others) if name not in names], place


def _owners(labels: Sequence[Label]) -> dict[str, str]:
    """Map every spelling to its label; spellings of normality belong to the verdict."""
    return {
        spelling: label.name
        for label in labels
        if label.name.lower() not in _NORMAL_NAMES
        for spelling in (label.name, *label.synonyms)
    }
