"""Reads findings, signs of normality, denials and plain answers within the scopes that are open."""

from vlm_eval.scoring.claims import Claim, Kind
from vlm_eval.scoring.clause_state import ClauseState
from vlm_eval.scoring.clauses import Signal
from vlm_eval.scoring.lexicon import GENERAL, GROUPS, MILD, PARTICULAR, WEAK
from vlm_eval.scoring.subject import names_whole

_ARTICLES = frozenset({"a", "with", "of", "has", "have", "its", "their"})
_EXPLAINING = GROUPS["explaining"]
_ASSOCIATING = GROUPS["associating"]
_BE = GROUPS["be"]
_BEFORE_ANSWER = GROUPS["before answer"] | {",", "("}
_AFTER_ANSWER = GROUPS["after answer"]
_ANSWER_HEADINGS = GROUPS["answer headings"]
_NORMS = GROUPS["norms"]
_NO = GROUPS["no"]
_ACCORD = GROUPS["accord"]
_SUBJECT = 12  # words before a predicate among which its subject stands
_COPULA = GROUPS["copula"]
_DENYING = frozenset({"no", "nothing", "none", "neither"})
_JUDGING = GROUPS["judging"]
_VERDICT_LEADS = GROUPS["verdict leads"]
_ALONE = frozenset({"true", "positive", "affirmative"})


