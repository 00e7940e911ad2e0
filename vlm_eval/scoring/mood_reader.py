"""Reads in which mood a sentence speaks: what is supposed, sought, true in general, or explained as harmless."""

from vlm_eval.scoring.clauses import Sentence, Signal
from vlm_eval.scoring.image_reader import ImageReader
from vlm_eval.scoring.lexicon import GENERAL, GROUPS, MILD, PARTICULAR

_JUDGING = GROUPS["judging"]
_SPEAKERS = GROUPS["speakers"]
_OFTEN = GROUPS["often"]
_DETERMINERS = GROUPS["determiners"]
_AFTER_VAIN = GROUPS["after vain"]
_PUTTING = GROUPS["putting"]
_WISHING = GROUPS["wishing"]
_PLANS = GROUPS["plans"]
_KINDS = GROUPS["kinds"]
_HERE = GROUPS["here"]
_BE = GROUPS["copula"]
_DECIDING = GROUPS["deciding"]
_PERCEIVED = GROUPS["perceived"]
_PLACING = frozenset({"on", "in", "at", "near", "under", "inside", "above", "below"})  # "pins on the sensor"
_HAVING = frozenset({"has", "have"})
_NEAR = 3  # words between a copula and what it says of its subject
_REACH = 24  # words in which it is said what cannot be told
_LEADING = 4  # words before a phrase that opens its sentence
_OPENING = 14  # words of a sentence in which it shows that it speaks in general


def speaks_in_general(sentence: Sentence) -> bool:
    """Tell whether a sentence speaks of what such items are like ("Broken bottles usually show ...")."""
    if not _PLANS.isdisjoint(sentence.words[:3]):
        return True
    opening = sentence.words[sentence.label and sentence.label + 1 :][:_OPENING]
    return (
        bool(opening)
        and opening[0] not in _DETERMINERS
        and not _OFTEN.isdisjoint(opening)
        and _HERE.isdisjoint(sentence.words)
    )


def asks_for_kinds(sentence: Sentence) -> bool:
    """Tell whether a heading or a question is followed by what can be wrong, not by what is."""
    opens = sentence.heading or sentence.title or sentence.question
    return opens and not _KINDS.isdisjoint(sentence.words)


class Mute:
    """Mutes what follows a heading or a question that asks for kinds of faults."""

    def __init__(self) -> None:
        self.opening: Sentence | None = None

    def covers(self, sentence: Sentence) -> bool:
        """Tell whether a sentence only names kinds; the sentences are given in order."""
        if sentence.heading or sentence.title or sentence.question:
            self.opening = sentence if asks_for_kinds(sentence) else None
        elif self.opening is not None and not self.reaches(self.opening, sentence):
            self.opening = None
        return self.opening is not None

    def reaches(self, opening: Sentence, sentence: Sentence) -> bool:
        """Tell whether a sentence still belongs to what opened: a question's line, a heading's next paragraph."""
        if opening.question:
            return sentence.line == opening.line
        return sentence.paragraph <= opening.paragraph + 1


