"""Probes: control cells on the same items, which show whether a model looks at pictures and reads the prompt.

A probe changes one thing of one cell of the grid, its base. Its asks stand in a cell of their own, named
`BASE ~ PROBE`, which no table of the grid holds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Claim, Sample, Step
from vlm_eval.prompting.cells import Cell, Ingredients
from vlm_eval.views.open import count_views, override

MARK = " ~ "
"""Stands between the name of the base cell and that of the probe."""

Group = Literal["look", "read"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the prompt of one item is made of."""

    sample: Sample
    references: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Donor:
    """An item of another object class of the same data set, and its normal references."""

    sample: Sample
    references: tuple[Path, ...]


Change = Callable[[Shown, Sequence[Donor]], Shown | None]
"""Changes what is shown of an item, by the first donor that will do; None where the probe does not apply to it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One change of a cell."""

    group: Group
    change: Change
    turn: Callable[[Ingredients], Ingredients]  # what the prompt holds
    fits: Callable[[Ingredients], bool]  # which cells it can be put to


@dataclass(frozen=True, slots=True)
class ProbeCell(Cell):
    """A cell of a probe; its ingredients are those of its prompts."""

    base: Cell
    probe: str

    def show(self, sample: Sample, references: tuple[Path, ...], donors: Sequence[Donor]) -> Shown | None:
        """Return what is shown of an item in this cell, None where the probe does not apply to it."""
        return PROBES[self.probe].change(Shown(sample, references), donors)


def probe_name(cell: str) -> str | None:
    """Return the name of the probe whose cell this is, None of a cell of the grid."""
    base, mark, name = cell.rpartition(MARK)
    return name if mark and base else None


def base_name(cell: str) -> str:
    """Return the name of the cell that a probe's cell is compared with."""
    return cell.rpartition(MARK)[0]


def read_probes(names: Sequence[str]) -> tuple[str, ...]:
    """Read names of probes and of their groups (`look`, `read`). Raises ExperimentError."""
    found: dict[str, None] = {}
    for name in names:
        of_group = [probe for probe, one in PROBES.items() if one.group == name]
        if not of_group and name not in PROBES:
            raise ExperimentError(f"There is no probe {name!r}. Allowed: look, read, {', '.join(PROBES)}.")
        found |= dict.fromkeys(of_group or [name])
    return tuple(found)


def probe_cells(names: Sequence[str], cells: Sequence[Cell]) -> tuple[ProbeCell, ...]:
    """Put each probe to the cell that holds most of what it can be put to; those that fit no cell are left out."""
    found = []
    for name in names:
        probe = PROBES[name]
        fitting = [cell for cell in cells if probe.fits(cell.ingredients)]
        if fitting:
            base = max(fitting, key=_fullness)  # the first of those that hold as much
            found.append(ProbeCell(f"{base.name}{MARK}{name}", probe.turn(base.ingredients), base, name))
    return tuple(found)


def _fullness(cell: Cell) -> tuple[bool, int]:
    held = cell.ingredients
    return held.wording == 0, held.class_info + held.standard + (held.shots > 0) + held.marks


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


def _spoil(operation: str, **parameters: float | str) -> Change:
    step = Step(operation, tuple(sorted(parameters.items())))

    def change(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
        sample = shown.sample
        if not count_views(sample.recipe):
            return None  # a series as text
        own = sample.recipe if sample.reference_recipe is None else sample.reference_recipe
        recipe = override(sample.recipe, (step,))
        return replace(shown, sample=replace(sample, recipe=recipe, reference_recipe=own))

    return change


def _swap(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    sample = shown.sample
    if len(sample.sources) != 1 or not shown.references:
        return None
    own = sample.recipe if sample.reference_recipe is None else sample.reference_recipe
    turned = replace(
        sample, sources=shown.references[:1], recipe=own, reference_recipe=sample.recipe, references=sample.sources
    )
    return Shown(turned, sample.sources)


def _same(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    sample = shown.sample
    if len(sample.sources) != 1:
        return None
    return Shown(replace(sample, reference_recipe=sample.recipe), sample.sources)


def _other_reference(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    donor = next((one for one in donors if one.references), None)
    if donor is None:
        return None
    of = donor.sample
    own = of.recipe if of.reference_recipe is None else of.reference_recipe
    return Shown(replace(shown.sample, reference_recipe=own), donor.references)


def _other_class(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    other = next((one.sample for one in donors if one.sample.nouns != shown.sample.nouns), None)
    return None if other is None else replace(shown, sample=replace(shown.sample, nouns=other.nouns))


def _other_standard(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    known = (None, shown.sample.standard)
    other = next((one.sample for one in donors if one.sample.standard not in known), None)
    if other is None:
        return None
    told = replace(shown.sample, standard=other.standard, candidate_labels=other.candidate_labels)
    return replace(shown, sample=told)


def _keep(shown: Shown, donors: Sequence[Donor]) -> Shown:
    return shown


def _as_is(ingredients: Ingredients) -> Ingredients:
    return ingredients


def _says(wording: str | int) -> Callable[[Ingredients], Ingredients]:
    return lambda held: replace(held, wording=wording)


def _look(change: Change, fits: Callable[[Ingredients], bool] = lambda held: True) -> Probe:
    # A marked picture would show what the probe hides.
    return Probe("look", change, _as_is, lambda held: not held.marks and fits(held))


def _read(
    change: Change = _keep,
    turn: Callable[[Ingredients], Ingredients] = _as_is,
    fits: Callable[[Ingredients], bool] = lambda held: held.wording == 0,
) -> Probe:
    return Probe("read", change, turn, fits)


PROBES: Mapping[str, Probe] = {
    "blank": _look(_spoil("blank")),
    "class-only": Probe(
        "look",
        _spoil("blank"),
        lambda held: Ingredients(class_info=True, wording=held.wording),
        lambda held: held.class_info and not held.marks,
    ),
    "shuffle": _look(_spoil("shuffle")),
    "swap": _look(_swap, lambda held: held.shots == 1),
    "other-reference": _look(_other_reference, lambda held: held.shots > 0),
    "same-reference": _look(_same, lambda held: held.shots == 1),
    "blur": _look(_spoil("blur")),
    "darken": _look(_spoil("darken")),
    "occlude": _look(_spoil("occlude")),
    "recolour": _look(_spoil("recolour")),
    "size": _look(_spoil("scale", factor=0.5)),
    "jpeg": _look(_spoil("jpeg")),
    "no-class": _read(
        turn=lambda held: replace(held, class_info=False), fits=lambda held: held.class_info and held.wording == 0
    ),
    "other-class": _read(_other_class, fits=lambda held: held.class_info and held.wording == 0),
    "other-standard": _read(_other_standard, fits=lambda held: held.standard and held.wording == 0),
    "confirm-defective": _read(turn=_says("confirm-defective")),
    "confirm-fine": _read(turn=_says(FINE)),
    "paraphrase": _read(turn=_says(1)),
}
"""Every probe by its name; see docs/probes.md."""
