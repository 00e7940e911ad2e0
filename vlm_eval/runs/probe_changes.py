"""What probes change of what is shown of an item: its pictures, its references and the words about it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from vlm_eval.data.option_questions import OPTION
from vlm_eval.flow import Sample, Standard, Step
from vlm_eval.runs.probe_parts import free_part
from vlm_eval.runs.probe_views import another_view
from vlm_eval.views.open import count_views, override
from vlm_eval.views.settings import Marks, read_settings, to_step


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


def spoil(operation: str, **parameters: float | str) -> Change:
    """Return the change that adds a step to the query's recipe; references stay as they are."""
    step = Step(operation, tuple(sorted(parameters.items())))

    def change(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
        sample = shown.sample
        if not count_views(sample.recipe):
            return None  # a series as text
        own = sample.recipe if sample.reference_recipe is None else sample.reference_recipe
        recipe = override(sample.recipe, (step,))
        return replace(shown, sample=replace(sample, recipe=recipe, reference_recipe=own))

    return change


def keep(shown: Shown, donors: Sequence[Donor]) -> Shown:
    """Change nothing of the item: the probe lies in what the prompt holds."""
    return shown


def swap(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    """Let query and reference change places."""
    sample = shown.sample
    if len(sample.sources) != 1 or not shown.references:
        return None
    own = sample.recipe if sample.reference_recipe is None else sample.reference_recipe
    turned = replace(
        sample, sources=shown.references[:1], recipe=own, reference_recipe=sample.recipe, references=sample.sources
    )
    return Shown(turned, sample.sources)


def same_reference(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    """Show the query as its own reference."""
    sample = shown.sample
    if len(sample.sources) != 1:
        return None
    return Shown(replace(sample, reference_recipe=sample.recipe), sample.sources)


def other_reference(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    """Show references of another class."""
    donor = next((one for one in donors if one.references), None)
    if donor is None:
        return None
    of = donor.sample
    own = of.recipe if of.reference_recipe is None else of.reference_recipe
    return Shown(replace(shown.sample, reference_recipe=own), donor.references)


def random_marks(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    """Put as many numbered marks at random places, in the style of those that are shown."""
    sample = shown.sample
    if not (sample.marking or sample.marked):
        return None
    own = read_settings(sample.marking[0], Marks) if sample.marking else Marks()
    known = sample.metadata.get("marks")
    count = known if isinstance(known, int) and not isinstance(known, bool) else own.count
    random_ones = Marks("random", own.style, min(500, max(1, count)), seed=own.seed, font=own.font)
    return replace(shown, sample=replace(sample, marked=None, marking=(to_step(random_ones),)))


def other_view(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    """Show query and references from another side, where their recipe has one."""
    sample = shown.sample
    recipe = another_view(sample.recipe)
    if recipe is None:
        return None
    own = sample.reference_recipe
    other = None if own is None else another_view(own) or own
    return replace(shown, sample=replace(sample, recipe=recipe, reference_recipe=other))


def other_class(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    """Call the item by the noun of another class."""
    other = next((one.sample for one in donors if one.sample.nouns != shown.sample.nouns), None)
    return None if other is None else replace(shown, sample=replace(shown.sample, nouns=other.nouns))


def other_standard(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    """Tell the normal standard of another class."""
    known = (None, shown.sample.standard)
    other = next((one.sample for one in donors if one.sample.standard not in known), None)
    if other is None:
        return None
    told = replace(shown.sample, standard=other.standard, candidate_labels=other.candidate_labels)
    return replace(shown, sample=told)


def shuffled_words(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    """Tell the standard with the words of each phrase in another order."""
    standard = shown.sample.standard
    if standard is None:
        return None
    told = Standard(
        normal=None if standard.normal is None else _jumbled(standard.normal),
        abnormal=None if standard.abnormal is None else _jumbled(standard.abnormal),
        rules=tuple(_jumbled(rule) for rule in standard.rules),
        source=standard.source,
    )
    return None if told == standard else replace(shown, sample=replace(shown.sample, standard=told))


def shuffled_rules(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    """Tell the rules of the standard in another order."""
    standard = shown.sample.standard
    if standard is None or len(standard.rules) < 2:
        return None
    told = replace(standard, rules=tuple(_reordered(standard.rules)))
    return replace(shown, sample=replace(shown.sample, standard=told))


def swapped_options(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    """List the options of the item's own question in reverse order, under the same letters."""
    sample = shown.sample
    options = _options(sample)
    lines = (sample.question or "").split("\n")
    listed = {f"{name.removeprefix(OPTION)}. {text}": name for name, text in options.items()}
    if len(options) < 2 or not listed.keys() <= set(lines):
        return None
    turned = dict(zip(options, reversed(options.values()), strict=True))
    said = [f"{listed[line].removeprefix(OPTION)}. {turned[listed[line]]}" if line in listed else line
            for line in lines]  # fmt: skip
    told = replace(sample, question="\n".join(said), metadata={**sample.metadata, **turned})
    return replace(shown, sample=told)


def other_options(sample: Sample, shown: Sample) -> dict[str, str]:
    """Return the options by their letters where a probe shows others than the item's own, else nothing."""
    asked = _options(shown)
    if asked == _options(sample):
        return {}
    return {name.removeprefix(OPTION): text for name, text in asked.items()}


def _options(sample: Sample) -> dict[str, str]:
    return {name: str(text) for name, text in sample.metadata.items() if name.startswith(OPTION)}


def only_part(shown: Shown, donors: Sequence[Donor]) -> Shown | None:
    """Name one ninth of the picture in which no defect lies; templates find it as `nouns.part`."""
    part = free_part(shown.sample)
    nouns = {**shown.sample.nouns, "part": part or ""}
    return None if part is None else replace(shown, sample=replace(shown.sample, nouns=nouns))


def _jumbled(phrase: str) -> str:
    return " ".join(_reordered(phrase.split()))


def _reordered(parts: Sequence[str]) -> list[str]:
    """Put parts into another order, which hangs on them alone; equal parts stay as they are."""
    order = list(parts)
    random.Random(sha256("\n".join(parts).encode()).digest()).shuffle(order)
    return order if order != list(parts) else [*parts[1:], *parts[:1]]
