"""Decides what an answer claims from the claims of its sentences. The order of the rules: docs/verdict.md."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from vlm_eval.flow import Claim as VerdictClaim
from vlm_eval.scoring.claims import Claim, Kind, Reading, References
from vlm_eval.scoring.clauses import Sentence, read_sentences
from vlm_eval.scoring.lexicon import GENERAL, MILD, PARTICULAR, WEAK
from vlm_eval.scoring.sentence_reader import SentenceReader

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
        reading.claims.extend(claims)
        topic = reader.about_reference and (sentence.heading or topic)  # "First image:" heads what follows
        concluding = reader.concluding and sentence.heading and not claims
    return reading, sentences


def decide(reading: Reading, *, yes_means: VerdictClaim | None) -> Decision:
    """Weigh the claims."""
    claims = [claim for claim in reading.claims if claim.kind != "dropped"]
    conclusion = _conclusion(claims)
    if reading.answers and yes_means is not None:
        return _with_answer(reading.answers, claims, conclusion, flip=yes_means == "normal")
    return conclusion or _without_answer(claims, reading)


def _of(claims: Sequence[Claim], kind: Kind, weight: int) -> list[Claim]:
    return [claim for claim in claims if claim.kind == kind and claim.weight >= weight]


def _whole(claims: Sequence[Claim], weight: int) -> list[Claim]:
    """List the claims of normality that speak of more than a part."""
    return [claim for claim in _of(claims, "normal", weight) if not claim.partial]


def _conclusion(claims: Sequence[Claim]) -> Decision | None:
    """Read the last sentence that concludes, unless a finding follows in contrast."""
    concluding = [claim for claim in claims if claim.concluding]
    strong = _of(concluding, "anomalous", MILD) + _whole(concluding, PARTICULAR)
    if not strong:
        return None
    sentence = max(claim.sentence for claim in strong)
    last = [claim for claim in strong if claim.sentence == sentence]
    later = [claim for claim in _of(claims, "anomalous", MILD) if claim.sentence > sentence]
    turned = [claim for claim in later if claim.contrast or claim.weight >= PARTICULAR]
    if turned:
        return Decision("anomalous", None, turned[0].sentence)
    if _of(last, "anomalous", MILD):
        return Decision("anomalous", None, sentence)
    if _of(last, "normal", GENERAL) or not _of(claims, "anomalous", MILD):
        return Decision("normal", None, sentence)
    return None


def _with_answer(
    answers: Sequence[Claim], claims: Sequence[Claim], conclusion: Decision | None, *, flip: bool
) -> Decision:
    """Weigh a plain yes or no against what is said beside it."""
    final = answers[-1]
    if len({answer.kind for answer in answers}) > 1 and not final.concluding:
        return Decision(None, "contradictory", final.sentence)
    found = _of(claims, "anomalous", MILD)
    fine = _whole(claims, PARTICULAR)
    if (final.kind == "anomalous") != flip:
        suspected = _of(claims, "anomalous", WEAK) or _of(claims, "hedged", WEAK)
        if fine and not suspected:
            return Decision(None, "contradictory", final.sentence)
        return Decision("anomalous", None, final.sentence)
    if any(claim.contrast and claim.weight >= PARTICULAR for claim in found) or (
        found and conclusion and conclusion.claim == "anomalous"
    ):
        return Decision("anomalous", None, found[-1].sentence)
    if _of(found, "anomalous", PARTICULAR) and not fine:
        return Decision(None, "contradictory", found[0].sentence)
    return Decision("normal", None, final.sentence)


def _without_answer(claims: Sequence[Claim], reading: Reading) -> Decision:
    strong = _of(claims, "anomalous", PARTICULAR)
    mild = _of(claims, "anomalous", MILD)
    fine = _whole(claims, GENERAL)
    hedged = _of(claims, "hedged", MILD)
    if strong:
        return _with_findings(strong, fine)
    if fine:
        return _with_normality(fine, mild, hedged)
    if mild:
        return Decision("anomalous", None, mild[0].sentence)
    if hedged:
        return Decision(None, "hedged", hedged[-1].sentence)
    return _with_little(claims, reading)


def _with_findings(strong: Sequence[Claim], fine: Sequence[Claim]) -> Decision:
    """Let a last word on the whole item outweigh a particular finding before it."""
    last = strong[-1]
    closing = [claim for claim in fine if claim.sentence > last.sentence and not claim.contrast]
    if not closing:
        return Decision("anomalous", None, strong[0].sentence)
    if last.weight == GENERAL:
        return Decision(None, "contradictory", closing[-1].sentence)
    return Decision("normal", None, closing[-1].sentence)


def _with_normality(fine: Sequence[Claim], mild: Sequence[Claim], hedged: Sequence[Claim]) -> Decision:
    """Let what stands in contrast after the last word on the whole item outweigh it."""
    last = fine[-1]
    for claims, decision in ((mild, Decision("anomalous", None, None)), (hedged, Decision(None, "hedged", None))):
        after = [claim for claim in claims if claim.contrast and claim.sentence >= last.sentence]
        if after:
            return decision._replace(sentence=after[0].sentence)
    return Decision("normal", None, last.sentence)


def _with_little(claims: Sequence[Claim], reading: Reading) -> Decision:
    """Decide where there are only checks that passed, weak findings, or words about not knowing."""
    unsure, refused = reading.unsure, reading.refused
    checks = _of(claims, "normal", MILD)
    hedged = _of(claims, "hedged", WEAK)
    marks = _of(claims, "anomalous", WEAK)
    if marks and checks and all(claim.partial for claim in checks):  # "most belong there; one does not"
        return Decision("anomalous", None, marks[-1].sentence)
    if checks and (unsure is None or checks[-1].sentence >= unsure):
        return Decision("normal", None, checks[-1].sentence)
    if hedged:
        return Decision(None, "hedged", hedged[-1].sentence)
    if refused is not None:
        return Decision(None, "refused", refused)
    if unsure is not None:
        return Decision(None, "hedged", unsure)
    if marks:
        return Decision("anomalous", None, marks[0].sentence)
    return Decision(None, "off-topic", None)
