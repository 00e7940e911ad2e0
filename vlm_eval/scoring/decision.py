"""Decides what an answer claims from the claims of its sentences. The order of the rules: docs/verdict.md."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from vlm_eval.flow import Claim as VerdictClaim
from vlm_eval.scoring.claims import Claim, Reading, References, SentenceReader
from vlm_eval.scoring.clauses import Sentence, read_sentences

Reason = Literal["hedged", "refused", "off-topic", "empty", "contradictory", "truncated"]


class Decision(NamedTuple):
    """A claim or the reason why there is none, and the sentence that carries it."""

    claim: VerdictClaim | None
    reason: Reason | None
    sentence: int | None


def read_claims(text: str, references: References) -> tuple[Reading, list[Sentence]]:
    """Read every sentence of a text."""
    sentences = read_sentences(text)
    reading = Reading()
    topic = concluding = False
    for number, sentence in enumerate(sentences):
        reader = SentenceReader(sentence, number, reading, references)
        reader.about_reference, reader.concluding = topic, concluding
        claims = reader.read()
        reading.claims = [claim for claim in reading.claims if claim.kind != "dropped"] if False else reading.claims
        reading.claims.extend(claims)
        topic = reader.about_reference and (sentence.heading or topic)
        concluding = reader.concluding and sentence.heading and not claims
    return reading, sentences


def decide(reading: Reading, *, yes_means: VerdictClaim | None) -> Decision:
    """Weigh the claims."""
    claims = [claim for claim in reading.claims if claim.kind != "dropped"]
    answers = reading.answers if yes_means is not None else []
    conclusion = _conclusion(claims)
    if answers:
        return _with_answer(answers, claims, conclusion, yes_means)
    if conclusion is not None:
        return conclusion
    return _without_answer(claims, reading)


def _kinds(claims: Sequence[Claim], kind: str, weight: int) -> list[Claim]:
    return [claim for claim in claims if claim.kind == kind and claim.weight >= weight]


def _conclusion(claims: Sequence[Claim]) -> Decision | None:
    """Read the last sentence that concludes, unless a finding follows in contrast."""
    concluding = [claim for claim in claims if claim.concluding and claim.kind in ("anomalous", "normal")]
    strong = [claim for claim in concluding if claim.weight >= 2 and not (claim.partial and claim.kind == "normal")]
    if not strong:
        return None
    sentence = strong[-1].sentence
    last = [claim for claim in strong if claim.sentence == sentence]
    later = [claim for claim in claims if claim.sentence > sentence and claim.contrast]
    if _kinds(later, "anomalous", 2):
        return Decision("anomalous", None, later[0].sentence)
    found = _kinds(last, "anomalous", 2)
    if found:
        return Decision("anomalous", None, sentence)
    if _kinds(last, "normal", 3) or not _kinds(claims, "anomalous", 2):
        return Decision("normal", None, sentence)
    return None


def _with_answer(
    answers: Sequence[Claim], claims: Sequence[Claim], conclusion: Decision | None, yes_means: VerdictClaim | None
) -> Decision:
    """Weigh a plain yes or no against what is said beside it."""
    flip = yes_means == "normal"
    kinds = {("normal" if answer.kind == "anomalous" else "anomalous") if flip else answer.kind for answer in answers}
    final = answers[-1]
    if len(kinds) > 1 and not final.concluding:
        return Decision(None, "contradictory", final.sentence)
    says_anomalous = (final.kind == "anomalous") != flip
    found = _kinds(claims, "anomalous", 2)
    fine = [claim for claim in _kinds(claims, "normal", 2) if not claim.partial]
    if says_anomalous:
        if fine and not found and not _kinds(claims, "anomalous", 1) and not _kinds(claims, "hedged", 1):
            return Decision(None, "contradictory", final.sentence)
        return Decision("anomalous", None, final.sentence)
    if any(claim.contrast for claim in found) or (found and conclusion and conclusion.claim == "anomalous"):
        return Decision("anomalous", None, found[-1].sentence)
    if found and not fine:
        return Decision(None, "contradictory", found[0].sentence)
    return Decision("normal", None, final.sentence)


def _without_answer(claims: Sequence[Claim], reading: Reading) -> Decision:
    found = _kinds(claims, "anomalous", 2)
    fine = [claim for claim in _kinds(claims, "normal", 3) if not claim.partial]
    checks = _kinds(claims, "normal", 2)
    hedged = [claim for claim in claims if claim.kind == "hedged"]
    if found:
        last = found[-1]
        closing = [claim for claim in fine if claim.sentence > last.sentence]
        if not closing:
            return Decision("anomalous", None, found[0].sentence)
        if last.weight == 3:
            return Decision(None, "contradictory", closing[-1].sentence)
        return Decision("normal", None, closing[-1].sentence)
    if fine and not _outweighed(hedged, fine):
        return Decision("normal", None, fine[-1].sentence)
    if _kinds(hedged, "hedged", 2):
        return Decision(None, "hedged", hedged[-1].sentence)
    return _weak(claims, checks or fine, hedged, reading)


def _outweighed(hedged: Sequence[Claim], fine: Sequence[Claim]) -> bool:
    """Tell whether a hedge in contrast follows the last plain normality."""
    return any(claim.contrast and claim.weight >= 2 and claim.sentence >= fine[-1].sentence for claim in hedged)


def _weak(claims: Sequence[Claim], checks: Sequence[Claim], hedged: Sequence[Claim], reading: Reading) -> Decision:
    unsure = reading.unsure
    if checks and (unsure is None or checks[-1].sentence >= unsure):
        return Decision("normal", None, checks[-1].sentence)
    if hedged:
        return Decision(None, "hedged", hedged[-1].sentence)
    marks = _kinds(claims, "anomalous", 1)
    if marks and unsure is None:
        return Decision("anomalous", None, marks[0].sentence)
    if reading.refused is not None:
        return Decision(None, "refused", reading.refused)
    if unsure is not None:
        return Decision(None, "hedged", unsure)
    return Decision(None, "off-topic", None)
