"""The scopes that are open while a sentence is read, and what may still be taken back."""

from vlm_eval.scoring.claims import Claim, Kind, Reading
from vlm_eval.scoring.clauses import Sentence, Signal
from vlm_eval.scoring.lexicon import GENERAL, MILD, PARTICULAR, WEAK

_FAR = -99
_OPPOSITE: dict[Kind, Kind] = {"anomalous": "normal", "normal": "anomalous"}


class ClauseState:
    """Scopes of one sentence. Those set in `open_clause` end with the clause, the others with the sentence."""

    def __init__(self, sentence: Sentence, number: int, reading: Reading) -> None:
        self.sentence = sentence
        self.number = number
        self.reading = reading
        self.claims: list[Claim] = []
        self.concluding = self.contrast = self.partial = self.generic = self.about_reference = False
        self.points_back = self.relative = self.conditional = self.any_verb = False
        self.wanted = self.only = self.said_but = self.norm_broken = self.universal = False
        self.turned: int | None = None  # where the last clause that stands in contrast starts
        self.open_clause()

    def open_clause(self) -> None:
        """Start a clause with no scope open."""
        self.clause = len(self.claims)  # index of its first claim
        self.denial: Signal | None = None  # the signal that denies
        self.denial_used = self.found_denied = self.unseen = self.further = False
        self.verb = self.modal = self.neutral = self.should = self.aside = self.excepted = False
        self.untrue = False
        self.compared = self.salient = self.exists = _FAR
        self.differs: Signal | None = None
        self.instead: Claim | None = None

    def close_clause(self) -> None:
        """Settle what only the end of a clause can settle, and open the next."""
        denial = self.denial
        if denial is not None and not self.denial_used and not self.silent():
            self.settle_denial(denial)
        if self.untrue:
            self.turn_round()
        self.open_clause()

    def turn_round(self) -> None:
        """Read 'it is not the case that there is no defect': the clause claims the opposite."""
        for claim in self.claims[self.clause :]:
            claim.kind = _OPPOSITE.get(claim.kind, claim.kind)

    def settle_denial(self, denial: Signal) -> None:
        """Read a denial that found nothing to deny on its right."""
        if denial.kind == "lack":
            self.add("anomalous", PARTICULAR, denial)
        elif denial.kind == "none":
            others_have = (
                self.said_but and denial.place == len(self.sentence.words) - 1
            )  # "while the fourth has none"
            weight = GENERAL if len(self.sentence.words) <= 2 else PARTICULAR
            self.add("anomalous" if others_have else "normal", weight, denial)
        elif self.unseen and self.flip(denial, self.clause):
            return
        elif denial.kind == "absent":
            self.add("anomalous", PARTICULAR, denial)
        elif denial.kind == "neg" and len(self.claims) == self.clause and self.denies_a_verb(denial):
            self.add("anomalous", MILD if self.contrast and not self.conditional else WEAK, denial)

    def denies_a_verb(self, denial: Signal) -> bool:
        """Tell whether something other than the speaker fails to do something."""
        before = self.word(denial.place - 1)
        return (denial.word == "not" or denial.word.endswith("n't")) and before not in ("i", "we", "")

    def flip(self, denial: Signal, first: int) -> bool:
        """Turn the findings before a denial of their presence into checks that passed."""
        flipped = False
        for claim in self.claims[first:]:
            if claim.kind == "anomalous" and claim.start < denial.start:
                claim.kind, flipped = "normal", True
        return flipped

    def close_norms(self) -> None:
        """Read a norm that the rest of the sentence says was not kept."""
        told = self.claims or self.silent() or self.reading.unsure == self.number
        if (self.norm_broken or (self.wanted and self.only)) and not told:
            self.add("anomalous", PARTICULAR, self.sentence.signals[0])

    def word(self, index: int) -> str:
        """Return the word or mark at an index of the sentence, empty outside."""
        return self.sentence.words[index] if 0 <= index < len(self.sentence.words) else ""

    def silent(self) -> bool:
        """Tell whether what is said here is no claim on the item."""
        return self.neutral or self.should or self.generic or self.about_reference

    def add(self, kind: Kind, weight: int, signal: Signal) -> Claim:
        """Add a claim at a signal."""
        claim = Claim(kind, weight, self.number, signal.start, self.concluding, self.contrast, self.partial)
        claim.label = self.in_label(signal)
        self.claims.append(claim)
        return claim

    def in_label(self, signal: Signal) -> bool:
        """Tell whether a signal only names what the next words or lines are about."""
        sentence = self.sentence
        heading = sentence.title or (sentence.heading and not self.any_verb)
        return signal.place < sentence.label or heading

    def earlier(self) -> list[Claim]:
        """List the claims that this sentence may take back: its own and, if it points back, the last ones."""
        claims = list(self.claims)
        if self.points_back and self.reading.claims and self.reading.claims[-1].sentence >= self.number - 2:
            claims += self.reading.last_sentence()
        return claims

    def cancel(self, weight: int) -> None:
        """Drop earlier findings up to a weight: they were explained away."""
        for claim in self.earlier():
            if claim.kind == "anomalous" and claim.weight <= weight:
                claim.kind = "dropped"

    def soften(self, weight: int) -> None:
        """Make earlier findings up to a weight conditional."""
        for claim in self.earlier():
            if claim.kind == "anomalous" and claim.weight <= weight:
                claim.kind = "hedged"

    def weigh(self, signal: Signal) -> int:
        """Weigh a finding; a weak one that is pointed out becomes a mild one, an exception a particular one."""
        if self.excepted and signal.weight == MILD:
            return PARTICULAR
        meant = signal.place - self.salient <= 2 or signal.place - self.exists <= 7 or self.contrast
        return MILD if signal.weight == WEAK and meant else signal.weight
