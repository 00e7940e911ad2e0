"""Items whose views are asked about one by one: what is asked, and what can be asked so."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Question, Sample
from vlm_eval.runs.probe_changes import Shown
from vlm_eval.runs.store import Store
from vlm_eval.scoring.mapping_names import is_mapping_name
from vlm_eval.views.one_view import count_query_views, one_view
from vlm_eval.views.open import count_views

if TYPE_CHECKING:
    from vlm_eval.runs.plan import Plan

JOINT = "joint"
RULES = ("any", "max", "mean", "majority")
"""By which answers about single views are joined; see vlm_eval.runs.joined."""


def views_asked(shown: Shown | None) -> Sequence[int | None]:
    """Return the numbers of the views of what is shown one by one; a None alone where all are shown at once."""
    return (None,) if shown is None else range(count_query_views(shown.sample))


def seen_alone(sample: Sample, view: int | None) -> Sample:
    """Return the item as it is shown by one of its views; as it is where all are shown."""
    return sample if view is None else one_view(sample, view)


def views_shown(join: str, sample: Sample) -> int:
    """Return how many pictures one source of an item gives in one prompt, those of its own references alike."""
    if join == JOINT or not count_views(sample.recipe):
        return count_views(sample.recipe)
    alone = one_view(sample, 0)
    return max(1, count_views(alone.recipe if alone.reference_recipe is None else alone.reference_recipe))


def join_problems(plan: "Plan") -> list[str]:
    """Say where marks would be numbered in several views: they are chosen, and gold, on the first view alone.

    Frames of a video may be shown with marks in one prompt, for its gold tells no place.
    """
    if not any(cell.ingredients.marks for cell in plan.cells):
        return []
    alone = plan.experiment.join != JOINT
    cards = {
        sample.card: None
        for sample in plan.samples
        if count_query_views(sample) > 1 and (alone or (sample.marking and sample.modality != "video"))
    }
    return [
        f"{card}: its items have several views, and marks belong to one picture. Leave the marks out, or show one "
        "picture (no tiles, windows 1, or layout: sheet)."
        for card in cards
    ]


def join_notes(plan: "Plan") -> list[str]:
    """Say how views are joined, or that there is nothing to join."""
    rule = plan.experiment.join
    if rule == JOINT:
        return []
    if all(count_query_views(sample) == 1 for sample in plan.samples):
        return [f"join: {rule} changes nothing, as every item is one picture. Steps such as `tile` give several."]
    return []  # a report says it, as it may join them by another rule


def joined_note(rule: str) -> str:
    """Say how the views of an item are joined."""
    return f"Each view of an item was asked about on its own; an item's answers are joined by the rule {rule!r}."


def rule_of(store: Store, wanted: str | None = None) -> str | None:
    """Return the rule by which the views of a run's items are joined; None where each item was asked at once.

    Args:
        store: of the run.
        wanted: another rule than the run's own.

    Raises:
        ExperimentError: there is no such rule, or nothing that it could join.
    """
    if wanted is not None and wanted not in RULES:
        raise ExperimentError(f"There is no rule {wanted!r} to join views by. Allowed: {', '.join(RULES)}.")
    own = (store.get_meta("experiment") or {}).get("join", JOINT)
    if own == JOINT and wanted is not None and not has_views(store):
        raise ExperimentError(
            f"{store.folder} asked about all views of an item in one prompt, so there is nothing to join by "
            f"{wanted!r}. Ask again with --join {wanted} into another run folder."
        )
    return wanted or (None if own == JOINT else str(own))


def has_views(store: Store) -> bool:
    """Say whether a run asked about several views of an item one by one."""
    return store.connection.execute("SELECT 1 FROM ask WHERE view > 0 LIMIT 1").fetchone() is not None


def has_names_read(store: Store) -> bool:
    """Say whether answers of a run were read as choices or mapped to names, each on its own."""
    scorers = store.connection.execute("SELECT DISTINCT scorer FROM judgement")
    return any(name == "choice" or is_mapping_name(name) for (name,) in scorers)


def gold_in_view(sample: Sample, question: Question, *, region: bool) -> Sample:
    """Return an item with what is known of the view that is asked about; as it is where all views are shown.

    Whether the anomaly is seen in that view is not known, and its place only in the first view.

    Args:
        sample: the item.
        question: about it.
        region: whether its gold mask is the region in the first view, which the run keeps.
    """
    if question.view is None or count_query_views(sample) == 1:
        return sample
    first = sample.gold.masks if region and question.view == 0 else ()
    low, high = question.span or (float("-inf"), float("inf"))
    times = tuple(
        (max(start, low), min(end, high)) for start, end in sample.gold.intervals if start < high and end >= low
    )
    return replace(sample, gold=replace(sample.gold, masks=first, boxes=(), place=None, intervals=times))


def refuse_views(store: Store, work: str) -> None:
    """Raise ExperimentError where answers of a run are about single views, which `work` would mix up."""
    if has_views(store):
        raise ExperimentError(
            f"{store.folder} asked about the views of an item one by one, and what is true of the item need not "
            f"be true of each view, so {work}. Ask jointly (join: joint) for that."
        )
