"""What is checked of cells and references before anything is asked, and what a reader must know of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vlm_eval.data.option_questions import OPTION
from vlm_eval.flow import Sample
from vlm_eval.prompting.environment import Templates, open_templates
from vlm_eval.prompting.render import render_text
from vlm_eval.runs.reading_checks import lacks_readings, reading_notes, reading_problems

if TYPE_CHECKING:
    from vlm_eval.prompting.cells import Cell
    from vlm_eval.runs.plan import Plan

OPTION_LAYOUTS = ("choice", "vqa")
"""The layouts that put an item's own question, with its options."""


def grid_problems(plan: "Plan") -> Iterator[str]:
    """Yield what cannot be asked: readings that are not there, options that no layout shows, idle settings."""
    yield from reading_problems(plan)
    yield from _option_problems(plan)
    yield from _reference_problems(plan)


def grid_notes(plan: "Plan") -> list[str]:
    """List what a reader of the results must know about the data, references and scopes."""
    caveats = [f"{one.card.name}: {one.card.caveat}" for one in plan.datasets if one.card.caveat]
    return [
        *caveats,
        *reading_notes(plan),
        *_same_references(plan),
        *_nearest_notes(plan),
        *_defect_notes(plan),
        *_scope_notes(plan),
    ]


def _option_problems(plan: "Plan") -> Iterator[str]:
    layout = plan.experiment.layout
    if layout in OPTION_LAYOUTS or plan.layout.yes_means is None:
        return  # a layout of the user's own that asks no yes/no question puts its own one
    for dataset in plan.datasets:
        asked = [sample for sample in plan.samples if sample.card == dataset.card.name and _has_options(sample)]
        if asked:
            yield (
                f"{dataset.card.name}: {len(asked)} items bring a multiple-choice question of their own, such as "
                f"{asked[0].id}, but the layout {layout} asks whether there is a defect instead. Use the layout "
                f"{' or '.join(OPTION_LAYOUTS)} (--layout choice --scorer choice)."
            )


def _has_options(sample: Sample) -> bool:
    return any(name.startswith(OPTION) for name in sample.metadata)


def _reference_problems(plan: "Plan") -> Iterator[str]:
    """Say where a setting could choose nothing."""
    seeded = [cell for cell in plan.cells if cell.ingredients.reference_seed is not None]
    for card in sorted({sample.card for sample in plan.samples if sample.references}) if seeded else ():
        yield (
            f"{card}: its items bring references of their own, which no reference_seed chooses. Leave "
            "reference_seed out of the grid."
        )
    if seeded and plan.experiment.references == "nearest":
        yield (
            "references: nearest chooses by the query, so reference_seed chooses nothing. Leave reference_seed "
            "out of the grid, or take references: seed."
        )


def _same_references(plan: "Plan") -> list[str]:
    """Name the classes in which two reference seeds of the grid chose the same pictures."""
    shots = sorted({cell.ingredients.shots for cell in plan.cells if cell.ingredients.reference_seed is not None})
    chosen: dict[tuple[str, str], list[tuple[Path, ...]]] = {}
    for (card, name, _), paths in plan.references.items() if shots else ():
        chosen.setdefault((card, name), []).append(paths[: shots[-1]])
    same = [f"{card}: {name}" for (card, name), own in chosen.items() if len(set(map(frozenset, own))) < len(own)]
    if not same:
        return []
    return [
        f"Two reference seeds choose the same pictures ({'; '.join(same[:5])}{'; ...' if len(same) > 5 else ''}), "
        "so the effect of the seed is too small there. Give those classes more normal pictures, or choose other "
        "seeds."
    ]


def _nearest_notes(plan: "Plan") -> Iterator[str]:
    nearest = plan.nearest
    if not nearest.by_sample:
        return
    shown = {paths[0] for paths in nearest.by_sample.values() if paths}
    yield (
        f"References are the normal pictures nearest to each query, of {nearest.pool:,} by features of "
        f"EfficientNet-Lite0 ({len(shown):,} different ones stand first). What a reference is worth is then told "
        "for this choice alone: another network or another pool would choose others, and no interval holds that. "
        "baseline:patch-nn reads the same features."
    )
    if nearest.unread:
        yield (
            f"{len(nearest.unread)} normal pictures cannot be read and are never shown as a reference, the first "
            f"is {nearest.unread[0].name}."
        )


def _defect_notes(plan: "Plan") -> Iterator[str]:
    if not plan.defects:
        return
    shown = {path for paths in plan.defects.values() for path in paths}
    by_path = {path: sample for dataset in plan.datasets for sample in dataset.samples for path in sample.sources}
    kinds = sorted({by_path[path].gold.defect_type or "not named" for path in shown})
    same = sum(sample.gold.defect_type in kinds for sample in plan.samples if sample.gold.anomalous == "yes")
    anomalous = sum(sample.gold.anomalous == "yes" for sample in plan.samples)
    yield (
        f"{len(shown)} anomalous items are shown as examples of defects (of the kinds {', '.join(kinds[:5])}"
        f"{', ...' if len(kinds) > 5 else ''}). They and the other items of their clusters are evaluated in no "
        f"cell. {same} of the {anomalous} anomalous items left show a kind that an example showed; what the "
        "example is worth is told for these examples alone, so cross it with reference_seed."
    )


def _scope_notes(plan: "Plan") -> Iterator[str]:
    """Name cells in which one picture is asked about twice in the same words although the gold differs."""
    by_picture: dict[object, list[Sample]] = defaultdict(list)
    for sample in plan.samples:
        by_picture[sample.card, sample.sources, sample.recipe].append(sample)
    several = [group for group in by_picture.values() if len({one.gold.anomalous for one in group}) > 1]
    templates = open_templates(plan.prompts)
    for cell in plan.cells if several else ():
        clashing = [group for group in several if _clash(group, cell, plan, templates)]
        if clashing:
            yield (
                f"cell {cell.name}: {len(clashing)} pictures are asked about in several scopes with different "
                f"gold, such as {clashing[0][0].id}, but the cell's words are the same for them. One answer "
                "cannot be right for both there."
            )


def _clash(group: Sequence[Sample], cell: "Cell", plan: "Plan", templates: Templates) -> bool:
    asked: dict[object, set[str]] = defaultdict(set)
    for sample in group:
        if lacks_readings(sample, cell):
            continue
        text = render_text(sample, cell.ingredients, plan.experiment.layout, templates, may_equal=True)
        asked[text, plan.references_of(sample, cell)[: cell.ingredients.shots]].add(sample.gold.anomalous)
    return any({"yes", "no"} <= gold for gold in asked.values())
