"""One line of plain words for what a probe shows; it says no more than the intervals do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.probes import Change

_LEVEL = 0.05
Kind = Literal["yes", "no", "undecided"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe shows: whether the model does what the probe asks about, in words."""

    kind: Kind
    words: str


@dataclass(frozen=True, slots=True)
class Phrases:
    """How one probe is told."""

    yes: str
    no: str
    under: str  # what was changed
    read: "Callable[[Change, Phrases, bool], Finding]"  # the last: whether it is worse beyond chance


def find(probe: str, change: Change, adjusted_p: float | None) -> Finding:
    """Say what a probe shows of a model.

    Args:
        probe: its name.
        change: what it changes.
        adjusted_p: of the change of the balanced accuracy, corrected for the number of probes; None: no test.
    """
    phrases = PHRASES[probe]
    lost = _falls(change.balanced.difference) and adjusted_p is not None and adjusted_p < _LEVEL
    if change.flips.difference.value is None:
        return Finding("undecided", f"undecided: {change.flips.difference.reason}")
    return phrases.read(change, phrases, lost)


def _loses(change: Change, phrases: Phrases, lost: bool) -> Finding:
    """Read a probe that takes away what the model needs: it must become worse."""
    if lost:
        return Finding("yes", f"{phrases.yes}: {_points(change.balanced.difference)} points worse {phrases.under}")
    if _falls(change.auroc) and not change.flips.difference.value:
        return Finding("yes", f"{phrases.yes}, in its scores: AUROC {_points(change.auroc)} lower {phrases.under}")
    if change.few_flips.shown:
        return Finding("no", f"{phrases.no}: it says the same {phrases.under} ({_changed(change)})")
    if change.no_loss.shown:
        return Finding("no", f"{phrases.no}: {_changed(change)} {phrases.under}, but it is no worse")
    return _undecided(change, phrases)


def _reacts(change: Change, phrases: Phrases, lost: bool) -> Finding:
    """Read a probe that changes what the model is told: its answers must change."""
    if _above(change.flips.difference, 0.0):
        return Finding("yes", f"{phrases.yes}: {_changed(change)} {phrases.under}")
    if not change.flips.difference.value and (_falls(change.auroc) or _above(change.auroc, 0.0)):
        return Finding("yes", f"{phrases.yes}, in its scores: AUROC {_signed(change.auroc)} {phrases.under}")
    if change.few_flips.shown:
        return Finding("no", f"{phrases.no}: it says the same {phrases.under} ({_changed(change)})")
    return _undecided(change, phrases)


def _stands(change: Change, phrases: Phrases, lost: bool) -> Finding:
    """Read a probe that should not matter: a model that bears it is no worse."""
    if lost:
        return Finding("no", f"{phrases.no}: {_points(change.balanced.difference)} points worse")
    if change.few_flips.shown or change.no_loss.shown:
        return Finding("yes", f"{phrases.yes}: no worse ({_changed(change)})")
    return _undecided(change, phrases)


def _keeps(change: Change, phrases: Phrases, lost: bool) -> Finding:
    """Read a question put another way: the judgement of an item should not change."""
    if change.few_flips.shown:
        return Finding("yes", f"{phrases.yes}: it judges alike {phrases.under} ({_changed(change)})")
    if _above(change.flips.difference, 0.0):
        return Finding("no", f"{phrases.no}: {_changed(change)} {phrases.under}")
    return _undecided(change, phrases)


def _turns(change: Change, phrases: Phrases, lost: bool) -> Finding:
    """Read the opposite question: who says the same words to it has turned its judgement."""
    if _above(change.flips.difference, 0.5):
        share = f"{_share(100 * (change.flips.difference.value or 0))} of its judgements turn"
        return Finding("no", f"does not read the question: {share}, or can no longer be read, {phrases.under}")
    return _keeps(change, phrases, lost)


