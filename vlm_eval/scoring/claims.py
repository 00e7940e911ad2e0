"""Reads the claims of one sentence: what it asserts, denies, or says only under a condition."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from vlm_eval.scoring.clauses import Sentence, Signal

Kind = Literal["anomalous", "normal", "hedged", "dropped"]

_EXPLAINING = frozenset(
    "normal natural naturally typical typically expected acceptable intended usual ordinary common inherent harmless".split()
)
_ASSOCIATING = frozenset("consistent typical identical similar matching match matches same consistently fit fits".split())
_BE_NOT = frozenset("isn't aren't wasn't weren't".split())
_STARTS_ANSWER = frozenset("is so answer well then was be verdict".split())
_AFTER_ANSWER = frozenset("the there it this i they both these its it's that we".split())
_BEFORE_OBJECT = frozenset("in than from unlike to as with of by".split())


@dataclass(slots=True)
class Claim:
    """One thing that a sentence says of the item; later words may still change it."""

    kind: Kind
    weight: int  # 3 of the item in general, 2 of something in particular, 1 only in context
    sentence: int
    start: int
    end: int
    concluding: bool = False
    contrast: bool = False
    partial: bool = False


@dataclass(slots=True)
class Reading:
    """What the sentences of an answer say, in order."""

    claims: list[Claim] = field(default_factory=list)
    answers: list[Claim] = field(default_factory=list)  # explicit yes ("anomalous") and no ("normal")
    refused: int | None = None  # sentence
    unsure: int | None = None


@dataclass(slots=True)
class References:
    """Which ordinals name reference images: the first one in a one-shot prompt, none where all show the item."""

    ordinals: frozenset[str] = frozenset({"first"})


class SentenceReader:
    """Walks through the signals of one sentence with the scopes that are open."""

    def __init__(self, sentence: Sentence, number: int, reading: Reading, references: References) -> None:
        self.sentence = sentence
        self.number = number
        self.reading = reading
        self.references = references
        self.claims: list[Claim] = []
        self.clause = 0  # index of the first claim of the clause
        self.concluding = self.contrast = self.partial = False
        self.about_reference = self.points_back = self.relative = self.conditional = False
        self.wanted = self.only = self.said_but = False
        self.open_clause()

    def open_clause(self) -> None:
        """Close every scope that ends with a clause."""
        self.clause = len(self.claims)
        self.denied: str | None = None  # the kind of signal that denies
        self.denial: Signal | None = None
        self.denial_used = self.unseen = self.verb = False
        self.modal = self.neutral = self.should = self.aside = self.excepted = self.further = False
        self.compared = -9
        self.salient = -9
        self.differs: Signal | None = None
        self.instead: Claim | None = None

    def read(self) -> list[Claim]:
        """Return the claims of the sentence."""
        signals = self.sentence.signals
        for position, signal in enumerate(signals):
            handler = _HANDLERS.get(signal.kind)
            if handler is not None:
                handler(self, signal, position)
        self.close_clause()
        self.close_norms()
        kept = [claim for claim in self.claims if claim.kind != "dropped"]
        if self.sentence.question:
            return []
        return kept

    # -- closing -------------------------------------------------------------------------------------------------
    def close_clause(self) -> None:
        """Settle what only the end of a clause can settle, and open the next."""
        if self.denied == "lack" and not self.denial_used and self.denial and not self.neutral:
            self.add("anomalous", 2, self.denial)
        if self.unseen and self.denial:
            self.flip(self.denial)
        if self.denied == "none" and not self.denial_used and self.denial:
            self.add("normal", 3 if len(self.sentence.tokens) <= 2 else 2, self.denial)
        self.open_clause()

    def flip(self, denial: Signal) -> None:
        """Turn the findings before a denial of their presence into checks that passed."""
        for claim in self.claims[self.clause :]:
            if claim.kind == "anomalous" and claim.start < denial.start:
                claim.kind = "normal"
                self.denial_used = True

    def close_norms(self) -> None:
        """Read a norm that the rest of the sentence says was not kept."""
        if self.wanted and (self.only or self.said_but) and not self.claims and not self.about_reference:
            self.add("anomalous", 2, self.sentence.signals[0])

    # -- adding --------------------------------------------------------------------------------------------------
    def add(self, kind: Kind, weight: int, signal: Signal) -> Claim:
        """Add a claim at a signal."""
        claim = Claim(
            kind, weight, self.number, signal.start, signal.end, self.concluding, self.contrast, self.partial
        )
        self.claims.append(claim)
        return claim

    def silent(self) -> bool:
        """Tell whether what is said here is no claim on the item."""
        return self.neutral or self.should or self.about_reference

    def find(self, signal: Signal, position: int) -> None:
        """Read a finding."""
        if self.silent():
            return
        if self.aside:
            self.set_aside()
            return
        weight = signal.weight
        if weight == 1 and (signal.index - self.salient <= 2 or self.contrast):
            weight = 2
        self.drop_association()
        if self.denied and not self.excepted:
            self.denial_used = True
            if not self.further:
                self.add("normal", weight, signal)
                self.explain_by_denial(signal)
        elif self.modal or self.conditional:
            self.add("hedged", weight, signal)
            self.soften(1, by_modal=True)
        else:
            self.add("anomalous", weight, signal)

    def set_aside(self) -> None:
        """Drop what a 'rather than' or 'instead of' sets aside."""
        if self.instead is not None:
            self.instead.kind = "dropped"
        self.cancel(1)

    def drop_association(self) -> None:
        """Let 'consistent with' and 'typical of' speak for the finding that follows them."""
        last = self.claims[-1] if len(self.claims) > self.clause else None
        if last is not None and last.kind == "normal" and not self.denied:
            word = self.word_at(last.start)
            if word in _ASSOCIATING:
                last.kind = "dropped"

    def word_at(self, start: int) -> str:
        """Return the word that starts at a place in the text."""
        return next((signal.word for signal in self.sentence.signals if signal.start == start), "")

    def good(self, signal: Signal, position: int) -> None:
        """Read a sign of normality."""
        if self.silent() or self.aside or signal.index - self.compared <= 5:
            return
        if self.denied and self.denied != "none":
            self.denial_used = True
            self.add("anomalous", min(signal.weight, 2), signal)
        elif self.modal or self.conditional:
            self.add("hedged", 1, signal)
        else:
            if signal.word in _EXPLAINING:
                self.cancel(2 if self.points_back or self.relative else 1)
            self.add("normal", signal.weight, signal)

    # -- taking back ---------------------------------------------------------------------------------------------
    def earlier(self) -> list[Claim]:
        """List the claims that this sentence may still take back: its own and, if it points back, the last one's."""
        claims = list(self.claims)
        if self.points_back:
            last = self.reading.claims[-1].sentence if self.reading.claims else -1
            if last >= self.number - 2:
                for claim in reversed(self.reading.claims):
                    if claim.sentence != last:
                        break
                    claims.append(claim)
        return claims

    def cancel(self, weight: int) -> None:
        """Drop earlier findings up to a weight, explained away."""
        for claim in self.earlier():
            if claim.kind == "anomalous" and claim.weight <= weight:
                claim.kind = "dropped"

    def soften(self, weight: int, *, by_modal: bool = False) -> None:
        """Make earlier findings up to a weight conditional."""
        for claim in self.earlier():
            if claim.kind == "anomalous" and claim.weight <= weight:
                claim.kind = "hedged"

    def explain_by_denial(self, signal: Signal) -> None:
        """Read 'is not a defect': what was seen is explained away."""
        denial = self.denial
        if signal.weight < 3 or denial is None or denial.word in ("no", "nothing", "without", "none", "neither"):
            return
        if signal.index - denial.index <= 4:
            before = self.sentence.tokens[denial.index - 1].word if denial.index else ""
            be = denial.word in _BE_NOT or before in ("is", "are", "was", "were", "do", "does", "not", "would", "and")
            if be or denial.word in ("doesn't", "don't"):
                self.cancel(2)

    # -- scopes --------------------------------------------------------------------------------------------------
    def negate(self, signal: Signal, position: int) -> None:
        """Open a denial, or read a plain no."""
        if signal.word == "no" and self.answers_at(signal) and self.stands_alone(signal):
            self.answer("normal", signal)
            return
        if signal.word == "nothing" and len(self.sentence.tokens) == 1:
            self.add("normal", 3, signal)
            return
        if signal.kind in ("freeof", "lack") and self.denied == "neg" and not self.denial_used:
            self.denied = None
            return
        if signal.kind == "none" and self.claims and self.claims[-1].kind == "anomalous":
            self.denial = signal
            self.flip(signal)
            self.denied = "none" if not self.denial_used else "neg"
            return
        self.denied, self.denial, self.denial_used = signal.kind, signal, False
        self.further = signal.kind == "other"
        if signal.word.endswith("n't"):
            self.verb = True

    def answers_at(self, signal: Signal) -> bool:
        """Tell whether a yes or no stands where an answer stands."""
        if signal.index == 0:
            return True
        before = self.sentence.tokens[signal.index - 1].word
        return before in _STARTS_ANSWER or before in (":", ",", "(") or self.claims == [] and self.concluding

    def stands_alone(self, signal: Signal) -> bool:
        """Tell whether a no is an answer and not a determiner."""
        after = signal.index + 1
        if after >= len(self.sentence.tokens):
            return True
        word = self.sentence.tokens[after].word
        return not word[0].isalnum() or word in _AFTER_ANSWER

    def answer(self, kind: Kind, signal: Signal) -> None:
        """Note a plain yes or no."""
        claim = Claim(kind, 3, self.number, signal.start, signal.end, self.concluding)
        if not self.neutral:
            self.reading.answers.append(claim)

    def affirm(self, signal: Signal, position: int) -> None:
        """Read a plain yes."""
        if self.answers_at(signal):
            self.answer("anomalous", signal)

    def see(self, signal: Signal, position: int) -> None:
        """Read 'is not visible': the findings before it are denied."""
        denial = self.denial
        if self.denied in ("neg", "freeof") and denial and signal.index - denial.index <= 4 and not self.denial_used:
            self.unseen = True

    def absent(self, signal: Signal, position: int) -> None:
        """Read 'is absent'."""
        if not self.silent():
            self.denied, self.denial, self.denial_used, self.unseen = "neg", signal, False, True

    def hedge(self, signal: Signal, position: int) -> None:
        """Open the scope of a modal verb."""
        self.modal = self.verb = True

    def condition(self, signal: Signal, position: int) -> None:
        """Make the sentence conditional, also backwards."""
        self.conditional = True
        if signal.index == 0 or any(other.kind == "whether" for other in self.sentence.signals[:position]):
            self.points_back = True
        self.soften(3)

    def consider(self, signal: Signal, position: int) -> None:
        """Read 'could be considered': what was seen becomes conditional."""
        if self.modal and not self.denied:
            self.soften(3)

    def cause(self, signal: Signal, position: int) -> None:
        """Read a guess at the cause: it asserts nothing and takes nothing back."""
        if self.modal:
            self.neutral = True

    def mute(self, signal: Signal, position: int) -> None:
        """Open a scope in which nothing is asserted."""
        self.neutral = True

    def doubt(self, signal: Signal, position: int) -> None:
        """Note that the answer cannot tell."""
        self.reading.unsure = self.number
        if signal.weight:
            self.neutral = True

    def refuse(self, signal: Signal, position: int) -> None:
        """Note that the answer declines."""
        self.reading.refused = self.number
        self.neutral = True

    def norm(self, signal: Signal, position: int) -> None:
        """Open a norm."""
        self.should = self.wanted = self.verb = True

    def require(self, signal: Signal, position: int) -> None:
        """Note that a norm was named."""
        self.wanted = True

    def count(self, signal: Signal, position: int) -> None:
        """Note 'only'."""
        self.only = True

    def oppose(self, signal: Signal, position: int) -> None:
        """Start a clause that outweighs the one before."""
        self.close_clause()
        self.contrast = self.said_but = True
        self.partial = False

    def turn(self, signal: Signal, position: int) -> None:
        """Start another clause."""
        self.close_clause()
        self.said_but = self.said_but or signal.word in ("although", "though", "whereas", "while")
        if signal.word == "so":
            self.concluding = True

    def pause(self, signal: Signal, position: int) -> None:
        """Start another clause at a comma or an 'and' where a verb follows one."""
        self.aside = self.excepted = False
        if signal.kind == "and" or self.verb or self.neutral or self.should:
            following = self.next_part(position)
            if following and (self.verb or self.neutral or self.modal):
                self.close_clause()

    def next_part(self, position: int) -> bool:
        """Tell whether the part that follows has a verb of its own."""
        signals = self.sentence.signals
        for offset, signal in enumerate(signals[position + 1 : position + 12]):
            kind = signal.kind
            if kind == "or" and offset == 0:
                return False
            if kind in ("comma", "and") and not (offset == 0 and signal.index == signals[position].index + 1):
                return False
            if kind in ("contrast", "while", "colon"):
                return False
            if kind == "that":
                return offset == 0
            if kind in ("verb", "modal") or signal.word.endswith("n't"):
                return True
        return False

    def verb_seen(self, signal: Signal, position: int) -> None:
        """Note a finite verb."""
        self.verb = True
        self.excepted = self.excepted and not self.claims[self.clause :]

    def set_aside_next(self, signal: Signal, position: int) -> None:
        """Open what is set aside."""
        self.aside = True
        if signal.kind == "instead" and not self.silent() and not self.denied:
            self.instead = self.add("hedged" if self.modal or self.conditional else "anomalous", 2, signal)

    def make_exception(self, signal: Signal, position: int) -> None:
        """Assert what follows, whatever is denied around it."""
        self.excepted = True

    def compare(self, signal: Signal, position: int) -> None:
        """Note that what follows is only compared with."""
        self.compared = signal.index

    def classify(self, signal: Signal, position: int) -> None:
        """Forget the list before the choice."""
        for claim in self.claims:
            claim.kind = "dropped"
        self.neutral = self.should = False

    def explain(self, signal: Signal, position: int) -> None:
        """Take back a weak finding that has a harmless reason."""
        if self.silent() or self.denied:
            return
        if self.modal or self.conditional:
            self.soften(1)
        else:
            self.cancel(1)

    def differ(self, signal: Signal, position: int) -> None:
        """Note a difference; from the reference it is a finding."""
        if self.silent():
            return
        if self.denied:
            self.denial_used = True
            if not self.further:
                self.add("normal", 2, signal)
        else:
            self.differs = signal

    # -- images --------------------------------------------------------------------------------------------------
    def ordinal(self, signal: Signal, position: int) -> None:
        """Read 'the first image'."""
        tokens = self.sentence.tokens
        following = self.sentence.signals[position + 1 : position + 4]
        noun = any(other.kind == "image" and other.index - signal.index <= 4 for other in following)
        before = tokens[signal.index - 2].word if signal.index > 1 else ""
        if not noun and before not in _BEFORE_OBJECT:
            return
        self.mention(signal, signal.kind in self.references.ordinals)

    def numbered(self, signal: Signal, position: int) -> None:
        """Read 'image 1'."""
        after = signal.index + 1
        word = self.sentence.tokens[after].word if after < len(self.sentence.tokens) else ""
        if word in ("1", "2"):
            self.mention(signal, {"1": "first", "2": "second"}[word] in self.references.ordinals)

    def name_reference(self, signal: Signal, position: int) -> None:
        """Read 'the reference image'."""
        self.mention(signal, True)

    def mention(self, signal: Signal, reference: bool) -> None:
        """Read the name of an image as topic or as what is compared with."""
        if not reference:
            self.about_reference = False
            return
        leading = not self.verb and len(self.claims) == self.clause and signal.index - self.compared > 6
        if leading and not self.denied and self.differs is None:
            self.about_reference = True
            return
        if self.unseen and self.denial:
            self.unseen, self.denial_used = False, True
            if not self.silent():
                self.add("anomalous", 2, self.denial)
        if self.differs is not None and not self.silent():
            self.add("anomalous", 2, self.differs)
            self.differs = None

    def narrow(self, signal: Signal, position: int) -> None:
        """Note that only a part is spoken of."""
        self.partial = True
        if self.unseen and self.denial:  # "not present in the others"
            self.mention(signal, True)

    def conclude(self, signal: Signal, position: int) -> None:
        """Start a conclusion."""
        before = self.sentence.tokens[signal.index - 1].word if signal.index else ""
        if before != "the" or signal.word in ("verdict", "conclusion"):
            self.concluding = True
        if self.sentence.tokens[signal.index].word == "so":
            self.close_clause()
            last = self.sentence.tokens[signal.index + 1]
            self.answer("anomalous" if last.word == "yes" else "normal", signal)

    def point(self, signal: Signal, position: int) -> None:
        """Note a word that points back."""
        if not self.claims or signal.kind == "this":
            self.points_back = self.points_back or signal.index <= 4

    def relate(self, signal: Signal, position: int) -> None:
        """Read a relative clause: it points at what stands before it."""
        self.excepted = False
        self.relative = True

    def emphasise(self, signal: Signal, position: int) -> None:
        """Note an adjective that says a mark is meant."""
        self.salient = signal.index


