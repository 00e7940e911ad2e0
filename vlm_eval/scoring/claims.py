"""What the sentences of an answer say, before anything is decided."""

from dataclasses import dataclass, field
from typing import Literal

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")

Kind = Literal["anomalous", "normal", "hedged", "dropped"]


@dataclass(slots=True)
class Claim:
    """One thing that a sentence says of the item; later words may still change it."""

    kind: Kind
    weight: int  # as in lexicon.py: 4 general, 3 particular, 2 mild, 1 weak
    sentence: int
    start: int
    concluding: bool = False  # stands in a conclusion
    contrast: bool = False  # stands after "but", "however"
    partial: bool = False  # speaks of the rest or of a part
    label: bool = False  # stands in a label or a heading
    observed: bool = False  # stands in a sentence that speaks of what is seen here
    whole: bool = False  # says of the whole item that it is as it should be


@dataclass(slots=True)
class Reading:
    """What the sentences of an answer say, in order."""

    claims: list[Claim] = field(default_factory=list)
    answers: list[Claim] = field(default_factory=list)  # a plain yes ("anomalous") or no ("normal")
    refused: int | None = None  # the last sentence that declines
    declined: int | None = None  # the first one
    unsure: int | None = None  # the last sentence that cannot tell
    undecided: int | None = None  # the last sentence that cannot tell whether, or which
    sought: int | None = None  # the last sentence that says what was looked for
    cleared: set[int] = field(default_factory=set)  # sentences that explain, or only suppose
    caveats: dict[int, int] = field(
        default_factory=dict
    )  # sentence to the weight of findings that it cannot carry
    topic: frozenset[str] = frozenset()  # words that name the item
    reference_normal: bool = False  # the reference was said to be normal
    reference_finding: int | None = None  # the last sentence that named a finding that the reference has or lacks

    def last_sentence(self) -> list[Claim]:
        """List the claims of the last sentence that made any."""
        last: list[Claim] = []
        for claim in reversed(self.claims):
            if last and claim.sentence != last[0].sentence:
                break
            last.append(claim)
        return last


@dataclass(frozen=True, slots=True)
class References:
    """The ordinals, and "last", that name reference images: none where all pictures show the item."""

    ordinals: frozenset[str] = frozenset()
