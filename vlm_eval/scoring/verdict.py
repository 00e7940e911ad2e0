"""Reads what a free-form answer claims of the inspected item. The rules: docs/verdict.md."""

from collections.abc import Sequence
from dataclasses import dataclass

from vlm_eval.flow import Claim, Finish, ReplyField, Role
from vlm_eval.scoring.claims import ORDINALS, Reading, References
from vlm_eval.scoring.clauses import Sentence, lower
from vlm_eval.scoring.decision import Decision, Reason, decide, read_claims
from vlm_eval.scoring.final_answer import start_of_final_answer
from vlm_eval.scoring.json_reply import read_reply
from vlm_eval.scoring.lexicon import PARTICULAR

_OPEN = frozenset(("null", "none", "undefined", "uncertain", "unknown"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer claims, or why it claims nothing."""

    claim: Claim | None
    reason: Reason | None = None  # why there is no claim
    evidence: str = ""  # the sentence that carries the claim or the reason
    span: tuple[int, int] | None = None  # [start, end) of the evidence in the text


def read_verdict(
    text: str,
    *,
    yes_means: Claim | None = "anomalous",
    reply_fields: Sequence[ReplyField] = (),
    finish: Finish = "stop",
    image_roles: Sequence[Role] = (),
) -> Verdict:
    """Read whether an answer claims an anomaly, by the annotation guide; deterministic, in linear time.

    `yes_means` is what a plain yes claims; None where the question was not a yes/no question. `reply_fields`
    are the fields of a JSON reply as its layout declared them. `image_roles` says which of the pictures shown
    were references; where it is empty, the first of two pictures is taken for one. It does not know whether the
    claim is true.
    """
    if finish in ("refusal", "content-filter"):
        return Verdict(None, "refused", text, (0, len(text)) if text else None)
    declared = read_reply(text, reply_fields) if reply_fields else None
    if declared is not None and declared.claim is not None:
        return _verdict(text, Decision(declared.claim, None, None), declared.span)
    start, end = (
        declared.prose
        if declared is not None and declared.prose
        else (start_of_final_answer(lower(text)), len(text))
    )
    body = text[start:end]
    reading, sentences = read_claims(body, _references(image_roles, body))
    if not sentences:
        return Verdict(None, "truncated" if finish == "length" else "empty")
    decision = decide(reading, yes_means=yes_means, cut_off=finish == "length")
    if declared is not None and declared.other and _cannot_tell(declared.other) and not _sure(reading):
        return _verdict(text, Decision(None, "hedged", None), declared.span)
    if decision.reason == "off-topic" and finish == "length":
        decision = decision._replace(reason="truncated")
    return _verdict(text, decision, _span(decision, sentences, start, end))


def _cannot_tell(value: str) -> bool:
    """Tell whether the value of a verdict field says that it cannot tell ("cannot determine", "unknown", null)."""
    reading, _ = read_claims(value, References())
    return reading.unsure is not None or value.lower() in _OPEN


def _sure(reading: Reading) -> bool:
    """Tell whether the reasoning asserts a finding in spite of the value."""
    return any(claim.kind == "anomalous" and claim.weight >= PARTICULAR for claim in reading.claims)


def _span(decision: Decision, sentences: Sequence[Sentence], start: int, end: int) -> tuple[int, int]:
    if decision.sentence is None:
        return start, end
    left, right = sentences[decision.sentence].span()
    return start + left, start + right


def _verdict(text: str, decision: Decision, span: tuple[int, int]) -> Verdict:
    return Verdict(decision.claim, decision.reason, text[span[0] : span[1]], span)


def _references(roles: Sequence[Role], body: str) -> References:
    """Say which ordinals name reference images."""
    if roles:
        names = [*zip(ORDINALS, roles, strict=False), ("last", roles[-1])]
        return References(frozenset(name for name, role in names if role == "reference"))
    lowered = body.lower()
    two = "second" in lowered or "image 2" in lowered
    return References(frozenset({"first"}) if two else frozenset())
