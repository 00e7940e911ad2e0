"""What is checked of the readings that a grid tells of items, and what a reader must know of them."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vlm_eval.flow import Sample
from vlm_eval.prompting.cells import Cell

if TYPE_CHECKING:
    from vlm_eval.runs.plan import Plan


def lacks_readings(sample: Sample, cell: Cell) -> bool:
    """Say whether a cell tells readings that an item has not."""
    return cell.ingredients.auxiliary and not sample.auxiliary


def reading_problems(plan: "Plan") -> Iterator[str]:
    """Yield which items have no readings to tell."""
    telling = [cell for cell in plan.cells if cell.ingredients.auxiliary]
    for own in _by_card(plan) if telling else ():
        bare = [sample for sample in own if lacks_readings(sample, telling[0])]
        if bare:
            yield (
                f"cell {telling[0].name}: {len(bare)} of {len(own)} items of {own[0].card} have no readings to "
                f"tell, the first is {bare[0].id}. Name fields of their metadata in the card "
                "(auxiliary: {field: what it is}), fill them, or leave auxiliary out of the grid."
            )


def reading_notes(plan: "Plan") -> Iterator[str]:
    """Yield where readings name the class although its ingredient is off, and which ones give the answer away."""
    telling = [cell for cell in plan.cells if cell.ingredients.auxiliary]
    naming = sorted({sample.object_class for sample in plan.samples if _names_class(sample)}) if telling else []
    for cell in telling:
        if naming and not cell.ingredients.class_info:
            yield (
                f"cell {cell.name}: the readings name the class ({', '.join(naming[:5])}), so the effect of the "
                "class ingredient is contaminated there."
            )
    for own in _by_card(plan) if telling else ():
        for name in _giveaways(own):
            yield (
                f"{own[0].card}: the reading {name!r} alone tells normal from anomalous items. If it is not known "
                "before an inspection, leave it out: it gives the answer away."
            )


def _by_card(plan: "Plan") -> list[list[Sample]]:
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in plan.samples:
        found[sample.card].append(sample)
    return list(found.values())


def _names_class(sample: Sample) -> bool:
    words = " ".join((*sample.auxiliary, *sample.auxiliary.values())).lower()
    return any(noun.lower() in words for noun in sample.nouns.values() if noun)


def _giveaways(samples: Sequence[Sample]) -> Iterator[str]:
    """Yield the readings each of whose values goes with one gold verdict, where most values occur again."""
    labelled = [sample for sample in samples if sample.gold.anomalous in ("yes", "no")]
    for name in dict.fromkeys(name for sample in labelled for name in sample.auxiliary):
        pairs = Counter((one.auxiliary[name], one.gold.anomalous) for one in labelled if name in one.auxiliary)
        values = {value for value, _ in pairs}
        both = len({gold for _, gold in pairs}) == 2
        if both and len(pairs) == len(values) and 2 * len(values) <= sum(pairs.values()):
            yield name
