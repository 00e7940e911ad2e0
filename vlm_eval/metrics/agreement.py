"""Agreement between two readings of the same items: two scorers, two people, a judge and a person."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

Label = Hashable


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two readings agree on the same items; a coefficient is None where `reason` says it is undefined."""

    items: int
    agreed: int
    observed: float | None  # share of items with the same label, in [0, 1]
    cohen_kappa: float | None
    gwet_ac1: float | None
    reason: str | None = None


def agreement(first: Sequence[Label], second: Sequence[Label], categories: Sequence[Label] = ()) -> Agreement:
    """Compare two label sequences item by item; None (no claim) is a category like any other.

    Cohen 1960 takes chance from each reader's own margins; it falls far when nearly all items have one label.
    Gwet 2008 (AC1) takes it from the mean margins p as the sum of p (1 - p) / (Q - 1) over Q labels, and does not.

    Args:
        first: the labels of one reading.
        second: the labels of the other, in the same order.
        categories: labels that were allowed though nobody used them; they count in AC1's Q.

    Raises:
        ValueError: the sequences differ in length.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} labels: give one label of each reading for each item")
    items = len(first)
    if not items:
        return Agreement(0, 0, None, None, None, "no items")
    agreed = sum(one == other for one, other in zip(first, second, strict=True))
    observed = agreed / items
    margins, others = Counter(first), Counter(second)
    known = {*margins, *others, *categories}
    if len(known) < 2:
        return Agreement(items, agreed, observed, None, None, "only one label is known, so chance agreement is 1")
    shares = [(margins[label] / items, others[label] / items) for label in known]
    by_margins = sum(one * other for one, other in shares)
    means = [(one + other) / 2 for one, other in shares]
    by_means = sum(mean * (1 - mean) for mean in means) / (len(known) - 1)
    return Agreement(items, agreed, observed, _beyond(observed, by_margins), _beyond(observed, by_means))


def _beyond(observed: float, chance: float) -> float | None:
    return None if chance >= 1 else (observed - chance) / (1 - chance)


def cohen_kappa(first: Sequence[Label], second: Sequence[Label]) -> float | None:
    """Return Cohen's kappa in [-1, 1] (Cohen 1960), or None where it is undefined. Raises ValueError."""
    return agreement(first, second).cohen_kappa


def gwet_ac1(first: Sequence[Label], second: Sequence[Label], categories: Sequence[Label] = ()) -> float | None:
    """Return Gwet's AC1 in [-1, 1] (Gwet 2008), or None where it is undefined. Raises ValueError."""
    return agreement(first, second, categories).gwet_ac1


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An item that two readings label differently."""

    key: Label  # what identifies the item
    first: Label
    second: Label


def pair_up(
    first: Mapping[Hashable, Label], second: Mapping[Hashable, Label]
) -> tuple[list[Hashable], list[Label], list[Label]]:
    """Return the items that both readings hold, in the first one's order, and their labels."""
    keys = [key for key in first if key in second]
    return keys, [first[key] for key in keys], [second[key] for key in keys]


def disagreements(first: Mapping[Hashable, Label], second: Mapping[Hashable, Label]) -> list[Disagreement]:
    """List the items to read: those that both readings hold and label differently.

    Contradictions (both made a claim) come before items on which one of them made none (None); within each, the
    rarer pair of labels comes first, then the first reading's order.
    """
    keys, ones, others = pair_up(first, second)
    found = [
        Disagreement(key, one, other) for key, one, other in zip(keys, ones, others, strict=True) if one != other
    ]
    counts = Counter((entry.first, entry.second) for entry in found)
    return sorted(
        found, key=lambda entry: (None in (entry.first, entry.second), counts[(entry.first, entry.second)])
    )
