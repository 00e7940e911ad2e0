"""Whether the later rounds of an experiment can be asked, before anything is spent."""

from collections.abc import Iterator, Sequence

from vlm_eval.backends.registry import capabilities
from vlm_eval.errors import InputError
from vlm_eval.flow import BackendSpec, Sample
from vlm_eval.prompting.cells import Cell
from vlm_eval.prompting.environment import Templates
from vlm_eval.prompting.render import render_round
from vlm_eval.prompting.rounds import AFTER_ANSWER, find_round
from vlm_eval.runs.experiment import Experiment
from vlm_eval.runs.feedback import Feedback


def round_problems(
    experiment: Experiment,
    specs: Sequence[BackendSpec],
    cells: Sequence[Cell],
    samples: Sequence[Sample],
    templates: Templates,
    feedback: Feedback,
) -> Iterator[str]:
    """Yield what is wrong: models without conversations or log-probabilities, rounds that cannot be rendered."""
    scored = experiment.yes_no == AFTER_ANSWER
    if not experiment.rounds and not scored:
        return
    for spec in specs:
        able = capabilities(spec)
        if not able.conversation:
            yield (
                f"{spec.name} takes one turn, but rounds and `yes_no: after-answer` need a conversation. Leave "
                "them out for this model, or choose another model."
            )
        if scored and not able.yes_no:
            yield (
                f"{spec.name} gives no probabilities of yes and no, which `yes_no: after-answer` needs. Leave it "
                "out for this model."
            )
    for number, name in enumerate([*experiment.rounds, *([AFTER_ANSWER] if scored else [])], start=1):
        try:
            find_round(templates, name)
        except InputError as error:
            yield f"round {number}: {error}"
            continue
        if problem := _render_all(name, number, cells, samples, templates, feedback):
            yield problem


def _render_all(
    name: str,
    number: int,
    cells: Sequence[Cell],
    samples: Sequence[Sample],
    templates: Templates,
    feedback: Feedback,
) -> str | None:
    """Render a round for every kind of item, with and without feedback; return the first problem."""
    said = {sample.id: feedback.get((sample.id, number)) for sample in samples}
    kinds = {(sample.card, sample.object_class, said[sample.id] is None): sample for sample in samples}
    for cell in cells:
        for sample in kinds.values():
            try:
                text = render_round(sample, cell.ingredients, name, templates, said[sample.id])
            except InputError as error:
                lacking = " (rounds_feedback has no row for it)" if "'feedback' is undefined" in str(error) else ""
                return f"round {number}, {name}, sample {sample.id!r}{lacking}: {error}"
            if not text:
                return f"round {number}, {name}: the template says nothing to the sample {sample.id!r}."
    return None
