"""From an experiment to asks: which sample, which cell, which model, and the request that answers it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from vlm_eval.backends.registry import capabilities, check, parse_model
from vlm_eval.data.loading import Dataset, load_dataset
from vlm_eval.data.selection import select
from vlm_eval.errors import ExperimentError, InputError, VlmEvalError
from vlm_eval.flow import BackendSpec, Generation, Purpose, Question, Role, Sample
from vlm_eval.prompting.cells import Cell
from vlm_eval.prompting.environment import open_templates
from vlm_eval.prompting.layouts import Layout, find_layout
from vlm_eval.prompting.render import render_prompt, render_text
from vlm_eval.prompting.rounds import AFTER_ANSWER
from vlm_eval.runs.experiment import Experiment
from vlm_eval.runs.feedback import Feedback, read_feedback
from vlm_eval.runs.grid_checks import grid_notes, grid_problems
from vlm_eval.runs.keys import make_request
from vlm_eval.runs.nearest import Nearest
from vlm_eval.runs.one_by_one import JOINT, join_notes, join_problems, seen_alone, views_asked, views_shown
from vlm_eval.runs.probe_changes import Donor, Shown, other_options
from vlm_eval.runs.probe_checks import changes_prompt, find_unprobed, probe_problems
from vlm_eval.runs.probes import ProbeCell, donor_classes, probe_cells, probe_means, read_probes
from vlm_eval.runs.reading_checks import lacks_readings
from vlm_eval.runs.references import Chosen, Place, choose_of, nearest_of, seed_of
from vlm_eval.runs.round_checks import round_problems
from vlm_eval.runs.sentinels import sentinel_asks, sentinel_notes, sentinel_problems
from vlm_eval.runs.shard import Shard
from vlm_eval.runs.shown import as_shown
from vlm_eval.runs.store import Ask
from vlm_eval.runs.support import SupportSets, baseline_prompt, comparison_problems, pair_problems
from vlm_eval.scoring.registry import is_scorer, list_scorers
from vlm_eval.views.shown_time import shown_time


@dataclass(frozen=True)
class Plan:
    """Everything that a run will ask, as a stream."""

    experiment: Experiment
    datasets: tuple[Dataset, ...]
    specs: tuple[BackendSpec, ...]
    cells: tuple[Cell, ...]
    samples: tuple[Sample, ...]  # evaluated
    references: Mapping[Place, tuple[Path, ...]]  # normal ones, by (card, object class, reference seed)
    layout: Layout
    prompts: tuple[Path, ...] = ()
    withdrawn: frozenset[str] = field(default_factory=frozenset)
    feedback: Feedback = field(default_factory=dict)  # what is said to single items in later rounds
    support: SupportSets = field(default_factory=SupportSets)  # what baselines compare with
    defects: Mapping[Place, tuple[Path, ...]] = field(default_factory=dict)  # shown as examples of what is wrong
    nearest: Nearest = field(default_factory=Nearest)  # instead of references by a seed
    probes: tuple[ProbeCell, ...] = ()  # control cells beside the grid
    shard: Shard | None = None  # which share of the requests this process asks; the plan is whole all the same

    def asks(self) -> Iterator[Ask]:
        """Yield every ask, sample by sample, so that a run which stops early has finished whole items."""
        for spec in self.specs:
            yield from self.asks_of_model(spec)

    def asks_of_model(self, spec: BackendSpec) -> Iterator[Ask]:
        """Yield what one model is asked."""
        for sample in self.samples:
            for cell in self.cells:
                yield from self.asks_about(spec, sample, cell)
            for probe in () if capabilities(spec).support else self.probes:
                if self.applies(sample, probe):
                    yield from self.asks_about(spec, sample, probe)
        yield from sentinel_asks(self, spec)

    def asks_about(self, spec: BackendSpec, sample: Sample, cell: Cell) -> Iterator[Ask]:
        """Yield what one model is asked about one sample in one cell: every repeat, then the yes/no follow-up.

        All views are shown at once, or each is asked about on its own.
        """
        shown = None if self.experiment.join == JOINT else self.shown(sample, cell)
        for view in views_asked(shown):
            yield from self._asks_about_view(spec, sample, cell, view)

    def _asks_about_view(self, spec: BackendSpec, sample: Sample, cell: Cell, view: int | None) -> Iterator[Ask]:
        first = self._ask(spec, sample, cell, "answer", view)
        yield first
        for repeat in range(1, self.experiment.repeats):
            asked = 0 if capabilities(spec).support else repeat  # a baseline always gives the same
            request = make_request(spec.model, first.request.prompt, first.request.generation, asked)
            question = replace(first.question, repeat=repeat)
            yield Ask(first.model, sample, cell, question, "answer", request)
        if self.asks_yes_no(spec) and self.yes_means(sample) is not None:
            yield self._ask(spec, sample, cell, "score", view)

    def _ask(self, spec: BackendSpec, sample: Sample, cell: Cell, purpose: Purpose, view: int | None) -> Ask:
        if capabilities(spec).support:
            return self._compare(spec, sample, cell, view)
        shown = self.shown(sample, cell)
        if shown is None:
            raise InputError(f"The cell {cell.name} does not apply to {sample.id}.")
        seen = seen_alone(shown.sample, view)
        score = purpose == "score"
        layout_name = "chat" if score and self.experiment.layout != "vqa" else self.experiment.layout
        prompt = render_prompt(
            seen,
            cell.ingredients,
            layout=layout_name,
            references=shown.references,
            yes_no=score,
            prompts=self.prompts,
        )
        generation = Generation(max_tokens=1, yes_no=True) if score else self.generation(spec)
        roles: tuple[Role, ...] = tuple(view.role for view in prompt.views)
        question = Question(
            layout=layout_name,
            cell=cell.name,
            yes_means=probe_means(cell.ingredients, self.yes_means(sample)),
            reply_fields=() if score else self.layout.fields(),
            image_roles=roles,
            options=other_options(sample, shown.sample),
            view=view,
            span=shown_time(seen),
        )
        request = make_request(spec.model, prompt, generation)
        return Ask(spec.name or spec.model.name, sample, cell, question, purpose, request)

    @cached_property
    def _donors(self) -> Mapping[tuple[str, str], tuple[Sample, ...]]:
        return donor_classes(self.samples)

    def shown(self, sample: Sample, cell: Cell) -> Shown | None:
        """Return what is shown of a sample in a cell; None where it is a probe's that does not apply."""
        plain = Shown(sample, self.references_of(sample, cell))
        if not isinstance(cell, ProbeCell):
            return plain
        others = self._donors.get((sample.card, sample.object_class), ())
        donors = [Donor(other, self.references_of(other, cell)) for other in others]
        return cell.show(plain, donors)

    def applies(self, sample: Sample, probe: ProbeCell) -> bool:
        """Say whether a probe is put to a sample: whether it can be, and changes its prompt."""
        base, shown = self.shown(sample, probe.base), self.shown(sample, probe)
        templates, layout = open_templates(self.prompts), self.experiment.layout
        return bool(base and shown and changes_prompt(base, shown, probe, layout, templates))

    def _compare(self, spec: BackendSpec, sample: Sample, cell: Cell, view: int | None) -> Ask:
        """Ask a baseline, which reads no words and makes no claim, and compares a view with all normal ones."""
        seen = seen_alone(sample, view)
        normal = sample.recipe if sample.reference_recipe is None else sample.reference_recipe
        compared = replace(seen, reference_recipe=normal)
        against = self.normal_pictures(sample, cell)
        prompt = baseline_prompt(spec, compared, cell, against, self.support, open_templates(self.prompts))
        roles: tuple[Role, ...] = tuple(shown.role for shown in prompt.views if shown.role == "query")
        layout, span = self.experiment.layout, shown_time(seen)
        question = Question(layout, cell.name, None, image_roles=roles, view=view, span=span)
        request = make_request(spec.model, prompt, Generation())
        return Ask(spec.name or spec.model.name, sample, cell, question, "answer", request)

    def normal_pictures(self, sample: Sample, cell: Cell) -> tuple[Path, ...]:
        """Return the normal pictures that a baseline compares a sample with in a cell."""
        normal = cell.ingredients.reference_kind == "normal"
        shown = self.references_of(sample, cell)[: cell.ingredients.shots] if normal else ()
        return self.support.pictures(sample, shown)

    def asks_yes_no(self, spec: BackendSpec) -> bool:
        """Say whether a model is asked the forced yes/no question alone, which gives a continuous score."""
        able = capabilities(spec)
        wanted = self.experiment.yes_no
        return able.yes_no and (not able.remote if wanted is None else wanted is True)

    def scores_after_answer(self, spec: BackendSpec) -> bool:
        """Say whether a model is asked the forced yes/no question after its own answers, as another score."""
        return self.experiment.yes_no == AFTER_ANSWER and capabilities(spec).yes_no

    def generation(self, spec: BackendSpec) -> Generation:
        """Return the generation parameters: the defaults, the layout's, then the experiment's own.

        A layout's beams hold only for backends that can search with beams.
        """
        settings = self.layout.generation.model_dump(exclude_none=True)
        if not capabilities(spec).beams:
            settings = {name: settings[name] for name in settings if name not in ("beams", "length_penalty")}
        settings |= self.experiment.generation.model_dump(exclude_none=True)
        return Generation(**settings)

    def yes_means(self, sample: Sample) -> Any:
        """Return what a plain yes claims; a card's own question is not taken for a yes/no question."""
        own = sample.question is not None and self.experiment.layout == "vqa"
        return None if own else self.layout.yes_means

    def references_of(self, sample: Sample, cell: Cell) -> tuple[Path, ...]:
        """Return the references that a sample is shown with in a cell: normal items, or examples of defects."""
        place = (sample.card, sample.object_class, seed_of(self.experiment, cell))
        if cell.ingredients.reference_kind == "defect":
            return self.defects.get(place, ())
        return sample.references or self.nearest.by_sample.get(sample.id) or self.references.get(place, ())


