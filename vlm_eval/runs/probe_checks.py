"""What is checked of probes before anything is asked, and what a reader of their table must know."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vlm_eval.errors import InputError
from vlm_eval.flow import Sample
from vlm_eval.prompting.environment import Templates
from vlm_eval.prompting.render import render_text
from vlm_eval.runs.probes import read_probes

if TYPE_CHECKING:
    from vlm_eval.runs.plan import Plan


def probe_problems(plan: "Plan", samples: Sequence[Sample], templates: Templates) -> Iterator[str]:
    """Yield which probes cannot be put into words for these samples, one of each class."""
    for probe in plan.probes:
        for sample in samples:
            if not plan.applies(sample, probe):
                continue
            try:
                render_text(sample, probe.ingredients, plan.experiment.layout, templates)
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
