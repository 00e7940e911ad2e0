"""Reads the claims of one sentence: what it asserts, denies, or says only under a condition."""

from collections.abc import Callable

from vlm_eval.scoring.claims import Claim
from vlm_eval.scoring.clauses import Signal
from vlm_eval.scoring.lexicon import GENERAL, GROUPS, MILD, PARTICULAR
from vlm_eval.scoring.mood_reader import MoodReader, speaks_in_general

_OBSERVED = GROUPS["observed"]
_TURNS = GROUPS["turns"]
_NO_TURN = GROUPS["no turn"]
_RULES = GROUPS["rules"]
_PARTS_OF_RULES = GROUPS["parts of rules"]
_EARLY = 6  # words before the predicate of a short subject
_REASONS = frozenset({"as", "because", "since"})
_SPEAKER = GROUPS["speaker"]


class SentenceReader(MoodReader):
    """Walks through the signals of one sentence; one method a kind of signal."""

    def read(self) -> list[Claim]:
        """Return the claims of the sentence; a question makes none."""
        answers = len(self.reading.answers)
        self.points_back = self.sentence.words[0] in _REASONS  # "As the wires are round, ..."
        if speaks_in_general(self.sentence):
            self.generic = True
            self.reading.cleared.add(self.number)
        for position, signal in enumerate(self.sentence.signals):
            handler = _HANDLERS.get(signal.kind)
            if handler is not None:
                handler(self, signal, position)
        self.echo_reference()
        self.close_clause()
        self.close_norms()
        self.turn_without_claim()
        self.read_rules()
        if self.sentence.question:
            del self.reading.answers[answers:]
            return []
        claims = [claim for claim in self.claims if claim.kind != "dropped"]
        observed = bool(claims) and self.observes()
        for claim in claims:
            claim.observed = observed or claim.whole or claim.contrast
        return claims

    def observes(self) -> bool:
        """Tell whether the sentence speaks of what is seen, not of what is known in general."""
        return self.sentence.words[0] == "the" or not _OBSERVED.isdisjoint(self.sentence.words)

    def turn_without_claim(self) -> None:
        """Read "However, the fourth pocket holds two": what stands against the rest is a mild finding."""
        if self.turned is None:
            return
        reading = self.reading
        told = self.number in (reading.unsure, reading.refused)
        told = told or self.number in reading.cleared or self.number in reading.caveats
        silent = self.silent() or self.conditional or self.sentence.question or told or bool(self.reading.answers)
        earlier = bool(self.reading.claims) or bool(self.claims)
        if silent or not self.any_verb or not earlier:
            return
        rest = self.sentence.words[self.turned :]
        start = self.sentence.starts[self.turned]
        if _NO_TURN.isdisjoint(rest) and not any(claim.start >= start for claim in self.claims):
            self.add("anomalous", MILD, self.sentence.signals[-1])

    def read_rules(self) -> None:
        """Let what is said of all the rules be said of the whole item."""
        words = self.sentence.words
        if not _RULES.isdisjoint(words) and _PARTS_OF_RULES.isdisjoint(words):
            for claim in self.claims:
                claim.whole = claim.whole or (claim.kind == "normal" and claim.weight >= PARTICULAR)

    # Conditions, norms and what is not asserted

    def hedge(self, signal: Signal, position: int) -> None:
        """Open the scope of a modal verb."""
        self.modal = self.verb = self.any_verb = True

    def condition(self, signal: Signal, position: int) -> None:
        """Make the sentence conditional, also backwards."""
        self.conditional = self.conditional or signal.word != "unless"
        if signal.place == 0 or self.neutral:
            self.points_back = True
        if signal.word.startswith("depend") and not self.claims:
            self.reading.unsure = self.number
            if signal.place <= _EARLY:
                self.reading.undecided = self.number
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

    def refuse(self, signal: Signal, position: int) -> None:
        """Note that the answer declines."""
        self.reading.refused = self.number
        if self.reading.declined is None:
            self.reading.declined = self.number
        self.neutral = True

    def decline(self, signal: Signal, position: int) -> None:
        """Read 'I am unable to interpret'."""
        denial = self.denial
        if denial is None or self.denial_used or signal.place - denial.place > 4:
            return
        if self.word(denial.place - 1) in _SPEAKER or self.word(denial.place - 2) in _SPEAKER:
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
        self.wanted = self.wanted or not self.modal
        if self.denial is not None and not self.denial_used and not self.silent() and self.denial.kind == "neg":
            self.denial_used = True
            self.add("anomalous", PARTICULAR, signal)

    def set_aside_next(self, signal: Signal, position: int) -> None:
        """Open what is set aside."""
        self.aside = True
        if signal.kind == "instead" and not self.silent() and self.denial is None:
            self.instead = self.add(
                "hedged" if self.modal or self.conditional else "anomalous", PARTICULAR, signal
            )

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

    def deny_clause(self, signal: Signal, position: int) -> None:
        """Note that what the rest of the clause says is not so."""
        self.untrue = not self.untrue

    # Clauses

    def oppose(self, signal: Signal, position: int) -> None:
        """Start a clause that outweighs the one before."""
        modal = self.modal and not self.next_part(position)  # "may be fine for shoes but not for gloves"
        self.close_clause()
        self.modal = modal
        self.turned = signal.place if signal.word in _TURNS else None
        self.leave_reference(position)
        self.contrast = True
        self.norm_broken = self.norm_broken or self.wanted
        self.partial = self.generic = False

    def turn(self, signal: Signal, position: int) -> None:
        """Start another clause."""
        self.close_clause()
        self.leave_reference(position)
        self.said_but = self.said_but or signal.word in ("although", "though", "whereas", "while")
        self.norm_broken = self.norm_broken or (self.wanted and self.said_but)
        self.concluding = self.concluding or signal.word == "so"

    def pause(self, signal: Signal, position: int) -> None:
        """Start another clause at a comma or an 'and' where a verb of its own follows."""
        self.aside = self.excepted = False
        opened = self.verb or self.neutral or self.should or (self.any_verb and signal.kind == "comma")
        if (opened and self.next_part(position)) or (self.denial_used and self.praise_follows(position)):
            self.close_clause()

    def split(self, signal: Signal, position: int) -> None:
        """Start another clause at a colon, unless it denies its heading ('Dents: not detected')."""
        following = self.sentence.signals[position + 1 : position + 2]
        if not any(other.kind in ("neg", "none", "absent") for other in following):
            sought = self.neutral and self.reading.sought == self.number and not self.next_part(position)
            self.close_clause()
            self.neutral = sought

    def praise_follows(self, position: int) -> bool:
        """Tell whether a sign of normality comes next, which a denial of findings does not reach."""
        return any(signal.kind == "good" for signal in self.sentence.signals[position + 1 : position + 2])

    def next_part(self, position: int) -> bool:
        """Tell whether the part that follows has a verb of its own."""
        signals = self.sentence.signals
        here = signals[position].place
        for offset, signal in enumerate(signals[position + 1 : position + 12]):
            if signal.kind in ("verb", "modal", "should", "can") or signal.word.endswith(("n't", "not", "could")):
                return True
            if signal.kind == "that" or (signal.kind == "this" and offset == 0):
                return offset == 0
            joined = signal.kind in ("comma", "and") and offset == 0 and signal.place == here + 1
            if signal.kind in ("comma", "and", "contrast", "while", "colon", "or") and not joined:
                return False
        return False

    def verb_seen(self, signal: Signal, position: int) -> None:
        """Note a finite verb."""
        self.verb = self.any_verb = True
        if signal.word in ("would", "wouldn't"):
            self.suppose(signal, position)
        self.points_back = self.points_back or (signal.place <= 4 and signal.word in ("it's", "that's", "they're"))
        self.excepted = self.excepted and len(self.claims) == self.clause

    def relate(self, signal: Signal, position: int) -> None:
        """Read a relative clause: it points at what stands before it."""
        self.excepted = False
        self.relative = True

    def point(self, signal: Signal, position: int) -> None:
        """Note a word that points back."""
        self.points_back = self.points_back or signal.place <= 4

    def emphasise(self, signal: Signal, position: int) -> None:
        """Note an adjective that says a mark is meant."""
        self.salient = signal.place

    def generalise(self, signal: Signal, position: int) -> None:
        """Note 'each' and 'all'."""
        self.universal = True

    def disclose(self, signal: Signal, position: int) -> None:
        """Read what might show elsewhere: no claim on what is seen."""
        self.neutral = self.neutral or self.modal

    # What closes

    def echo(self, signal: Signal, position: int) -> None:
        """Read 'so is the second': what was said of the reference holds of the item."""
        if self.reading.reference_normal and not self.silent() and not self.claims:
            self.add("normal", PARTICULAR, signal)

    def conclude(self, signal: Signal, position: int) -> None:
        """Start a conclusion."""
        if self.word(signal.place - 1) != "the" or signal.word in ("verdict", "conclusion"):
            self.concluding = True
        if signal.word == "so":
            self.close_clause()
            self.answer("anomalous" if self.word(signal.place + 1) == "yes" else "normal", signal)


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
    "suppose": SentenceReader.suppose,
    "can": SentenceReader.enable,
    "sought": SentenceReader.seek,
    "zero": SentenceReader.count_none,
    "aside": SentenceReader.put_aside,
    "search": SentenceReader.search,
    "shared": SentenceReader.share,
    "vain": SentenceReader.vain,
    "clear": SentenceReader.clear,
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
    **dict.fromkeys(("third", "fourth", "fifth", "sixth"), SentenceReader.later_ordinal),
    "last": SentenceReader.name_last,
    "query": SentenceReader.name_query,
    "untrue": SentenceReader.deny_clause,
    "image": SentenceReader.numbered,
    "reference": SentenceReader.name_reference,
    "partial": SentenceReader.narrow,
    "also": SentenceReader.echo,
    "conclude": SentenceReader.conclude,
    "this": SentenceReader.point,
    "that": SentenceReader.relate,
    "salient": SentenceReader.emphasise,
}
