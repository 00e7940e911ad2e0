"""Reads the claims of one sentence: what it asserts, denies, or says only under a condition."""

from collections.abc import Callable

from vlm_eval.scoring.claims import Claim, Kind, Reading, References
from vlm_eval.scoring.clause_state import ClauseState
from vlm_eval.scoring.clauses import Sentence, Signal
from vlm_eval.scoring.wordlists import GENERAL, MILD, PARTICULAR, WEAK

_EXPLAINING = frozenset(
    """normal natural naturally typical typically expected acceptable intended usual ordinary common inherent harmless
    appropriate respected""".split()
)
_ASSOCIATING = frozenset("consistent typical identical similar matching match matches same consistently fit fits".split())
_BE = frozenset("is are was were be do does not would and isn't aren't wasn't weren't doesn't don't call".split())
_BEFORE_ANSWER = frozenset("is so answer well then was be verdict say , (".split())
_AFTER_ANSWER = frozenset("the there it this i they both these its it's that we".split())
_ANSWER_HEADINGS = frozenset(
    "answer verdict conclusion result final anomaly anomalies anomalous defect defects defective abnormal response detected present".split()
)
_NO = frozenset("no nope nah".split())
_BEFORE_OBJECT = frozenset("in than from unlike to as with of by".split())
_NORMS = frozenset("normal typical healthy regular standard good proper natural perfect".split())
_SPEAKER = frozenset("i i'm am be".split())
_ORDINALS = {"1": "first", "2": "second"}


