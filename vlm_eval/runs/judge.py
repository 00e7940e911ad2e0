"""What an LLM judge is asked about stored answers: the rubric, once an answer, or two answers in both orders.

A judge is asked through any backend, and its replies are a run of their own (vlm_eval.runs.judge_replies). What
they mean is read by the pure functions of vlm_eval.scoring.judge_reading.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from pydantic import TypeAdapter

from vlm_eval.errors import ExperimentError, PromptError
from vlm_eval.flow import Answer, BackendSpec, Generation, Prompt, Question, Sample, Turn
from vlm_eval.prompting.cells import Cell, Ingredients
from vlm_eval.prompting.environment import Templates, open_templates
from vlm_eval.runs.keys import make_request
from vlm_eval.runs.one_by_one import refuse_views
from vlm_eval.runs.store import Ask, Store
from vlm_eval.scoring.judge_reading import CRITERIA, Criterion

RUBRIC = "judge/rubric.jinja"
COMPARE = "judge/compare.jinja"
MAX_TOKENS = 256
_PAGE = 256
_SAMPLE = TypeAdapter(Sample)
_QUESTION = TypeAdapter(Question)
_ANSWER = TypeAdapter(Answer)


@dataclass(frozen=True, slots=True)
class Address:
    """Which answer of a run is meant."""

    model: str
    cell: str
    sample_id: str
    round: int = 0
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class CellAddress:
    """A cell of a run, as people write it: RUN::MODEL::CELL."""

    run: Path
    model: str
    cell: str

    def __str__(self) -> str:
        return f"{self.run.name}::{self.model}::{self.cell}"


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer of a run with what a judge may be told of it."""

    address: Address
    sample: Sample
    question: Question
    prompt: Prompt
    answer: Answer


@dataclass(frozen=True, slots=True)
class Rubric:
    """The words of a judge's prompt, and how it is asked."""

    source: str  # Jinja
    templates: Templates
    criteria: tuple[Criterion, ...] = CRITERIA
    pictures: bool = False  # show the judge what the model was shown
    max_tokens: int = MAX_TOKENS

    @property
    def digest(self) -> str:
        """Return eight hex digits of all that can change a reply besides the judge."""
        form = json.dumps([self.source, self.criteria, self.pictures, self.max_tokens])
        return sha256(form.encode()).hexdigest()[:8]

    def render(self, **words: Any) -> str:
        """Render the prompt. Raises PromptError."""
        try:
            return self.templates.environment.from_string(self.source).render(criteria=self.criteria, **words)
        except TemplateError as error:
            known = ", ".join(["criteria", *words])
            raise PromptError(f"The judge's prompt cannot be rendered: {error}. It may use {known}.") from error


def open_rubric(
    name: str = RUBRIC,
    *,
    file: Path | None = None,
    prompts: Sequence[Path] = (),
    criteria: tuple[Criterion, ...] = CRITERIA,
    pictures: bool = False,
    max_tokens: int = MAX_TOKENS,
) -> Rubric:
    """Read a judge's prompt: a file of yours, or the template of that name.

    Raises:
        PromptError: the file cannot be read.
    """
    templates = open_templates(tuple(prompts))
    try:
        source = templates.source(name) if file is None else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"The rubric {file} cannot be read ({error}). Name a Jinja file in UTF-8.") from error
    return Rubric(source, templates, criteria, pictures, max_tokens)


def judge_folder(run: Path, judge: str, *asked: str) -> Path:
    """Return where a judge's replies about a run are kept; `asked` tells rubrics and pairs of cells apart."""
    readable = re.sub(r"[^\w.-]+", "-", judge).strip("-")[:40]
    return run / "judges" / f"{readable}-{sha256(json.dumps([judge, *asked]).encode()).hexdigest()[:8]}"


def stored_answers(run: Path) -> Iterator[StoredAnswer]:
    """Yield the answers of a run about items whose truth is known, in the order of the plan, without failures.

    Raises:
        RunFolderError: the folder holds no readable run.
        ExperimentError: the views of its items were asked one by one.
    """
    last = 0
    with Store(run) as store:
        refuse_views(store, "a judge who reads one answer cannot say whether it is right")
        while rows := store.connection.execute(
            "SELECT ask.id, model.name, cell.name, sample.data, ask.question, request.prompt, outcome.data "
            "FROM ask JOIN model ON model.id = ask.model JOIN cell ON cell.id = ask.cell "
            "JOIN sample ON sample.id = ask.sample JOIN request ON request.id = ask.request "
            "JOIN outcome ON outcome.request = ask.request "
            "WHERE ask.id > ? AND purpose = 'answer' AND outcome.kind = 'answer' ORDER BY ask.id LIMIT ?",
            (last, _PAGE),
        ).fetchall():
            last = rows[-1][0]
            for _, model, cell, data, asked, prompt, outcome in rows:
                sample, question = _SAMPLE.validate_json(data), _QUESTION.validate_json(asked)
                if sample.gold.anomalous in ("yes", "no"):
                    address = Address(model, cell, sample.id, question.round, question.repeat)
                    answer = _ANSWER.validate_json(outcome)
                    yield StoredAnswer(address, sample, question, store.load_prompt(prompt), answer)


