"""Probes: control cells on the same items, which show whether a model looks at pictures and reads the prompt.

A probe changes one thing of one cell of the grid, its base. Its asks stand in a cell of their own, named
`BASE ~ PROBE`, which no table of the grid holds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Claim, Sample
from vlm_eval.prompting.cells import Cell, Ingredients
from vlm_eval.prompting.layouts import Layout
from vlm_eval.runs import probe_changes as changes
from vlm_eval.runs.probe_changes import Change, Donor, Shown, spoil
from vlm_eval.runs.probe_parts import knows_places

MARK = " ~ "
"""Stands between the name of the base cell and that of the probe."""

Group = Literal["look", "read"]


@dataclass(frozen=True, slots=True)
class Probe:
    """One change of a cell."""

    group: Group
    change: Change
    turn: Callable[[Ingredients], Ingredients]  # what the prompt holds
    fits: Callable[[Ingredients], bool]  # which cells it can be put to
    after: str = ""  # the probe whose cell is its base
    layouts: Callable[[Layout], bool] = lambda layout: True  # which layouts it can be put in
    items: Callable[[Sequence[Sample]], bool] = lambda samples: True  # what some item must have


@dataclass(frozen=True, slots=True)
class ProbeCell(Cell):
    """A cell of a probe; its ingredients are those of its prompts."""

    base: Cell
    probe: str

    def show(self, shown: Shown, donors: Sequence[Donor]) -> Shown | None:
        """Return what is shown of an item in this cell, None where the probe does not apply to it."""
        return PROBES[self.probe].change(shown, donors)


def probe_name(cell: str) -> str | None:
    """Return the name of the probe whose cell this is, None of a cell of the grid."""
    base, mark, name = cell.rpartition(MARK)
    return name if mark and base else None


def base_name(cell: str) -> str:
    """Return the name of the cell that a probe's cell is compared with."""
    return cell.rpartition(MARK)[0]


def read_probes(names: Sequence[str]) -> tuple[str, ...]:
    """Read names of probes and of their groups (`look`, `read`), each behind that which is its base.

    Raises:
        ExperimentError: there is no such probe.
    """
    found: dict[str, None] = {}
    for name in names:
        of_group = [probe for probe, one in PROBES.items() if one.group == name]
        if not of_group and name not in PROBES:
            raise ExperimentError(f"There is no probe {name!r}. Allowed: look, read, {', '.join(PROBES)}.")
        for probe in of_group or [name]:
            found |= dict.fromkeys([PROBES[probe].after, probe] if PROBES[probe].after else [probe])
    return tuple(found)


def probe_cells(
    names: Sequence[str], cells: Sequence[Cell], layout: Layout, samples: Sequence[Sample]
) -> tuple[ProbeCell, ...]:
    """Put each probe to the cell that holds most of what it can be put to; those that fit no cell are left out."""
    found: dict[str, ProbeCell] = {}
    for name in names:
        probe = PROBES[name]
        candidates = [found[probe.after]] if probe.after in found else () if probe.after else cells
        fitting = [cell for cell in candidates if probe.after or probe.fits(cell.ingredients)]
        if fitting and probe.layouts(layout) and probe.items(samples):
            base = max(fitting, key=_fullness)  # the first of those that hold as much
            found[name] = ProbeCell(f"{base.name}{MARK}{name}", probe.turn(base.ingredients), base, name)
    return tuple(found.values())


def _fullness(cell: Cell) -> tuple[bool, int]:
    held = cell.ingredients
    return held.wording == 0, sum((held.class_info, held.standard, held.shots > 0, held.marks, held.auxiliary))


def donor_classes(samples: Sequence[Sample]) -> Mapping[tuple[str, str], tuple[Sample, ...]]:
    """Return for each (card, object class) an item of every other class of that card, from the next one on."""
    first: dict[str, dict[str, Sample]] = {}
    for sample in samples:
        first.setdefault(sample.card, {}).setdefault(sample.object_class, sample)
    donors = {}
    for card, by_class in first.items():
        names = sorted(by_class)
        for place, name in enumerate(names):
            donors[card, name] = tuple(by_class[other] for other in names[place + 1 :] + names[:place])
    return donors


