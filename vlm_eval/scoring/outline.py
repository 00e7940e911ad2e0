"""Settles what labels and headings claim: a label names what is checked, and what follows it says the result."""

from collections.abc import Callable, Sequence
from itertools import groupby

from vlm_eval.scoring.claims import Claim, Reading
from vlm_eval.scoring.clauses import Sentence
from vlm_eval.scoring.lexicon import MILD


def settle_labels(reading: Reading, sentences: Sequence[Sentence]) -> None:
    """Drop the findings that only a label names ("Bent shank: straight"), and lower the others.

    The result of a label stands in its line; that of a heading, in the lines up to the next heading. Where it says
    nothing, the label counts, unless another label of the text was cleared: then it is a list of checks.
    """
    if not any(claim.label for claim in reading.claims):
        return
    silent: list[Claim] = []
    cleared = False
    for _, group in groupby(reading.claims, key=_blocks(sentences)):
        claims = list(group)
        labels = [claim for claim in claims if claim.label and claim.kind == "anomalous"]
        if not labels:
            continue
        said = [claim for claim in claims if not claim.label]
        block = range(labels[0].sentence, claims[-1].sentence + 1)
        if any(claim.kind == "anomalous" and claim.weight >= MILD for claim in said):
            _lower(labels)
        elif any(claim.kind == "normal" for claim in claims) or not reading.cleared.isdisjoint(block):
            cleared = True
            _drop(labels)
        else:
            _lower(labels)
            silent += labels
    if cleared:
        _drop(silent)


def _blocks(sentences: Sequence[Sentence]) -> Callable[[Claim], int]:
    """Return what gives the claims of a label and of its result the same key."""
    keys = []
    key = -1
    line = -1
    for number, sentence in enumerate(sentences):
        new = sentence.line != line and sentence.paragraph != sentences[number - 1].paragraph
        if new or sentence.heading or sentence.title or sentence.label:
            key = number
        line = sentence.line
        keys.append(key)
    return lambda claim: keys[claim.sentence]


def _lower(claims: Sequence[Claim]) -> None:
    for claim in claims:
        claim.weight = min(claim.weight, MILD)


def _drop(claims: Sequence[Claim]) -> None:
    for claim in claims:
        claim.kind = "dropped"