class SentenceReader(ClauseState):
    """Walks through the signals of one sentence; one method a kind of signal."""

    def __init__(self, sentence: Sentence, number: int, reading: Reading, references: References) -> None:
        super().__init__(sentence, number, reading)
        self.references = references

    def read(self) -> list[Claim]:
        """Return the claims of the sentence; a question makes none."""
        answers = len(self.reading.answers)
        for position, signal in enumerate(self.sentence.signals):
            handler = _HANDLERS.get(signal.kind)
            if handler is not None:
                handler(self, signal, position)
        self.close_clause()
        self.close_norms()
        if self.sentence.question:
            del self.reading.answers[answers:]
            return []
        return [claim for claim in self.claims if claim.kind != "dropped"]

    # What is said of the item

    def find(self, signal: Signal, position: int) -> None:
        """Read a finding."""
        if self.silent():
            return
        if self.aside:
            self.set_aside(signal)
            return
        weight = self.weigh(signal)
        if self.denial is not None and not self.excepted:
            self.denial_used = True
            if not self.further:
                self.add("normal", max(weight, MILD), signal)
                self.explain_by_denial(signal, self.denial)
            return
        self.drop_association()
        if self.modal or self.conditional:
            self.add("hedged", weight, signal)
            self.soften(WEAK if signal.weight < GENERAL else MILD)
        else:
            self.add("anomalous", weight, signal)

    def set_aside(self, signal: Signal) -> None:
        """Drop what 'rather than' or 'instead of' sets aside."""
        if self.instead is not None:
            self.instead.kind = "dropped"
        self.cancel(MILD)
        if signal.weight == GENERAL:
            self.add("normal", PARTICULAR, signal)

    def drop_association(self) -> None:
        """Let 'consistent with' and 'typical of' speak for the finding that follows them."""
        last = self.claims[-1] if len(self.claims) > self.clause else None
        if last is not None and last.kind == "normal":
            word = next((signal.word for signal in self.sentence.signals if signal.start == last.start), "")
            if word in _ASSOCIATING:
                last.kind = "dropped"

    def good(self, signal: Signal, position: int) -> None:
        """Read a sign of normality."""
        if self.names_the_norm(signal, position):
            self.generic = True
        if self.silent():
            self.reading.reference_normal |= self.about_reference and self.denial is None
            return
        if self.aside or signal.index - self.compared <= 8 or self.is_attribute(signal, position):
            return
        if self.denial is not None and self.denial.kind != "none":
            self.denial_used = True
            if self.denial.kind != "freeof":
                self.add("anomalous", min(signal.weight, PARTICULAR), signal)
        elif self.modal or self.conditional:
            self.add("hedged", WEAK, signal)
        else:
            if signal.word in _EXPLAINING:
                self.cancel(PARTICULAR if self.points_back or self.relative else MILD)
            self.add("normal", signal.weight, signal)

    def names_the_norm(self, signal: Signal, position: int) -> bool:
        """Tell whether the sentence speaks of normal items in general ('A normal pill is white', 'Normally, ...')."""
        if signal.index == 0 and signal.word == "normally":
            return True
        if signal.word not in _NORMS:
            return False
        leading = signal.index == 0 or (signal.index == 1 and self.word(0) in ("a", "an"))
        if not leading or not self.word(signal.index + 1).isalpha():
            return False
        following = self.sentence.signals[position + 1 : position + 4]
        return any(other.kind in ("verb", "should") for other in following)

    def is_attribute(self, signal: Signal, position: int) -> bool:
        """Tell whether it only describes the finding that follows ('the usual defects')."""
        signals = self.sentence.signals
        following = signals[position + 1] if position + 1 < len(signals) else None
        return following is not None and following.kind == "find" and following.index == signal.index + 1

    def explain_by_denial(self, signal: Signal, denial: Signal) -> None:
        """Read 'is not a defect': what was seen is explained away."""
        if signal.weight == GENERAL and signal.index - denial.index <= 4:
            if denial.word in _BE or (denial.word == "not" and self.word(denial.index - 1) in _BE):
                self.cancel(PARTICULAR)

    def differ(self, signal: Signal, position: int) -> None:
        """Note a difference; from the reference it is a finding."""
        if self.silent():
            return
        if self.denial is not None:
            self.denial_used = True
            if not self.further:
                self.add("normal", PARTICULAR, signal)
        else:
            self.differs = signal

    # Denials and plain answers

    def negate(self, signal: Signal, position: int) -> None:
        """Open a denial, or read a plain no."""
        if signal.word in _NO and self.answers_at(signal) and self.stands_alone(signal):
            self.answer("normal", signal)
        elif signal.word == "nothing" and len(self.sentence.words) == 1:
            self.add("normal", GENERAL, signal)
        elif signal.kind in ("freeof", "lack") and self.denial is not None and not self.denial_used:
            self.denial = None
        else:
            self.denial, self.denial_used = signal, False
            self.further = signal.kind == "other"
            self.verb = self.verb or signal.word.endswith(("n't", "lacks", "lacked", "fails", "failed"))
            if signal.kind == "none":
                self.deny_list(signal)

    def deny_list(self, signal: Signal) -> None:
        """Read 'Cracks: none' and 'None of these were found': what was listed before is denied."""
        self.denial_used = self.flip(signal, 0)
        if signal.index == 0 and self.word(2) in ("these", "them", "those", "were", "was", "found", "") or (
            signal.index == 0 and self.word(1) in ("were", "was", "found")
        ):
            for claim in self.reading.last_sentence():
                if claim.kind == "anomalous":
                    claim.kind = "normal"

    def answers_at(self, signal: Signal) -> bool:
        """Tell whether a yes or a no stands where an answer stands."""
        if signal.index == 0:
            return True
        before = self.word(signal.index - 1)
        if before == ":":
            headings = self.sentence.words[max(0, signal.index - 5) : signal.index]
            return not _ANSWER_HEADINGS.isdisjoint(headings)
        return before in _BEFORE_ANSWER or (not self.claims and self.concluding)

    def stands_alone(self, signal: Signal) -> bool:
        """Tell whether a no is an answer and not a determiner."""
        word = self.word(signal.index + 1)
        return not word or not word[0].isalnum() or word in _AFTER_ANSWER

    def answer(self, kind: Kind, signal: Signal) -> None:
        """Note a plain yes or no."""
        if not self.silent() or self.word(signal.index - 1) == "say":
            self.reading.answers.append(Claim(kind, GENERAL, self.number, signal.start, self.concluding))
        if kind == "normal":
            self.flip(signal, 0)

    def affirm(self, signal: Signal, position: int) -> None:
        """Read a plain yes."""
        if self.answers_at(signal) and (signal.word != "true" or len(self.sentence.words) == 1):
            self.answer("anomalous", signal)

    def refute(self, signal: Signal, position: int) -> None:
        """Read a plain false."""
        if len(self.sentence.words) == 1:
            self.answer("normal", signal)

    def see(self, signal: Signal, position: int) -> None:
        """Read 'is not visible' (the findings before it are denied) and 'there is'."""
        denial = self.denial
        if signal.word in ("visible", "noticeable"):
            self.salient = signal.index
        if denial is not None and signal.index - denial.index <= 4 and not self.denial_used:
            self.unseen = self.unseen or (denial.kind == "neg" and denial.word != "no")
        elif denial is None and signal.word in ("there", "see", "notice", "observe", "find", "identify"):
            self.exists = signal.index
            self.verb = self.any_verb = True

    def absent(self, signal: Signal, position: int) -> None:
        """Read 'is absent'."""
        if not self.silent():
            self.denial, self.denial_used, self.unseen = signal, False, True

    # Conditions, norms and what is not asserted

    def hedge(self, signal: Signal, position: int) -> None:
        """Open the scope of a modal verb."""
        self.modal = self.verb = self.any_verb = True

    def condition(self, signal: Signal, position: int) -> None:
        """Make the sentence conditional, also backwards."""
        self.conditional = True
        if signal.index == 0 or self.neutral:
            self.points_back = True
        if signal.word.startswith("depend") and not self.claims:
            self.reading.unsure = self.number
        self.soften(GENERAL)

    def consider(self, signal: Signal, position: int) -> None:
        """Read 'could be considered': what was seen becomes conditional."""
        if self.modal and self.denial is None:
            self.soften(GENERAL)

    def cause(self, signal: Signal, position: int) -> None:
        """Read a guess at the cause: it asserts nothing and takes nothing back."""
        self.neutral = self.neutral or self.modal

    def count(self, signal: Signal, position: int) -> None:
        """Note 'only'; after a modal ('or simply a shadow') it makes what was seen conditional."""
        self.only = True
        if self.modal:
            self.soften(PARTICULAR)

    def mute(self, signal: Signal, position: int) -> None:
        """Open a clause in which nothing is asserted; what was sought and not found is denied."""
        sought = signal.kind == "whether" and signal.word == "to" and self.denial is not None
        self.neutral = self.neutral or not sought

    def advise(self, signal: Signal, position: int) -> None:
        """Open a sentence in which nothing is asserted."""
        self.generic = True

    def doubt(self, signal: Signal, position: int) -> None:
        """Note that the answer cannot tell."""
        self.reading.unsure = self.number
        self.neutral = self.neutral or signal.weight > 0

    def refuse(self, signal: Signal, position: int) -> None:
        """Note that the answer declines."""
        self.reading.refused = self.number
        self.neutral = True

    def decline(self, signal: Signal, position: int) -> None:
        """Read 'I am unable to interpret'."""
        denial = self.denial
        if denial is None or self.denial_used or signal.index - denial.index > 4:
            return
        if self.word(denial.index - 1) in _SPEAKER or self.word(denial.index - 2) in _SPEAKER:
            self.denial_used = True
            self.refuse(signal, position)

    def norm(self, signal: Signal, position: int) -> None:
        """Open a norm; its subject ('leather of good quality') is no claim either."""
        self.should = self.wanted = self.verb = self.any_verb = True
        for claim in self.claims[self.clause :]:
            if claim.kind == "normal":
                claim.kind = "dropped"

    def require(self, signal: Signal, position: int) -> None:
        """Note that a norm was named, or denied."""
        self.wanted = True
        if self.denial is not None and not self.denial_used and not self.silent() and self.denial.kind == "neg":
            self.denial_used = True
            self.add("anomalous", PARTICULAR, signal)

    def set_aside_next(self, signal: Signal, position: int) -> None:
        """Open what is set aside."""
        self.aside = True
        if signal.kind == "instead" and not self.silent() and self.denial is None:
            self.instead = self.add("hedged" if self.modal or self.conditional else "anomalous", PARTICULAR, signal)

    def make_exception(self, signal: Signal, position: int) -> None:
        """Assert what follows, whatever is denied around it; an exception from 'each' is itself a finding."""
        self.excepted = True
        if self.universal and signal.word in ("except", "with") and self.denial is None and not self.silent():
            self.add("anomalous", PARTICULAR, signal)

    def classify(self, signal: Signal, position: int) -> None:
        """Forget the list before the choice."""
        for claim in self.claims:
            claim.kind = "dropped"
        self.neutral = self.should = False

    def explain(self, signal: Signal, position: int) -> None:
        """Take back a finding that has a harmless reason."""
        if self.silent() or self.denial is not None:
            return
        if self.modal or self.conditional:
            self.soften(MILD)
        else:
            self.cancel(MILD)
            self.differs = None

    # Clauses

    def oppose(self, signal: Signal, position: int) -> None:
        """Start a clause that outweighs the one before."""
        self.close_clause()
        self.contrast = self.said_but = True
        self.partial = self.generic = False

    def turn(self, signal: Signal, position: int) -> None:
        """Start another clause."""
        self.close_clause()
        self.said_but = self.said_but or signal.word in ("although", "though", "whereas", "while")
        self.concluding = self.concluding or signal.word == "so"

    def pause(self, signal: Signal, position: int) -> None:
        """Start another clause at a comma or an 'and' where a verb of its own follows."""
        self.aside = self.excepted = False
        opened = self.verb or self.neutral or self.should or (self.any_verb and signal.kind == "comma")
        if opened and self.next_part(position):
            self.close_clause()

    def split(self, signal: Signal, position: int) -> None:
        """Start another clause at a colon."""
        self.close_clause()

    def next_part(self, position: int) -> bool:
        """Tell whether the part that follows has a verb of its own."""
        signals = self.sentence.signals
        here = signals[position].index
        for offset, signal in enumerate(signals[position + 1 : position + 12]):
            if signal.kind in ("verb", "modal", "should") or signal.word.endswith("n't"):
                return True
            if signal.kind == "that":
                return offset == 0
            joined = signal.kind in ("comma", "and") and offset == 0 and signal.index == here + 1
            if signal.kind in ("comma", "and", "contrast", "while", "colon", "or") and not joined:
                return False
        return False

    def verb_seen(self, signal: Signal, position: int) -> None:
        """Note a finite verb."""
        self.verb = self.any_verb = True
        self.excepted = self.excepted and len(self.claims) == self.clause

    def relate(self, signal: Signal, position: int) -> None:
        """Read a relative clause: it points at what stands before it."""
        self.excepted = False
        self.relative = True

    def point(self, signal: Signal, position: int) -> None:
        """Note a word that points back."""
        self.points_back = self.points_back or signal.index <= 4

    def emphasise(self, signal: Signal, position: int) -> None:
        """Note an adjective that says a mark is meant."""
        self.salient = signal.index

    def generalise(self, signal: Signal, position: int) -> None:
        """Note 'each' and 'all'."""
        self.universal = True

    def disclose(self, signal: Signal, position: int) -> None:
        """Read what might show elsewhere: no claim on what is seen."""
        self.neutral = self.neutral or self.modal

    # Images

    def compare(self, signal: Signal, position: int) -> None:
        """Note that what follows is only compared with; 'from' compares after a difference."""
        differs = self.differs is not None or (len(self.claims) > self.clause and self.claims[-1].kind == "anomalous")
        if signal.kind == "compare" or differs:
            self.compared = signal.index

    def ordinal(self, signal: Signal, position: int) -> None:
        """Read 'the first image'."""
        following = self.sentence.signals[position + 1 : position + 4]
        noun = any(other.kind == "image" and other.index - signal.index <= 4 for other in following)
        if noun or self.word(signal.index - 2) in _BEFORE_OBJECT:
            self.mention(signal, signal.kind in self.references.ordinals)

    def numbered(self, signal: Signal, position: int) -> None:
        """Read 'image 1'."""
        ordinal = _ORDINALS.get(self.word(signal.index + 1))
        if ordinal is not None:
            self.mention(signal, ordinal in self.references.ordinals)

    def name_reference(self, signal: Signal, position: int) -> None:
        """Read 'the reference image'."""
        self.mention(signal, True)

    def mention(self, signal: Signal, reference: bool) -> None:
        """Read the name of an image as topic, or as what the item is compared with."""
        if not reference:
            self.about_reference = False
            return
        leading = not self.verb and len(self.claims) == self.clause and signal.index - self.compared > 6
        if leading and self.denial is None and self.differs is None:
            self.about_reference = True
            return
        self.miss_from_reference()

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
        elif signal.index - self.compared <= 4 and self.denial is None and not self.silent():
            self.add("anomalous", MILD, signal)

    def echo(self, signal: Signal, position: int) -> None:
        """Read 'so is the second': what was said of the reference holds of the item."""
        if self.reading.reference_normal and not self.silent() and not self.claims:
            self.add("normal", PARTICULAR, signal)

    def conclude(self, signal: Signal, position: int) -> None:
        """Start a conclusion."""
        if self.word(signal.index - 1) != "the" or signal.word in ("verdict", "conclusion"):
            self.concluding = True
        if signal.word == "so":
            self.close_clause()
            self.answer("anomalous" if self.word(signal.index + 1) == "yes" else "normal", signal)