def find_cell(run: Path, model: str | None, cell: str | None) -> CellAddress:
    """Complete an address; what it leaves out must be the only one of its kind.

    Raises:
        ExperimentError: there is no such model or cell, or several to choose from.
        RunFolderError: the folder holds no readable run.
    """
    with Store(run) as store:
        held = [
            (str(name), str(held_cell))
            for name, held_cell in store.connection.execute(
                "SELECT DISTINCT model.name, cell.name FROM ask JOIN model ON model.id = ask.model "
                "JOIN cell ON cell.id = ask.cell WHERE purpose = 'answer' ORDER BY ask.id"
            )
        ]
    found = [place for place in held if model in (None, place[0]) and cell in (None, place[1])]
    if len(found) != 1:
        known = ", ".join(f"{run}::{name}::{held_cell}" for name, held_cell in (found or held)[:8])
        wrong = "fits several cells" if found else "fits no cell"
        raise ExperimentError(f"{run}::{model or '*'}::{cell or '*'} {wrong}. Name one: {known}.")
    return CellAddress(run, *found[0])


def rubric_asks(
    run: Path, spec: BackendSpec, rubric: Rubric | None = None, *, limit: int | None = None
) -> Iterator[Ask]:
    """Yield what a judge is asked: the rubric, once for each answer of a run.

    Args:
        run: the run folder whose answers are judged.
        spec: the judge.
        rubric: the shipped one where None.
        limit: number of items; a larger limit holds the items of a smaller one, and all their answers.

    Raises:
        PromptError: the rubric cannot be rendered.
    """
    rubric = rubric or open_rubric()
    chosen = None if limit is None else _choose(run, limit)
    for stored in stored_answers(run):
        if chosen is None or stored.sample.id in chosen:
            text = rubric.render(**_truth(stored), question=stored.prompt.text, answer=stored.answer.text)
            cell = f"{stored.address.model}::{stored.address.cell}"
            yield _ask(spec, stored, cell, text, rubric, (stored.address.round, stored.address.repeat))


def _choose(run: Path, limit: int) -> frozenset[str]:
    # By digest, so that the choice is even over the plan, the same each time, and nested.
    names = {stored.sample.id for stored in stored_answers(run)}
    return frozenset(sorted(names, key=lambda name: sha256(name.encode()).digest())[:limit])


def comparison_asks(
    one: CellAddress,
    other: CellAddress,
    spec: BackendSpec,
    rubric: Rubric | None = None,
    *,
    limit: int | None = None,
) -> Iterator[Ask]:
    """Yield what a judge is asked to compare two cells' answers on the same items, each pair in both orders.

    Args:
        one: the first cell; pictures are those that it was shown.
        other: the second, of the same run or another.
        spec: the judge.
        rubric: the shipped words where None.
        limit: number of items.

    Raises:
        ExperimentError: the cells share no answered item.
        PromptError: the words cannot be rendered.
    """
    rubric = rubric or open_rubric(COMPARE)
    first_held, other_held = _held(one), _held(other)
    shared = [place for place in first_held if place in other_held]
    if one == other or not shared:
        raise ExperimentError(
            f"{one} and {other} share no answered item, or are the same cell. Give two addresses RUN::MODEL::CELL "
            "about the same data."
        )
    chosen = None if limit is None else _choose(one.run, limit)
    for place in shared:
        if chosen is None or place[0] in chosen:
            yield from _pair(spec, rubric, f"{one} | {other}", first_held[place], other_held[place])


Place = tuple[str, int, int]  # sample id, round, repeat


def _held(cell: CellAddress) -> dict[Place, StoredAnswer]:
    return {
        (stored.sample.id, stored.address.round, stored.address.repeat): stored
        for stored in stored_answers(cell.run)
        if (stored.address.model, stored.address.cell) == (cell.model, cell.cell)
    }


def _pair(spec: BackendSpec, rubric: Rubric, cell: str, one: StoredAnswer, other: StoredAnswer) -> Iterator[Ask]:
    # Where the two were asked differently, neither question is shown: it would speak for one of them.
    question = one.prompt.text if one.prompt.text == other.prompt.text else ""
    for order, (left, right) in enumerate(((one, other), (other, one))):
        words = {"question": question, "first": left.answer.text, "second": right.answer.text}
        text = rubric.render(**_truth(one), **words)
        yield _ask(spec, one, cell, text, rubric, (one.address.round, 2 * one.address.repeat + order))


def _truth(stored: StoredAnswer) -> dict[str, Any]:
    gold = stored.sample.gold
    anomalous = gold.anomalous == "yes"
    names = gold.accepted or ((gold.defect_type,) if gold.defect_type else ())
    return {
        "anomalous": anomalous,
        "names": list(names) if anomalous else [],
        "place": gold.place if anomalous else None,
        "pictures": len(stored.prompt.views),
    }


def _ask(
    spec: BackendSpec, stored: StoredAnswer, cell: str, text: str, rubric: Rubric, place: tuple[int, int]
) -> Ask:
    views = stored.prompt.views if rubric.pictures else ()
    roles = tuple(view.role for view in views)
    prompt = Prompt((Turn("user", (*views, text)),))
    return Ask(
        spec.name or spec.model.name,
        stored.sample,
        Cell(cell, Ingredients()),
        Question("judge", cell, yes_means=None, image_roles=roles, round=place[0], repeat=place[1]),
        "answer",
        make_request(spec.model, prompt, Generation(max_tokens=rubric.max_tokens)),
    )
