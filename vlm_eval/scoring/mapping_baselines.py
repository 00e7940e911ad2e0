"""What stands beside every mapping number: its ceiling, the best constant guess, the shuffled floor. Pure."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vlm_eval.scoring.mapping import MappedAnswer

UNMAPPED = "unmapped"
"""The column of a confusion matrix for answers that were mapped to no label."""


@dataclass(frozen=True, slots=True)
class MappingRates:
    """Rates in [0, 1] over all n answers; an unmapped answer counts as wrong."""

    n: int
    mapped: int
    truncated: int
    top_1: float
    top_3: float  # gold among the three most similar labels


def rate_mapping(mapped: Sequence[MappedAnswer], gold: Sequence[str]) -> MappingRates:
    """Compare mappings with the gold labels. Raises ValueError where the lengths differ or there is none."""
    hits = [_hits(each, name) for each, name in zip(mapped, gold, strict=True)]
    n = _count(gold)
    return MappingRates(
        n,
        sum(each.label is not None for each in mapped),
        sum(each.truncated for each in mapped),
        sum(first for first, _ in hits) / n,
        sum(third for _, third in hits) / n,
    )


def mapping_ceiling(
    gold: Sequence[str], map_names: Callable[[Sequence[str]], Sequence[MappedAnswer]]
) -> MappingRates:
    """Give the gold names themselves as answers: what a model that is always right would get.

    Equal names are mapped once. `map_names` maps with the options of the number that the ceiling stands beside.
    """
    names = list(dict.fromkeys(gold))
    by_name = dict(zip(names, map_names(names), strict=True))
    return rate_mapping([by_name[name] for name in gold], gold)


def best_constant_guess(gold: Sequence[str]) -> tuple[str, float]:
    """Return the commonest gold label and its share in [0, 1]: the most that one answer for all can get."""
    label, count = Counter(gold).most_common(1)[0] if gold else ("", _count(gold))
    return label, count / len(gold)


def constant_guess_top_3(gold: Sequence[str]) -> float:
    """Return the share of the three commonest gold labels, the constant guess that belongs to top-3."""
    return sum(count for _, count in Counter(gold).most_common(3)) / _count(gold)


def shuffled_floor(mapped: Sequence[MappedAnswer], gold: Sequence[str]) -> tuple[float, float]:
    """Return the expected top-1 and top-3 rates in [0, 1] if the answers were dealt out to the items at random.

    Exact over all permutations, so without a seed: an answer stands beside each item with probability 1/n, and the
    sum over labels of (answers that hold it) x (items whose gold it is) / n^2 is the expected rate.
    """
    n = _count(gold)
    if len(mapped) != n:
        raise ValueError(f"{len(mapped)} answers but {n} gold labels")
    items = Counter(gold)
    first = sum(items[each.label] for each in mapped if each.label is not None)
    third = sum(items[label] for each in mapped if each.label is not None for label, _ in each.top[:3])
    return first / n**2, third / n**2


def confusion_columns(mapped: Sequence[MappedAnswer]) -> list[str]:
    """Return the label of each answer, or "unmapped", as columns for `vlm_eval.metrics.confusion.tabulate`."""
    return [each.label if each.label is not None else UNMAPPED for each in mapped]


def _hits(mapped: MappedAnswer, gold: str) -> tuple[bool, bool]:
    if mapped.label is None:
        return False, False
    return mapped.label == gold, gold in [label for label, _ in mapped.top[:3]]


def _count(gold: Sequence[str]) -> int:
    if not gold:
        raise ValueError("there is no gold label to compare with")
    return len(gold)
