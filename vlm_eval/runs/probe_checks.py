"""What is checked of probes before anything is asked, and what a reader of their table must know."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vlm_eval.errors import InputError
from vlm_eval.flow import Sample
from vlm_eval.prompting.environment import Templates
from vlm_eval.prompting.render import render_text
from vlm_eval.runs.probe_changes import Shown
from vlm_eval.runs.probes import ProbeCell, read_probes

if TYPE_CHECKING:
    from vlm_eval.runs.plan import Plan


def changes_prompt(base: Shown, shown: Shown, probe: ProbeCell, layout: str, templates: Templates) -> bool:
    """Say whether a probe changes the prompt of an item: its pictures or its words.

    Args:
        base: what the cell shows of it.
        shown: what the probe shows of it.
        probe: the probe's cell.
        layout: of the run.
        templates: of the run.
    """
    if _pictures(base) != _pictures(shown):
        return True
    before, after = (
        render_text(one.sample, cell.ingredients, layout, templates, may_equal=True)
        for one, cell in ((base, probe.base), (shown, probe))
    )
    return before != after


def _pictures(shown: Shown) -> tuple[object, ...]:
    sample = shown.sample
    own = sample.recipe if sample.reference_recipe is None else sample.reference_recipe
    return sample.sources, sample.recipe, own, shown.references, sample.marking, sample.marked


def probe_problems(plan: "Plan", samples: Sequence[Sample], templates: Templates) -> Iterator[str]:
    """Yield which probes cannot be put into words for these samples, one of each class."""
    for probe in plan.probes:
        for sample in samples:
            shown = plan.shown(sample, probe)
            try:
                if shown is None or not plan.applies(sample, probe):
                    continue
                render_text(shown.sample, probe.ingredients, plan.experiment.layout, templates)
            except InputError as error:
                yield f"probe {probe.name}: {error}"


def find_unprobed(plan: "Plan") -> list[str]:
    """Say which probes were asked for but are put to no item, and what makes flips doubtful."""
    wanted = read_probes(plan.experiment.probes)
    asked = {probe.probe for probe in plan.probes if any(plan.applies(sample, probe) for sample in plan.samples)}
    notes = []
    if left := [name for name in wanted if name not in asked]:
        notes.append(
            f"Probes that no cell or item of this run has what they need for: {', '.join(left)} (see "
            "docs/probes.md)."
        )
    if wanted and (plan.experiment.generation.temperature or 0) > 0:
        notes.append("Answers are drawn at a temperature above 0: part of the flips under the probes is chance.")
    return notes