class MoodReader(ImageReader):
    """Reads the signals that say how a sentence is meant."""

    def suppose(self, signal: Signal, position: int) -> None:
        """Read 'a stain would have a border': what a finding would look like is none."""
        before, after = self.word(signal.place - 1), self.word(signal.place + 1)
        if before in _SPEAKERS or after in _JUDGING or (self.denial is not None and not self.denial_used):
            return
        found = [claim for claim in self.claims[self.clause :] if claim.kind in ("anomalous", "normal", "hedged")]
        if found or signal.kind == "suppose":
            for claim in found:
                claim.kind = "dropped"
            self.generic = True
            self.reading.sought = self.number
            self.reading.cleared.add(self.number)

    def enable(self, signal: Signal, position: int) -> None:
        """Read 'the shell can crack': what can happen has not."""
        self.verb = self.any_verb = True
        before, after = self.word(signal.place - 1), self.word(signal.place + 1)
        if before not in _SPEAKERS and after not in _PERCEIVED and self.word(signal.place + 2) not in _PERCEIVED:
            self.modal = True

    def seek(self, signal: Signal, position: int) -> None:
        """Read 'I looked for cracks': what is sought is not asserted."""
        if self.denial is None:
            self.neutral = True
            self.reading.sought = self.number

    def search(self, signal: Signal, position: int) -> None:
        """Read 'I examined the hide for cuts'."""
        if "for" in self.sentence.words[signal.place + 1 : signal.place + 7]:
            self.seek(signal, position)

    def share(self, signal: Signal, position: int) -> None:
        """Read 'in both images': what the reference has too is no finding."""
        self.generic = self.generic or bool(self.references.ordinals)

    def clear(self, signal: Signal, position: int) -> None:
        """Read 'this is to be expected': what was seen is harmless; a weight says that a denial belongs to it."""
        denied = self.denial is not None and not self.denial_used
        if signal.word in _HAVING:
            self.verb = self.any_verb = True
        if signal.word in _HAVING and not self.universal:  # "every hazelnut has one"
            return
        if self.silent() or denied != (signal.weight > 0):
            return
        self.denial_used = self.denial_used or denied
        self.points_back = self.points_back or signal.place <= _LEADING
        if (self.modal and not denied) or self.conditional:
            self.soften(MILD)
            return
        self.cancel(PARTICULAR)
        self.differs = None
        self.add("normal", MILD, signal)
        self.deny_rest(signal)
        self.reading.cleared.add(self.number)

    def explain(self, signal: Signal, position: int) -> None:
        """Take back a finding that has a harmless reason; 'is a shadow' takes back more than 'a shadow'."""
        if self.silent() or self.denial is not None or self.word(signal.place - 1) in _PLACING:
            return
        if self.modal or self.conditional:
            self.soften(MILD)
            return
        words = self.sentence.words[max(0, signal.place - _NEAR) : signal.place]
        said = not _BE.isdisjoint(words) and (self.points_back or self.relative)
        self.cancel(PARTICULAR if said else MILD)
        self.differs = None
        if said:
            self.reading.cleared.add(self.number)

    def count_none(self, signal: Signal, position: int) -> None:
        """Read '0 outliers' and 'Defects: 0'."""
        following = self.sentence.signals[position + 1 : position + 2]
        if any(other.kind == "find" and other.place == signal.place + 1 for other in following):
            self.denial, self.denial_used, self.found_denied = signal, False, False
        elif self.word(signal.place - 1) == ":" and not self.word(signal.place + 1).isalnum():
            self.flip(signal, 0)

    def put_aside(self, signal: Signal, position: int) -> None:
        """Read 'I would set this piece aside'."""
        before = self.sentence.words[max(0, signal.place - 7) : signal.place]
        if not _PUTTING.isdisjoint(before) and not _WISHING.isdisjoint(before):
            self.find(signal._replace(weight=GENERAL), position)

    def doubt(self, signal: Signal, position: int) -> None:
        """Note that the answer cannot tell, and whether it is the verdict that it cannot tell."""
        self.reading.unsure = self.number
        self.neutral = self.neutral or signal.weight > 0
        if not _DECIDING.isdisjoint(self.sentence.words[: signal.place + _REACH]):
            self.reading.undecided = self.number

    def vain(self, signal: Signal, position: int) -> None:
        """Read 'with no success' and 'I didn't come across any', after what was looked for."""
        if self.continues(signal):
            self.denial, self.denial_used, self.found_denied = signal, False, False
            return
        sought = self.reading.sought is not None and self.reading.sought >= self.number - 2
        if sought or self.points_back:
            self.neutral = False
            self.deny_before()
            self.add("normal", GENERAL, signal)
        else:
            self.add("normal", PARTICULAR, signal)
        self.denial = None

    def continues(self, signal: Signal) -> bool:
        """Tell whether the noun follows that a denial denies ("couldn't find any holes")."""
        words, starts = self.sentence.words, self.sentence.starts
        after = next((word for word, start in zip(words, starts, strict=True) if start >= signal.end), "")
        return after.isalnum() and after not in _AFTER_VAIN

    def deny_before(self) -> None:
        """Turn the findings that were listed before, in this sentence or the last, into checks that passed."""
        for claim in self.earlier():
            if claim.kind == "anomalous" and claim.sentence >= self.number - 1:
                claim.kind = "normal"