def _undecided(change: Change, phrases: Phrases) -> Finding:
    if not change.flips.difference.value:
        start = "undecided" if phrases.read in (_stands, _keeps, _turns) else f"no sign that it {phrases.yes}"
        items = change.flips.difference.items
        words = f"no answer changes {phrases.under}, but {items} items are too few to show that none would"
        return Finding("undecided", f"{start}: {words}")
    return Finding("undecided", f"undecided whether it {phrases.yes}: {_changed(change)} {phrases.under}")


def _falls(estimate: Estimate) -> bool:
    return estimate.high is not None and estimate.high < 0


def _above(estimate: Estimate, bound: float) -> bool:
    return estimate.low is not None and estimate.low > bound


def _points(estimate: Estimate) -> str:
    return f"{100 * abs(estimate.value or 0):.0f}"


def _signed(estimate: Estimate) -> str:
    return f"{100 * (estimate.value or 0):+.0f}"


def _changed(change: Change) -> str:
    value = 100 * (change.flips.difference.value or 0)
    return "no answer changes" if value == 0 else f"{_share(value)} of its answers change"


def _share(percent: float) -> str:
    return "under 1 %" if percent < 1 else "over 99 %" if 99 < percent < 99.999 else f"{percent:.0f} %"


def _robust(what: str) -> Phrases:
    return Phrases(f"bears {what}", f"suffers from {what}", "with it", _stands)


PHRASES: Mapping[str, Phrases] = {
    "blank": Phrases("looks", "does not look", "without the picture", _loses),
    "class-only": Phrases("looks", "does not look", "with the class noun alone", _loses),
    "shuffle": Phrases("looks at the arrangement", "does not look at the arrangement", "with shuffled patches",
                       _loses),
    "swap": Phrases("tells query from reference", "does not tell query from reference",
                    "with query and reference swapped", _loses),
    "other-reference": Phrases("looks at the reference", "does not look at the reference",
                               "with a reference of another class", _reacts),
    "same-reference": Phrases("compares with the reference", "does not compare with the reference",
                              "with the query as its own reference", _loses),
    "random-marks": Phrases("looks at the marks", "does not look at the marks", "with marks at random places",
                            _reacts),
    "view": _robust("another view"),
    "blur": _robust("blur"),
    "darken": _robust("low light"),
    "occlude": _robust("a covered quarter"),
    "recolour": _robust("inverted colours"),
    "size": _robust("half the size"),
    "jpeg": _robust("strong JPEG compression"),
    "no-class": Phrases("reads the class noun", "does not read the class noun", "without the noun", _reacts),
    "other-class": Phrases("reads the class noun", "does not read the class noun", "with another class's noun",
                           _reacts),
    "other-standard": Phrases("reads the standard", "does not read the standard", "with another class's standard",
                              _reacts),
    "shuffled-standard": Phrases("reads the standard's sentences", "does not read the standard's sentences",
                                 "with its words in another order", _reacts),
    "shuffled-rules": Phrases("does not hang on the order of the rules", "hangs on the order of the rules",
                              "with the rules in another order", _keeps),
    "only-part": Phrases("reads which part is asked about", "does not read which part is asked about",
                         "when asked about a part without the defect alone", _loses),
    "confirm-defective": Phrases("holds its judgement", "is led", "when asked to confirm that it is defective",
                                 _keeps),
    "confirm-fine": Phrases("holds its judgement", "is led", "when asked to confirm that it is fine", _turns),
    "paraphrase": Phrases("does not hang on the wording", "hangs on the wording", "in other words", _keeps),
    "yes-or-no": Phrases("does not hang on the form of the answer", "hangs on the form of the answer",
                         "when asked to begin with yes or no", _keeps),
    "no-or-yes": Phrases("does not hang on the order of yes and no", "hangs on the order of yes and no",
                         "with no named before yes", _keeps),
    "swapped-options": Phrases("does not hang on the order of the options", "hangs on the order of the options",
                               "with the options in reverse order", _keeps),
}  # fmt: skip
"""How each probe is told."""
