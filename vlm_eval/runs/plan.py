"""From an experiment to asks: which sample, which cell, which model, and the request that answers it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vlm_eval.backends.registry import capabilities, check, parse_model
from vlm_eval.data.loading import Dataset, load_dataset
from vlm_eval.data.selection import choose_references, select
from vlm_eval.errors import ExperimentError, InputError, VlmEvalError
from vlm_eval.flow import BackendSpec, Generation, Purpose, Question, Role, Sample
from vlm_eval.prompting.cells import Cell
from vlm_eval.prompting.environment import open_templates
from vlm_eval.prompting.layouts import Layout, find_layout
from vlm_eval.prompting.render import render_prompt, render_text
from vlm_eval.runs.experiment import Experiment
from vlm_eval.runs.keys import make_request
from vlm_eval.runs.store import Ask
from vlm_eval.scoring.registry import is_scorer, list_scorers


@dataclass(frozen=True)
class Plan:
    """Everything that a run will ask, as a stream."""

    experiment: Experiment
    datasets: tuple[Dataset, ...]
    specs: tuple[BackendSpec, ...]
    cells: tuple[Cell, ...]
    samples: tuple[Sample, ...]  # evaluated
    references: Mapping[tuple[str, str], tuple[Path, ...]]  # by (card, object class)
    layout: Layout
    prompts: tuple[Path, ...] = ()
    withdrawn: frozenset[str] = field(default_factory=frozenset)

    def asks(self) -> Iterator[Ask]:
        """Yield every ask, sample by sample, so that a run which stops early has finished whole items."""
        for spec in self.specs:
            yield from self.asks_of_model(spec)

    def asks_of_model(self, spec: BackendSpec) -> Iterator[Ask]:
        """Yield what one model is asked."""
        for sample in self.samples:
            for cell in self.cells:
                yield from self.asks_about(spec, sample, cell)

    def asks_about(self, spec: BackendSpec, sample: Sample, cell: Cell) -> Iterator[Ask]:
        """Yield what one model is asked about one sample in one cell: every repeat, then the yes/no follow-up."""
        for repeat in range(self.experiment.repeats):
            yield self._ask(spec, sample, cell, "answer", repeat)
        if self.asks_yes_no(spec) and self.yes_means(sample) is not None:
            yield self._ask(spec, sample, cell, "score", 0)

    def _ask(self, spec: BackendSpec, sample: Sample, cell: Cell, purpose: Purpose, repeat: int) -> Ask:
        score = purpose == "score"
        layout_name = "chat" if score and self.experiment.layout != "vqa" else self.experiment.layout
        prompt = render_prompt(
            sample,
            cell.ingredients,
            layout=layout_name,
            references=self.references_of(sample),
            yes_no=score,
            prompts=self.prompts,
        )
        generation = Generation(max_tokens=1, yes_no=True) if score else self.generation(spec)
        roles: tuple[Role, ...] = tuple(view.role for view in prompt.views)
        question = Question(
            layout=layout_name,
            cell=cell.name,
            yes_means=self.yes_means(sample),
            reply_fields=() if score else self.layout.fields(),
            image_roles=roles,
            repeat=repeat,
        )
        request = make_request(spec.model, prompt, generation, repeat)
        return Ask(spec.name or spec.model.name, sample, cell, question, purpose, request)

    def asks_yes_no(self, spec: BackendSpec) -> bool:
        """Say whether a model is asked the forced yes/no follow-up, which gives a continuous score."""
        able = capabilities(spec)
        wanted = self.experiment.yes_no
        return able.yes_no and (not able.remote if wanted is None else wanted)

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

    def references_of(self, sample: Sample) -> tuple[Path, ...]:
        """Return the normal references that a sample is shown with."""
        return sample.references or self.references.get((sample.card, sample.object_class), ())


def make_plan(experiment: Experiment, *, prompts: Sequence[Path] = (), datasets: Sequence[Path] = ()) -> Plan:
    """Load the data, choose the items and references, and check that every cell can be rendered and asked.

    Raises:
        InputError: with every problem that was found, before anything is spent.
    """
    cells = experiment.cells()
    specs = _specs(experiment)
    loaded = [load_dataset(name, root=experiment.roots.get(name), search=datasets) for name in experiment.dataset]
    shots = max(cell.ingredients.shots for cell in cells)
    samples: list[Sample] = []
    references: dict[tuple[str, str], tuple[Path, ...]] = {}
    withdrawn: frozenset[str] = frozenset()
    for dataset in loaded:
        chosen = choose_references(dataset.samples, shots, experiment.reference_seed)
        withdrawn |= chosen.withdrawn
        references |= {(dataset.card.name, name): paths for name, paths in chosen.by_class.items()}
        left = [sample for sample in dataset.samples if sample.id not in chosen.withdrawn]
        samples += select(left, experiment.limit, experiment.seed)
    _refuse_clashes(loaded, samples)
    layout = find_layout(open_templates(tuple(prompts)), experiment.layout)
    plan = Plan(
        experiment, tuple(loaded), specs, cells, tuple(samples), references, layout, tuple(prompts), withdrawn
    )
    problems = find_problems(plan)
    if problems:
        raise InputError("This cannot be asked:\n" + "\n".join(f"  - {problem}" for problem in problems))
    return plan


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
    templates = open_templates(plan.prompts)
    kinds = {(sample.card, sample.object_class): sample for sample in plan.samples}
    for cell in plan.cells:
        for sample in kinds.values():
            try:
                render_text(sample, cell.ingredients, plan.experiment.layout, templates)
            except InputError as error:
                problems[f"cell {cell.name}: {error}"] = None
        for spec in plan.specs:
            if (plan.experiment.generation.beams or 1) > 1 and not capabilities(spec).beams:
                problems[f"{spec.name} cannot search with beams. Leave generation.beams out for it."] = None
            most = capabilities(spec).max_images
            count = 1 + cell.ingredients.shots + cell.ingredients.marks
            if most is not None and count > most:
                problems[
                    f"cell {cell.name} shows {count} pictures, but {spec.name} takes at most {most}. "
                    "Leave out the reference or marks for this model, or choose another model."
                ] = None
    return list(problems)


def check_models(plan: Plan) -> list[str]:
    """List models that could not be asked as things stand: no key, a bad address, a file that is not there."""
    problems = []
    for spec in plan.specs:
        try:
            check(spec)
        except VlmEvalError as error:
            problems.append(f"{spec.name}: {error}")
    return problems


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