class ClaimReader(ClauseState):
    """Reads the signals that make claims."""

    # What is said of the item

    def find(self, signal: Signal, position: int) -> None:
        """Read a finding."""
        if self.silent():
            if self.about_reference:
                self.reading.reference_finding = self.number
            return
        if self.aside:
            self.set_aside(signal)
            return
        self.drop_association()
        weight = self.weigh(signal)
        if self.denial is not None and not self.excepted:
            self.denial_used = self.found_denied = True
            if not self.further:
                self.add("normal", max(weight, MILD), signal)
                self.explain_by_denial(signal, self.denial)
            return
        if self.modal or self.conditional:
            self.add("hedged", weight, signal)
            self.soften(MILD if signal.weight == GENERAL or self.points_back else WEAK)
        else:
            self.add("anomalous", weight, signal)

    def set_aside(self, signal: Signal) -> None:
        """Drop what 'rather than' or 'instead of' sets aside."""
        if self.instead is not None:
            self.instead.kind = "dropped"
        self.cancel(MILD)
        self.add("normal", PARTICULAR if signal.weight == GENERAL else MILD, signal)

    def drop_association(self) -> None:
        """Let 'consistent with' and 'typical of' speak for the finding that follows them."""
        last = self.claims[-1] if len(self.claims) > self.clause else None
        if last is not None and last.kind in ("normal", "anomalous"):
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
        if self.aside or signal.place - self.compared <= 8 or self.is_attribute(signal, position):
            return
        if self.denial is not None and self.denial.kind != "none":
            self.deny_good(signal, self.denial)
        elif self.modal or self.conditional:
            self.add("hedged", WEAK, signal)
        else:
            if signal.word in _EXPLAINING:
                said = _COPULA.isdisjoint(self.sentence.words[max(0, signal.place - 4) : signal.place])
                self.cancel(PARTICULAR if (self.points_back or self.relative) and not said else MILD)
            self.add("normal", signal.weight, signal).whole = self.of_the_whole(signal)
            self.deny_rest(signal)

    def deny_rest(self, signal: Signal) -> None:
        """Let 'nothing stands out' deny what follows ('as a defect')."""
        if signal.word in _DENYING:
            self.denial, self.denial_used, self.found_denied = signal, True, True

    def of_the_whole(self, signal: Signal) -> bool:
        """Tell whether a word of accordance has the whole item as its subject."""
        words = self.sentence.words[max(0, signal.place - _SUBJECT) : signal.place]
        if not _VERDICT_LEADS.isdisjoint(words) and not _JUDGING.isdisjoint(words):
            return True  # "I would call it ..."
        if signal.word not in _ACCORD:
            return False
        return names_whole(words, self.reading.topic)

    def deny_good(self, signal: Signal, denial: Signal) -> None:
        """Read 'not intact'; a denial that found its finding ('no defects, as described') reaches no further."""
        if not self.found_denied and denial.kind != "freeof":
            hedged = self.modal or self.conditional
            self.add("hedged" if hedged else "anomalous", min(signal.weight, PARTICULAR), signal)
        self.denial_used = True

    def names_the_norm(self, signal: Signal, position: int) -> bool:
        """Tell whether the sentence speaks of normal items in general ('A normal pill is white', 'Normally')."""
        if signal.place == 0 and signal.word == "normally":
            return True
        if signal.word not in _NORMS:
            return False
        leading = signal.place == 0 or (signal.place == 1 and self.word(0) in ("a", "an"))
        if not leading or not self.word(signal.place + 1).isalpha():
            return False
        following = self.sentence.signals[position + 1 : position + 4]
        return any(other.kind in ("verb", "should") for other in following)

    def is_attribute(self, signal: Signal, position: int) -> bool:
        """Tell whether it only describes what follows ('the usual defects', 'a fine speckled pattern')."""
        if (
            signal.word == "fine"
            and self.word(signal.place - 1) in _ARTICLES
            and self.word(signal.place + 1).isalnum()
        ):
            return True
        signals = self.sentence.signals
        following = signals[position + 1] if position + 1 < len(signals) else None
        return following is not None and following.kind == "find" and following.place == signal.place + 1

    def explain_by_denial(self, signal: Signal, denial: Signal) -> None:
        """Read 'is not a defect': what was seen is explained away."""
        being = denial.word in _BE or (denial.word == "not" and self.word(denial.place - 1) in _BE)
        if being and signal.place - denial.place <= 4:
            self.cancel(PARTICULAR if signal.weight == GENERAL else MILD)

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
        elif signal.word in _NO and self.word(signal.place - 1) == ":" and self.stands_alone(signal):
            self.flip(signal, 0)  # "Cracks: no"
        elif signal.word == "n" and signal.place == 0:
            self.reading.unsure = self.number  # "N/A" answers nothing
        elif signal.word == "nothing" and len(self.sentence.words) == 1:
            self.add("normal", GENERAL, signal)
        elif signal.kind in ("freeof", "lack") and self.denial is not None and not self.denial_used:
            self.denial = None
        else:
            self.denial, self.denial_used, self.found_denied = signal, False, False
            self.further = signal.kind == "other"
            self.verb = self.verb or signal.word.endswith(("n't", "lacks", "lacked", "fails", "failed"))
            if signal.kind == "none":
                self.deny_list(signal)

    def deny_list(self, signal: Signal) -> None:
        """Read 'Cracks: none' and 'None of these were found': what was listed before is denied."""
        self.denial_used = self.flip(signal, 0)
        if (signal.place == 0 and self.word(2) in ("these", "them", "those", "were", "was", "found", "")) or (
            signal.place == 0 and self.word(1) in ("were", "was", "found")
        ):
            for claim in self.reading.last_sentence():
                if claim.kind == "anomalous":
                    claim.kind = "normal"

    def answers_at(self, signal: Signal) -> bool:
        """Tell whether a yes or a no stands where an answer stands."""
        if signal.place == 0:
            return True
        before = self.word(signal.place - 1)
        if before == ":":
            headings = self.sentence.words[max(0, signal.place - 5) : signal.place]
            return not _ANSWER_HEADINGS.isdisjoint(headings)
        return before in _BEFORE_ANSWER or (not self.claims and self.concluding)

    def stands_alone(self, signal: Signal) -> bool:
        """Tell whether a no is an answer and not a determiner."""
        word = self.word(signal.place + 1)
        return not word or not word[0].isalnum() or word in _AFTER_ANSWER

    def answer(self, kind: Kind, signal: Signal) -> None:
        """Note a plain yes or no."""
        if not self.silent() or self.word(signal.place - 1) == "say":
            self.reading.answers.append(Claim(kind, GENERAL, self.number, signal.start, self.concluding))
        if kind == "normal":
            self.flip(signal, 0)

    def affirm(self, signal: Signal, position: int) -> None:
        """Read a plain yes."""
        if self.answers_at(signal) and (signal.word not in _ALONE or len(self.sentence.words) == 1):
            self.answer("anomalous", signal)

    def refute(self, signal: Signal, position: int) -> None:
        """Read a plain false."""
        if len(self.sentence.words) == 1:
            self.answer("normal", signal)

    def see(self, signal: Signal, position: int) -> None:
        """Read 'is not visible' (the findings before it are denied) and 'there is'."""
        denial = self.denial
        if signal.word in ("visible", "noticeable"):
            self.salient = signal.place
        if denial is not None and signal.place - denial.place <= 4 and not self.denial_used:
            self.unseen = self.unseen or (denial.kind == "neg" and denial.word != "no")
        elif denial is None and signal.word in ("there", "see", "notice", "observe", "find", "identify"):
            self.exists = signal.place
            self.verb = self.any_verb = True

    def absent(self, signal: Signal, position: int) -> None:
        """Read 'is absent'."""
        if not self.silent() and not self.found_denied:
            self.denial, self.denial_used, self.unseen = signal, False, True