def make_plan(
    experiment: Experiment,
    *,
    prompts: Sequence[Path] = (),
    datasets: Sequence[Path] = (),
    choose: Callable[[list[Sample]], list[Sample]] = list,
) -> Plan:
    """Load the data, choose the items and references, and check that every cell can be rendered and asked.

    Args:
        experiment: what is asked of whom.
        prompts: folders with templates of one's own.
        datasets: folders with cards of one's own.
        choose: which of the items are kept in the end; by default all.

    Raises:
        InputError: with every problem that was found, before anything is spent.
    """
    cells = experiment.cells()
    specs = _specs(experiment)
    loaded = [load_dataset(name, root=experiment.roots.get(name), search=datasets) for name in experiment.dataset]
    samples: list[Sample] = []
    chosen = Chosen()
    for dataset in loaded:
        choose_of(dataset, experiment, cells, chosen)
        left = [sample for sample in dataset.samples if sample.id not in chosen.withdrawn]
        samples += select(left, experiment.limit, experiment.seed)
    _refuse_clashes(loaded, samples)
    samples = as_shown(samples, experiment.views, experiment.marks, choose)
    layout = find_layout(open_templates(tuple(prompts)), experiment.layout)
    feedback = _feedback(experiment, loaded)
    plan = Plan(
        experiment,
        tuple(loaded),
        specs,
        cells,
        tuple(samples),
        chosen.normal,
        layout,
        tuple(prompts),
        chosen.withdrawn,
        feedback,
        SupportSets(chosen.support),
        chosen.defects,
        nearest_of(experiment, cells, loaded, samples, chosen),
        probe_cells(read_probes(experiment.probes), cells, layout, samples),
    )
    problems = find_problems(plan)
    if problems:
        raise InputError("This cannot be asked:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return plan


def _feedback(experiment: Experiment, loaded: Sequence[Dataset]) -> Feedback:
    if experiment.rounds_feedback is None:
        return {}
    known = {sample.id for dataset in loaded for sample in dataset.samples}
    return read_feedback(Path(experiment.rounds_feedback), known, len(experiment.rounds))


def _refuse_clashes(loaded: Sequence[Dataset], samples: Sequence[Sample]) -> None:
    names = [dataset.card.name for dataset in loaded]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise ExperimentError(
            f"Two data sets are called {', '.join(double)}. Name each once, or give folders and tables cards of "
            "their own."
        )
    if not samples:
        raise ExperimentError(
            f"Nothing is left to ask of {', '.join(names)}: every item was withdrawn as a reference, or is in the "
            "training split. Add items, or ask for fewer references."
        )


def _specs(experiment: Experiment) -> tuple[BackendSpec, ...]:
    specs = []
    for entry in experiment.models:
        spec = parse_model(
            entry.model,
            revision=entry.revision,
            dtype=entry.dtype,
            quantization=entry.quantization,
            **entry.options,
        )
        specs.append(replace(spec, name=spec.name or spec.model.name))
    if len({spec.model for spec in specs}) < len(specs) or len({spec.name for spec in specs}) < len(specs):
        raise ExperimentError("The same model is named twice. Name each model once; use repeats to ask again.")
    return tuple(specs)


def find_problems(plan: Plan) -> list[str]:
    """List what cannot be asked: templates that need what a card lacks, models that take too few pictures."""
    problems: dict[str, None] = dict.fromkeys(
        f"there is no scorer {name!r}; known are {', '.join(list_scorers())}."
        for name in plan.experiment.scorers
        if not is_scorer(name)
    )
    problems |= dict.fromkeys(list(grid_problems(plan)) + sentinel_problems(plan) + join_problems(plan))
    templates = open_templates(plan.prompts)
    problems |= dict.fromkeys(
        round_problems(plan.experiment, _conversing(plan), plan.cells, plan.samples, templates, plan.feedback)
    )
    problems |= dict.fromkeys(comparison_problems(plan.specs, plan.cells, plan.samples, plan.normal_pictures))
    problems |= dict.fromkeys(pair_problems(plan.specs, plan.cells, plan.samples, templates))
    kinds = {(sample.card, sample.object_class): sample for sample in plan.samples}
    problems |= dict.fromkeys(probe_problems(plan, list(kinds.values()), templates))
    for cell in plan.cells:
        for sample in kinds.values() if _conversing(plan) else ():  # baselines read no prompt
            if lacks_readings(sample, cell):
                continue  # told already
            try:
                render_text(sample, cell.ingredients, plan.experiment.layout, templates)
            except InputError as error:
                problems[f"cell {cell.name}: {error}"] = None
        for spec in plan.specs:
            if (plan.experiment.generation.beams or 1) > 1 and not _writes_with_beams(spec):
                problems[f"{spec.name} cannot search with beams. Leave generation.beams out for it."] = None
            most = capabilities(spec).max_images
            each = max((views_shown(plan.experiment.join, sample) for sample in kinds.values()), default=1)
            count = each * (1 + cell.ingredients.shots + cell.ingredients.marks)
            if most is not None and count > most:
                problems[
                    f"cell {cell.name} shows {count} pictures, but {spec.name} takes at most {most}. "
                    "Leave out the reference or marks for this model, or choose another model."
                ] = None
    return list(problems)


def _conversing(plan: Plan) -> list[BackendSpec]:
    """Return the models that later rounds are put to: all but baselines, which read no words."""
    return [spec for spec in plan.specs if not capabilities(spec).support]


def _writes_with_beams(spec: BackendSpec) -> bool:
    able = capabilities(spec)
    return able.beams or able.support  # a baseline writes nothing


def check_models(plan: Plan) -> list[str]:
    """List models that could not be asked as things stand: no key, a bad address, a file that is not there."""
    problems = []
    for spec in plan.specs:
        try:
            check(spec)
        except VlmEvalError as error:
            problems.append(f"{spec.name}: {error}")
    return problems


def find_notes(plan: Plan) -> list[str]:
    """List what a reader of the results must know about the grid."""
    grid = find_contamination(plan) + grid_notes(plan) + find_rounds(plan)
    return grid + find_unprobed(plan) + sentinel_notes(plan) + join_notes(plan)


def find_rounds(plan: Plan) -> list[str]:
    """Say what each later round asked, as tables give its number only."""
    named = [f"{number} {name}" for number, name in enumerate(plan.experiment.rounds, start=1)]
    return [f"Rounds after the question: {', '.join(named)}. Each holds the answers before it."] if named else []


def find_contamination(plan: Plan) -> list[str]:
    """List cells whose class ingredient is off although the normal standard names the class."""
    notes: dict[str, None] = {}
    for cell in plan.cells:
        if cell.ingredients.class_info or not cell.ingredients.standard:
            continue
        named = sorted({sample.object_class for sample in plan.samples if _names_class(sample)})
        if named:
            notes[
                f"cell {cell.name}: the normal standard names the class ({', '.join(named[:5])}"
                f"{', ...' if len(named) > 5 else ''}), so the effect of the class "
                "ingredient is contaminated there."
            ] = None
    return list(notes)


def _names_class(sample: Sample) -> bool:
    if sample.standard is None:
        return False
    words = " ".join(
        (sample.standard.normal or "", sample.standard.abnormal or "", *sample.standard.rules)
    ).lower()
    return any(noun and noun.lower() in words for noun in sample.nouns.values())
