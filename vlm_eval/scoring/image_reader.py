"""Reads which picture a sentence speaks of: the item's own, or a reference that it is compared with."""

from vlm_eval.scoring.claim_reader import ClaimReader
from vlm_eval.scoring.claims import ORDINALS, Reading, References
from vlm_eval.scoring.clauses import Sentence, Signal
from vlm_eval.scoring.lexicon import GROUPS, MILD, PARTICULAR

_BEFORE_OBJECT = GROUPS["before object"]
_BEFORE_ECHO = GROUPS["before echo"]
_BEFORE_REFERENCE = GROUPS["before reference"]
_NUMBERS = {str(number): ordinal for number, ordinal in enumerate(ORDINALS, start=1)}
_ECHOES = frozenset({"it", "one", "ones", "some"})
_ORDINALS = frozenset(ORDINALS)
_NONE = frozenset({"neither", "nor", "none"})


class ImageReader(ClaimReader):
    """Reads the signals that name pictures."""

    def __init__(self, sentence: Sentence, number: int, reading: Reading, references: References) -> None:
        super().__init__(sentence, number, reading)
        self.references = references

    def of_the_whole(self, signal: Signal) -> bool:
        """Tell whether the whole item is meant, which one of several pictures of it is not."""
        one_of_several = not self.references.ordinals and not _ORDINALS.isdisjoint(self.sentence.words)
        return not one_of_several and super().of_the_whole(signal)

    def compare(self, signal: Signal, position: int) -> None:
        """Note that what follows is only compared with; 'from' compares after a difference."""
        differs = self.differs is not None or (
            len(self.claims) > self.clause and self.claims[-1].kind == "anomalous"
        )
        if signal.kind == "compare" or differs:
            self.compared = signal.place

    def ordinal(self, signal: Signal, position: int) -> None:
        """Read 'the first image'."""
        following = self.sentence.signals[position + 1 : position + 4]
        noun = any(other.kind == "image" and other.place - signal.place <= 4 for other in following)
        if noun or self.word(signal.place - 2) in _BEFORE_OBJECT:
            self.mention(signal, signal.kind in self.references.ordinals)

    def later_ordinal(self, signal: Signal, position: int) -> None:
        """Read 'the third image'; ordinals such as these count parts more often ('the third pin in the image')."""
        following = self.sentence.signals[position + 1 : position + 2]
        if any(other.kind == "image" and other.place == signal.place + 1 for other in following):
            self.mention(signal, signal.kind in self.references.ordinals)

    def name_last(self, signal: Signal, position: int) -> None:
        """Read 'the last image'."""
        self.mention(signal, signal.kind in self.references.ordinals)

    def name_query(self, signal: Signal, position: int) -> None:
        """Read 'the query image'."""
        self.mention(signal, False)

    def leave_reference(self, position: int) -> None:
        """Let 'but' or 'while' end what is said of the reference where the other image is named after it."""
        following = self.sentence.signals[position + 1 : position + 12]
        if self.about_reference and any(self.names_query(signal) for signal in following):
            self.about_reference = False

    def names_query(self, signal: Signal) -> bool:
        """Tell whether a signal names an image that is no reference."""
        named = signal.kind in ("query", "last") or signal.kind in ORDINALS
        return named and signal.kind not in self.references.ordinals

    def echo_reference(self) -> None:
        """Read 'the reference has no scratch, but the query does': what was named of the reference is meant."""
        named = self.reading.reference_finding
        claimed = any(claim.kind != "dropped" for claim in self.claims)
        if named is None or named < self.number - 1 or self.silent() or claimed or not self.sentence.signals:
            return
        signal, denial = self.sentence.signals[-1], self.denial
        if denial is None and self.ends_in_echo():
            self.add("hedged" if self.modal or self.conditional else "anomalous", PARTICULAR, signal)
        elif denial is not None and not self.denial_used and (self.denies_in_query(denial) or self.ends_in_echo()):
            self.denial_used = True
            self.add("normal", PARTICULAR, signal)

    def denies_in_query(self, denial: Signal) -> bool:
        """Tell whether it denies what was named before: 'none', 'neither', 'but not in the query'."""
        return denial.word in _NONE or (denial.word == "not" and self.word(denial.place + 1) == "in")

    def ends_in_echo(self) -> bool:
        """Tell whether the sentence ends in 'does', 'does not', 'shows one', 'there is one (in the query)'."""
        words = [word for word in self.sentence.words[-8:] if word != "not"]
        if not words:
            return False
        end = len(words)
        if words[-1] in ("image", "query", "picture") and "in" in words:
            end = words.index("in")
        verb, last = " ".join(words[max(0, end - 3) : end - 1]), words[end - 1]
        if last in ("do", "does", "don't", "doesn't"):
            return True
        return last in _ECHOES and (verb.rpartition(" ")[2] in _BEFORE_ECHO or verb in ("there is", "there are"))

    def numbered(self, signal: Signal, position: int) -> None:
        """Read 'image 1'."""
        ordinal = _NUMBERS.get(self.word(signal.place + 1))
        if ordinal is not None:
            self.mention(signal, ordinal in self.references.ordinals)

    def name_reference(self, signal: Signal, position: int) -> None:
        """Read 'the reference image'; 'based on the reference image' says what follows of the item."""
        before = self.word(signal.place - (2 if self.word(signal.place - 1) == "the" else 1))
        if before in _BEFORE_REFERENCE:
            self.miss_from_reference()
        elif before == "in" and self.finding_just_before(signal, position):
            self.leave_to_reference()
        else:
            self.mention(signal, True)

    def mention(self, signal: Signal, reference: bool) -> None:
        """Read the name of an image as topic, or as what the item is compared with."""
        if not reference:
            self.about_reference = False
            return
        leading = not self.verb and len(self.claims) == self.clause and signal.place - self.compared > 6
        if leading and self.denial is None and self.differs is None:
            self.about_reference = True
            return
        self.miss_from_reference()

    def finding_just_before(self, signal: Signal, position: int) -> bool:
        """Tell whether only 'in the' stands between a finding and the reference image."""
        before = self.sentence.signals[position - 1] if position else None
        return before is not None and before.kind == "find" and signal.place - before.place <= 3

    def leave_to_reference(self) -> None:
        """Read 'there is no scratch in the reference image': the clause makes no claim on the item."""
        for claim in self.claims[self.clause :]:
            claim.kind = "dropped"
            self.reading.reference_finding = self.number

    def miss_from_reference(self) -> None:
        """Read 'not present in the first image' and 'different from the first image'."""
        if self.unseen and self.denial is not None and not self.denial_used:
            self.unseen, self.denial_used = False, True
            if not self.silent():
                self.add("anomalous", PARTICULAR, self.denial)
        if self.differs is not None and not self.silent():
            self.add("anomalous", MILD, self.differs)
            self.differs = None

    def narrow(self, signal: Signal, position: int) -> None:
        """Note that only a part is spoken of, or that the item is compared with the others."""
        self.partial = True
        if self.unseen:
            self.miss_from_reference()
        elif signal.place - self.compared <= 4 and self.denial is None and not self.silent():
            self.add("anomalous", MILD, signal)