_HANDLERS: dict[str, Callable[[SentenceReader, Signal, int], None]] = {
    "find": SentenceReader.find,
    "good": SentenceReader.good,
    "neg": SentenceReader.negate,
    "freeof": SentenceReader.negate,
    "lack": SentenceReader.negate,
    "other": SentenceReader.negate,
    "none": SentenceReader.negate,
    "yes": SentenceReader.affirm,
    "false": SentenceReader.refute,
    "present": SentenceReader.see,
    "absent": SentenceReader.absent,
    "modal": SentenceReader.hedge,
    "cond": SentenceReader.condition,
    "considered": SentenceReader.consider,
    "cause": SentenceReader.cause,
    "disclose": SentenceReader.disclose,
    "whether": SentenceReader.mute,
    "typical": SentenceReader.advise,
    "advice": SentenceReader.advise,
    "unsure": SentenceReader.doubt,
    "refuse": SentenceReader.refuse,
    "service": SentenceReader.decline,
    "should": SentenceReader.norm,
    "required": SentenceReader.require,
    "only": SentenceReader.count,
    "contrast": SentenceReader.oppose,
    "while": SentenceReader.turn,
    "comma": SentenceReader.pause,
    "and": SentenceReader.pause,
    "colon": SentenceReader.split,
    "verb": SentenceReader.verb_seen,
    "rather": SentenceReader.set_aside_next,
    "instead": SentenceReader.set_aside_next,
    "except": SentenceReader.make_exception,
    "universal": SentenceReader.generalise,
    "compare": SentenceReader.compare,
    "from": SentenceReader.compare,
    "classify": SentenceReader.classify,
    "explain": SentenceReader.explain,
    "differ": SentenceReader.differ,
    "first": SentenceReader.ordinal,
    "second": SentenceReader.ordinal,
    "image": SentenceReader.numbered,
    "reference": SentenceReader.name_reference,
    "partial": SentenceReader.narrow,
    "also": SentenceReader.echo,
    "conclude": SentenceReader.conclude,
    "this": SentenceReader.point,
    "that": SentenceReader.relate,
    "salient": SentenceReader.emphasise,
}
