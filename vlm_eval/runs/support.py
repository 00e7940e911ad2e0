"""The normal pictures that a baseline compares with, and what it is shown of them.

The backend gets them as references of the prompt, so it learns no data set and no split, and the key of a request
holds them all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vlm_eval.backends.registry import capabilities
from vlm_eval.data.selection import References, choose_references
from vlm_eval.errors import CardError, PromptError
from vlm_eval.flow import BackendSpec, Prompt, Recipe, Sample, Turn, View
from vlm_eval.prompting.cells import Cell
from vlm_eval.prompting.environment import Templates
from vlm_eval.prompting.render import render_pair
from vlm_eval.views.open import count_views, open_views

Support = int | Literal["train"]


def choose_support(samples: Sequence[Sample], support: Support | None, seed: int) -> References:
    """Choose the support set of each object class by the seed of the references, which are the first of it.

    Args:
        samples: all of a data set.
        support: how many normal pictures a class, or "train": all normal ones of the training split.
        seed: of the references.

    Raises:
        CardError: a class has too few normal pictures, or no training split.
    """
    evaluated = [sample for sample in samples if sample.split == "test"]
    if support is None or any(sample.references for sample in evaluated):
        return References({})  # items with references of their own are compared with those
    if support != "train":
        return choose_references(samples, support, seed)
    by_class: dict[str, tuple[Path, ...]] = {}
    withdrawn: set[str] = set()
    for name in sorted({sample.object_class for sample in evaluated}):
        own = [sample for sample in samples if sample.object_class == name]
        count = sum(sample.split == "train" and sample.gold.anomalous == "no" for sample in own)
        if not count:
            raise CardError(
                f"{own[0].card}: class {name!r} has no normal pictures in a training split. Give support a "
                "number, such as 20: those are withdrawn from the evaluated items."
            )
        chosen = choose_references(own, count, seed)
        by_class |= chosen.by_class
        withdrawn |= chosen.withdrawn
    return References(by_class, frozenset(withdrawn))


@dataclass(frozen=True)
class SupportSets:
    """The support sets of a run, by (card, object class); none where it asks for none."""

    by_class: Mapping[tuple[str, str], tuple[Path, ...]] = field(default_factory=dict)
    _views: dict[tuple[tuple[Path, ...], Recipe], tuple[View, ...]] = field(default_factory=dict, repr=False)

    def pictures(self, sample: Sample, references: Sequence[Path]) -> tuple[Path, ...]:
        """Return the sample's own references, or its class's support set, or else the references of the cell."""
        return sample.references or self.by_class.get((sample.card, sample.object_class), tuple(references))

    def prompt(self, sample: Sample, normal: tuple[Path, ...]) -> Prompt:
        """Return a prompt without words: the pictures of the sample, then the normal ones.

        Cells that differ in words alone thus share one request.
        """
        own = sample.recipe if sample.reference_recipe is None else sample.reference_recipe
        if (normal, own) not in self._views:
            self._views[normal, own] = tuple(
                view for path in normal for view in open_views(path, "reference", own)
            )
        queries = [view for path in sample.sources for view in open_views(path, "query", sample.recipe)]
        return Prompt((Turn("user", (*queries, *self._views[normal, own])),))


def baseline_prompt(
    spec: BackendSpec,
    sample: Sample,
    cell: Cell,
    normal: tuple[Path, ...],
    sets: SupportSets,
    templates: Templates,
) -> Prompt:
    """Return what a baseline is shown: its support set, a pair of texts, or the picture alone, as it needs."""
    able = capabilities(spec)
    prompt = sets.prompt(sample, normal if able.least_support else ())
    if able.pair is None:
        return prompt
    pair = "\n".join(render_pair(sample, able.pair or cell.ingredients.wording, templates))
    return Prompt((Turn("user", (*prompt.turns[0].parts, pair)),))


def comparison_problems(
    specs: Sequence[BackendSpec],
    cells: Sequence[Cell],
    samples: Sequence[Sample],
    normal_pictures: Callable[[Sample, Cell], tuple[Path, ...]],
) -> Iterator[str]:
    """Say where a baseline would have no picture to look at or to compare with."""
    baselines = [spec for spec in specs if capabilities(spec).support]
    kinds = {(sample.card, sample.object_class): sample for sample in samples} if baselines else {}
    text = sorted({sample.card for sample in kinds.values() if not count_views(sample.recipe)})
    for spec in baselines:
        for card in text:
            yield f"{spec.name} looks at pictures, but the items of {card} are shown as text. Leave it out there."
        needed = capabilities(spec).least_support
        lacks = "no normal picture" if needed == 1 else f"fewer than the {needed} normal pictures it needs"
        for (card, cell), classes in _short_of(needed, kinds.values(), cells, normal_pictures).items():
            named = f"{', '.join(classes[:5])}{' ...' if len(classes) > 5 else ''}"
            yield (
                f"{spec.name} has {lacks} to compare {named} of {card} with in the cell {cell}. Set "
                "`support: train` or a number of pictures a class (--support), or leave out the cells without a "
                "reference."
            )


def _short_of(
    needed: int,
    samples: Iterable[Sample],
    cells: Sequence[Cell],
    normal_pictures: Callable[[Sample, Cell], tuple[Path, ...]],
) -> Mapping[tuple[str, str], list[str]]:
    """Return the classes with too few normal pictures, by card and the first cell where that is so."""
    found: dict[tuple[str, str], list[str]] = {}
    for sample in samples:
        without = [cell.name for cell in cells if len(normal_pictures(sample, cell)) < needed]
        if without:
            found.setdefault((sample.card, without[0]), []).append(sample.object_class)
    return found


def pair_problems(
    specs: Sequence[BackendSpec], cells: Sequence[Cell], samples: Sequence[Sample], templates: Templates
) -> Iterator[str]:
    """Say where no pair of texts can be rendered for a baseline that reads one."""
    for spec in specs:
        template = capabilities(spec).pair
        for wording in () if template is None else {template or cell.ingredients.wording for cell in cells}:
            for sample in {(sample.card, sample.object_class): sample for sample in samples}.values():
                try:
                    render_pair(sample, wording, templates)
                except PromptError as error:
                    yield f"{spec.name}: {error}"
