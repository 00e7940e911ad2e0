"""The scorer "verdict": does the answer claim an anomaly?"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from vlm_eval.flow import Claim, Finish, Item, Judgement, ReplyField, Role
from vlm_eval.scoring.choice import read_choice
from vlm_eval.scoring.verdict import Verdict, read_verdict


def read_item(item: Item) -> Verdict:
    """Read the claim of an item's answer with what its question declared.

    The answer to a multiple-choice question claims what the picked option says.
    """
    question, answer = item.question, item.answer
    picked = read_choice(answer.text, question.options) if question.options else None
    if picked is not None:
        verdict = _read(question.options[picked], question.yes_means, (), "stop", ())
        return replace(verdict, span=(0, len(answer.text)), evidence=answer.text)
    return _read(answer.text, question.yes_means, question.reply_fields, answer.finish, question.image_roles)


@lru_cache(maxsize=1 << 12)  # short answers repeat themselves
def _read(
    text: str, yes_means: Claim | None, fields: tuple[ReplyField, ...], finish: Finish, roles: tuple[Role, ...]
) -> Verdict:
    return read_verdict(text, yes_means=yes_means, reply_fields=fields, finish=finish, image_roles=roles)


class VerdictScorer:
    """Judges an item anomalous, normal, or abstains with the verdict's reason."""

    name = "verdict"
    version = "5"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        verdicts = [read_item(item) for item in items]
        return [Judgement(verdict.claim, verdict.reason, verdict.span) for verdict in verdicts]
