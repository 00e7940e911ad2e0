"""Decides what an answer claims from the claims of its sentences. The order of the rules: docs/verdict.md."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from vlm_eval.flow import Claim as VerdictClaim
from vlm_eval.scoring.caveat import admits_limits, gives_advice
from vlm_eval.scoring.claims import Claim, Kind, Reading, References
from vlm_eval.scoring.clauses import Sentence, read_sentences
from vlm_eval.scoring.lexicon import GENERAL, MILD, PARTICULAR, WEAK
from vlm_eval.scoring.mood_reader import Mute
from vlm_eval.scoring.outline import settle_labels
from vlm_eval.scoring.sentence_reader import SentenceReader
from vlm_eval.scoring.short_answer import read_short_answer
from vlm_eval.scoring.subject import read_topic

Reason = Literal["hedged", "refused", "off-topic", "empty", "contradictory", "truncated"]


_APART = 3  # sentences between a mild finding and the checks that close the answer
_DESCRIPTION = 4  # sentences; a spot or a hole that a longer text mentions later is description


class Decision(NamedTuple):
    """A claim or the reason why there is none, and the sentence that carries it."""

    claim: VerdictClaim | None
    reason: Reason | None
    sentence: int | None


def read_claims(text: str, references: References) -> tuple[Reading, list[Sentence]]:
    """Read every sentence of a text."""
    sentences = read_sentences(text)
    reading = Reading(topic=read_topic(sentences))
    topic = concluding = False
    muted = Mute()
    short = _short_answer(sentences)
    for number, sentence in enumerate(sentences):
        if short is not None and number == short.sentence:
            reading.answers.append(short)
            continue
        reader = SentenceReader(sentence, number, reading, references)
        reader.about_reference, reader.concluding = topic, concluding
        reader.generic = muted.covers(sentence)
        if admits_limits(sentence):
            reading.caveats[number] = GENERAL
        elif gives_advice(sentence):
            reading.caveats[number] = MILD
        claims = reader.read()
        reading.claims.extend(claims)
        topic = reader.about_reference and (sentence.heading or topic)  # "First image:" heads what follows
        concluding = reader.concluding and sentence.heading and not claims
    settle_labels(reading, sentences)
    return reading, sentences


def _short_answer(sentences: Sequence[Sentence]) -> Claim | None:
    """Read the first sentence that is no question, where it is nothing but a yes or a no."""
    number = next((number for number, sentence in enumerate(sentences) if not sentence.question), None)
    if number is None:
        return None
    kind = read_short_answer(sentences[number], alone=number + 1 == len(sentences))
    return kind and Claim(kind, GENERAL, number, sentences[number].starts[0])


def decide(reading: Reading, *, yes_means: VerdictClaim | None, cut_off: bool = False) -> Decision:
    """Weigh the claims; an answer that was cut off may have gone on after the checks that passed."""
    claims = [claim for claim in reading.claims if claim.kind != "dropped"]
    if reading.declined is not None:  # what a model that declines says in general is no claim
        claims = [claim for claim in claims if claim.observed or claim.sentence < reading.declined]
    claims = _without_caveats(claims, reading)
    _raise_last_word(claims)
    conclusion = _conclusion(claims)
    if _left_open(claims, reading):
        return Decision(None, "hedged", reading.undecided)
    if reading.answers and yes_means is not None:
        return _with_answer(reading.answers, claims, conclusion, flip=yes_means == "normal")
    decision = conclusion or _without_answer(claims, reading)
    sure = _whole(claims, GENERAL) if decision.claim == "normal" else _of(claims, "anomalous", PARTICULAR)
    if cut_off and decision.claim and not sure:
        return Decision(None, "truncated", None)
    return decision


def _without_caveats(claims: Sequence[Claim], reading: Reading) -> list[Claim]:
    """Leave out the findings of caveats that follow a no or a last word on the whole item."""
    fine = [claim.sentence for claim in _whole(claims, GENERAL)]
    fine += [answer.sentence for answer in reading.answers if answer.kind == "normal"]
    if not fine:
        return list(claims)
    return [
        claim
        for claim in claims
        if claim.kind != "anomalous"
        or claim.sentence <= min(fine)
        or claim.weight > reading.caveats.get(claim.sentence, 0)
    ]


def _left_open(claims: Sequence[Claim], reading: Reading) -> bool:
    """Tell whether the answer closes by saying that it cannot decide, over findings in part conditional."""
    if reading.undecided is None or reading.answers:
        return False
    if not _of(claims, "hedged", WEAK) and _of(claims, "anomalous", PARTICULAR):
        return False
    last = reading.undecided
    after = [claim for claim in claims if claim.sentence > last and claim.kind in ("anomalous", "normal")]
    return not after and not _of(claims, "anomalous", GENERAL) and not _whole(claims, GENERAL)


def _raise_last_word(claims: Sequence[Claim]) -> None:
    """Let what is said of the whole item after the last finding speak of it in general."""
    for claim in reversed(claims):
        if claim.kind == "anomalous" and claim.weight >= MILD:
            return
        if claim.whole and claim.kind == "normal":
            claim.weight = max(claim.weight, GENERAL)


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
        told = [claim for claim in claims if not (_echoes(claim, final) and _praised(claims))]
        suspected = _of(told, "anomalous", WEAK) or _of(told, "hedged", WEAK)
        if fine and not suspected:
            return Decision(None, "contradictory", final.sentence)
        return Decision("anomalous", None, final.sentence)
    if any(claim.contrast and claim.weight >= PARTICULAR for claim in found) or (
        found and conclusion and conclusion.claim == "anomalous"
    ):
        return Decision("anomalous", None, found[-1].sentence)
    strong = _of(found, "anomalous", PARTICULAR)
    if strong and not [claim for claim in fine if claim.sentence >= strong[-1].sentence]:
        return Decision(None, "contradictory", found[0].sentence)
    return Decision("normal", None, final.sentence)


def _echoes(claim: Claim, answer: Claim) -> bool:
    """Tell whether a claim only repeats a yes in general words ("Yes, there are anomalies")."""
    return claim.weight == GENERAL and claim.sentence == answer.sentence


def _praised(claims: Sequence[Claim]) -> bool:
    """Tell whether the whole item is praised, which no finding but the bare word contradicts."""
    return any(claim.whole for claim in claims)


def _without_answer(claims: Sequence[Claim], reading: Reading) -> Decision:
    strong = _of(claims, "anomalous", PARTICULAR)
    mild = _of(claims, "anomalous", MILD)
    fine = _whole(claims, GENERAL) or ([] if strong else _closing_checks(claims))
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


def _closing_checks(claims: Sequence[Claim]) -> list[Claim]:
    """List the checks that passed at the end of an answer, well after the last mild finding."""
    mild = _of(claims, "anomalous", MILD)
    last = mild[-1].sentence + _APART if mild else 0
    checks = [claim for claim in _whole(claims, PARTICULAR) if claim.sentence >= last and not claim.contrast]
    return checks if mild else []


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
    marks = [claim for claim in _of(claims, "anomalous", WEAK) if claim.sentence < _DESCRIPTION]
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