def probe_means(ingredients: Ingredients, means: Claim | None) -> Claim | None:
    """Return what a plain yes claims in a cell: the other claim where its wording asks for the opposite."""
    if ingredients.wording != FINE or means is None:
        return means
    return "normal" if means == "anomalous" else "anomalous"


FINE = "confirm-fine"
"""The wording that asks to confirm that an item is fine: its yes claims normality."""


def _as_is(ingredients: Ingredients) -> Ingredients:
    return ingredients


def _says(wording: str | int) -> Callable[[Ingredients], Ingredients]:
    return lambda held: replace(held, wording=wording)


def _look(change: Change, fits: Callable[[Ingredients], bool] = lambda held: True) -> Probe:
    # A marked picture would show what the probe hides.
    return Probe("look", change, _as_is, lambda held: not held.marks and fits(held))


def _read(
    change: Change = changes.keep,
    turn: Callable[[Ingredients], Ingredients] = _as_is,
    fits: Callable[[Ingredients], bool] = lambda held: held.wording == 0,
) -> Probe:
    return Probe("read", change, turn, fits)


def _asks_yes_or_no(layout: Layout) -> bool:
    return layout.yes_means is not None and not layout.reply_fields


def _with_class(held: Ingredients) -> bool:
    return held.class_info and held.wording == 0


def _with_normal(held: Ingredients) -> bool:
    return held.shots > 0 and held.reference_kind == "normal"


def _with_one_normal(held: Ingredients) -> bool:
    return held.shots == 1 and held.reference_kind == "normal"


def _with_standard(held: Ingredients) -> bool:
    return held.standard and held.wording == 0


PROBES: Mapping[str, Probe] = {
    "blank": _look(spoil("blank")),
    "class-only": Probe(
        "look",
        spoil("blank"),
        lambda held: Ingredients(class_info=True, wording=held.wording),
        lambda held: held.class_info and not held.marks,
    ),
    "shuffle": _look(spoil("shuffle")),
    "swap": _look(changes.swap, _with_one_normal),
    "other-reference": _look(changes.other_reference, _with_normal),
    "same-reference": _look(changes.same_reference, _with_one_normal),
    "random-marks": Probe("look", changes.random_marks, _as_is, lambda held: held.marks),
    "view": _look(changes.other_view),
    "blur": _look(spoil("blur")),
    "darken": _look(spoil("darken")),
    "occlude": _look(spoil("occlude")),
    "recolour": _look(spoil("recolour")),
    "size": _look(spoil("scale", factor=0.5)),
    "jpeg": _look(spoil("jpeg")),
    "no-class": _read(turn=lambda held: replace(held, class_info=False), fits=_with_class),
    "other-class": _read(changes.other_class, fits=_with_class),
    "other-standard": _read(changes.other_standard, fits=_with_standard),
    "shuffled-standard": _read(changes.shuffled_words, fits=_with_standard),
    "shuffled-rules": _read(changes.shuffled_rules, fits=_with_standard),
    "only-part": replace(_read(changes.only_part, _says("only-part")), items=knows_places),
    "confirm-defective": _read(turn=_says("confirm-defective")),
    "confirm-fine": _read(turn=_says(FINE)),
    "paraphrase": _read(turn=_says(1)),
    "yes-or-no": replace(_read(turn=_says("yes-or-no")), layouts=_asks_yes_or_no),
    "no-or-yes": replace(_read(turn=_says("no-or-yes")), layouts=_asks_yes_or_no, after="yes-or-no"),
    "swapped-options": _read(changes.swapped_options),
}
"""Every probe by its name; see docs/probes.md."""