_HANDLERS: dict[str, Callable[[SentenceReader, Signal, int], None]] = {
    "find": SentenceReader.find,
    "good": SentenceReader.good,
    "neg": SentenceReader.negate,
    "freeof": SentenceReader.negate,
    "lack": SentenceReader.negate,
    "other": SentenceReader.negate,
    "none": SentenceReader.negate,
    "yes": SentenceReader.affirm,
    "present": SentenceReader.see,
    "absent": SentenceReader.absent,
    "modal": SentenceReader.hedge,
    "cond": SentenceReader.condition,
    "considered": SentenceReader.consider,
    "cause": SentenceReader.cause,
    "whether": SentenceReader.mute,
    "typical": SentenceReader.mute,
    "advice": SentenceReader.mute,
    "unsure": SentenceReader.doubt,
    "refuse": SentenceReader.refuse,
    "should": SentenceReader.norm,
    "required": SentenceReader.require,
    "only": SentenceReader.count,
    "contrast": SentenceReader.oppose,
    "while": SentenceReader.turn,
    "comma": SentenceReader.pause,
    "and": SentenceReader.pause,
    "colon": SentenceReader.pause,
    "verb": SentenceReader.verb_seen,
    "rather": SentenceReader.set_aside_next,
    "instead": SentenceReader.set_aside_next,
    "except": SentenceReader.make_exception,
    "compare": SentenceReader.compare,
    "classify": SentenceReader.classify,
    "explain": SentenceReader.explain,
    "differ": SentenceReader.differ,
    "first": SentenceReader.ordinal,
    "second": SentenceReader.ordinal,
    "image": SentenceReader.numbered,
    "reference": SentenceReader.name_reference,
    "partial": SentenceReader.narrow,
    "conclude": SentenceReader.conclude,
    "this": SentenceReader.point,
    "that": SentenceReader.relate,
    "salient": SentenceReader.emphasise,
}
