"""The LLM judge: asked about stored answers through any backend, its replies kept beside the run like any others.

A judge's replies are a run of their own, `judges/<name>/` inside the run folder: the same store, resumed in the
same way, its tokens counted apart. What they mean is read by the pure functions of
vlm_eval.scoring.judge_reading.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pydantic import TypeAdapter

from vlm_eval.backends.registry import capabilities, open_backend
from vlm_eval.errors import BackendUnavailable, ExperimentError
from vlm_eval.flow import (
    Answer,
    Backend,
    BackendSpec,
    Failure,
    Generation,
    Outcome,
    Prompt,
    Question,
    Sample,
    Turn,
)
from vlm_eval.metrics.agreement import Agreement, agreement
from vlm_eval.prompting.cells import Cell, Ingredients
from vlm_eval.prompting.environment import Templates, open_templates
from vlm_eval.runs.keys import make_request
from vlm_eval.runs.lock import run_lock
from vlm_eval.runs.store import Ask, Store
from vlm_eval.scoring.human import HumanVerdict
from vlm_eval.scoring.judge_reading import Criterion, Grade, Preference, combine_orders, grade_outcome

RUBRIC = "judge/rubric.jinja"
COMPARE = "judge/compare.jinja"
_GENERATION = Generation(max_tokens=128)
_SAMPLE = TypeAdapter(Sample)
_QUESTION = TypeAdapter(Question)
_ANSWER = TypeAdapter(Answer)
_FAILURE = TypeAdapter(Failure)


@dataclass(frozen=True, slots=True)
class Address:
    """Which answer of a run is meant."""

    model: str
    cell: str
    sample_id: str
    round: int = 0
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer of a run with what a judge may be told of it."""

    address: Address
    sample: Sample
    question: Question
    prompt: Prompt
    answer: Answer


@dataclass(frozen=True, slots=True)
class JudgeResult:
    """How judging ended: requests answered, failed, still open; and what they took, apart from the run's own."""

    answered: int
    failed: int
    open: int
    prompt_tokens: int
    completion_tokens: int
    unavailable: str | None = None


def judge_folder(run: Path, judge: str) -> Path:
    """Return where a judge's replies about a run are kept."""
    readable = re.sub(r"[^\w.-]+", "-", judge).strip("-")[:40]
    return run / "judges" / f"{readable}-{sha256(judge.encode()).hexdigest()[:8]}"


def stored_answers(run: Path) -> Iterator[StoredAnswer]:
    """Yield the answers of a run about items whose truth is known, in the order of the plan, without failures.

    Raises:
        RunFolderError: the folder holds no readable run.
    """
    last = 0
    with Store(run) as store:
        while True:
            rows = store.connection.execute(
                "SELECT ask.id, model.name, cell.name, sample.data, ask.question, request.prompt, outcome.data "
                "FROM ask JOIN model ON model.id = ask.model JOIN cell ON cell.id = ask.cell "
                "JOIN sample ON sample.id = ask.sample JOIN request ON request.id = ask.request "
                "JOIN outcome ON outcome.request = ask.request "
                "WHERE ask.id > ? AND purpose = 'answer' AND outcome.kind = 'answer' ORDER BY ask.id LIMIT 256",
                (last,),
            ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            for _, model, cell, data, asked, prompt, outcome in rows:
                sample, question = _SAMPLE.validate_json(data), _QUESTION.validate_json(asked)
                if sample.gold.anomalous in ("yes", "no"):
                    address = Address(model, cell, sample.id, question.round, question.repeat)
                    answer = _ANSWER.validate_json(outcome)
                    yield StoredAnswer(address, sample, question, store.load_prompt(prompt), answer)


def rubric_asks(
    run: Path, spec: BackendSpec, *, pictures: bool = False, prompts: Sequence[Path] = ()
) -> Iterator[Ask]:
    """Yield what a judge is asked: the rubric, once for each answer of a run.

    Args:
        run: the run folder whose answers are judged.
        spec: the judge.
        pictures: show the judge what the model was shown.
        prompts: folders with your own `judge/rubric.jinja`, searched first.
    """
    templates = open_templates(tuple(prompts))
    for stored in stored_answers(run):
        text = _render(templates, RUBRIC, stored, answer=stored.answer.text)
        cell = f"{stored.address.model}::{stored.address.cell}"
        yield _ask(spec, stored, cell, text, pictures, (stored.address.round, stored.address.repeat))


def comparison_asks(
    run: Path, spec: BackendSpec, one: str, other: str, *, pictures: bool = False, prompts: Sequence[Path] = ()
) -> Iterator[Ask]:
    """Yield what a judge is asked to compare two cells' answers on the same items, each pair in both orders.

    Args:
        run: the run folder.
        spec: the judge.
        one: the first cell's address, `MODEL::CELL`.
        other: the second's.
        pictures: show the judge what the first cell's model was shown.
        prompts: folders with your own `judge/compare.jinja`, searched first.

    Raises:
        ExperimentError: the cells share no answered item.
    """
    templates = open_templates(tuple(prompts))
    held: dict[str, dict[tuple[str, int, int], StoredAnswer]] = {one: {}, other: {}}
    for stored in stored_answers(run):
        address = f"{stored.address.model}::{stored.address.cell}"
        if address in held:
            held[address][(stored.sample.id, stored.address.round, stored.address.repeat)] = stored
    shared = [place for place in held[one] if place in held[other]]
    if not shared:
        raise ExperimentError(
            f"{one!r} and {other!r} share no answered item in {run}. Give two addresses MODEL::CELL of that run."
        )
    for place in shared:
        first, second = held[one][place], held[other][place]
        for order, (left, right) in enumerate(((first, second), (second, first))):
            text = _render(templates, COMPARE, first, first=left.answer.text, second=right.answer.text)
            yield _ask(spec, first, f"{one} | {other}", text, pictures, (place[1], 2 * place[2] + order))


def _render(templates: Templates, name: str, stored: StoredAnswer, **words: str) -> str:
    gold = stored.sample.gold
    anomalous = gold.anomalous == "yes"
    names = gold.accepted or ((gold.defect_type,) if gold.defect_type else ())
    return templates.environment.get_template(name).render(
        anomalous=anomalous,
        names=list(names) if anomalous else [],
        place=gold.place if anomalous else None,
        pictures=len(stored.prompt.views),
        question=stored.prompt.text,
        **words,
    )


def _ask(
    spec: BackendSpec, stored: StoredAnswer, cell: str, text: str, pictures: bool, place: tuple[int, int]
) -> Ask:
    views = stored.prompt.views if pictures else ()
    roles = tuple(view.role for view in views)
    prompt = Prompt((Turn("user", (*views, text)),))
    return Ask(
        spec.name or spec.model.name,
        stored.sample,
        Cell(cell, Ingredients()),
        Question("judge", cell, yes_means=None, image_roles=roles, round=place[0], repeat=place[1]),
        "answer",
        make_request(spec.model, prompt, _GENERATION),
    )


def run_judge(
    folder: Path,
    spec: BackendSpec,
    asks: Iterator[Ask],
    *,
    open_with: Callable[[BackendSpec, Path], Backend] = open_backend,
    arrived: Callable[[Outcome], None] = lambda outcome: None,
) -> JudgeResult:
    """Ask a judge what is not answered yet; each reply is stored as it arrives, a failed call stays a failure.

    Args:
        folder: where the replies are kept, see `judge_folder`.
        spec: the judge.
        asks: from `rubric_asks` or `comparison_asks`.
        open_with: builds the backend.
        arrived: hears of each outcome, after it was stored.

    Raises:
        RunFolderError: another process judges into the same folder, or the plan would orphan stored replies.
        ExperimentError: the judge cannot be shown that many pictures.
    """
    name = spec.name or spec.model.name
    unavailable = None
    with run_lock(folder), Store(folder, write=True) as store:
        store.plan(_within_limits(asks, spec))
        try:
            for key, outcome in open_with(spec, folder / "scratch").answer(store.pending(name)):
                store.put(key, outcome)
                arrived(outcome)
        except BackendUnavailable as error:
            unavailable = str(error)
        store.flush()
        return _result(store, unavailable)


def _within_limits(asks: Iterator[Ask], spec: BackendSpec) -> Iterator[Ask]:
    most = capabilities(spec).max_images
    for ask in asks:
        shown = len(ask.request.prompt.views)
        if most is not None and shown > most:
            raise ExperimentError(
                f"The judge {spec.model.name} takes at most {most} pictures, but {shown} were shown. "
                "Judge by text only."
            )
        yield ask


def _result(store: Store, unavailable: str | None) -> JudgeResult:
    tally = store.tally()
    answered = sum(count for (_, kind), count in tally.items() if kind == "answer")
    waiting = sum(count for (_, kind), count in tally.items() if kind == "open")
    tokens = store.connection.execute(
        "SELECT coalesce(sum(data ->> 'prompt_tokens'), 0), coalesce(sum(data ->> 'completion_tokens'), 0) "
        "FROM outcome WHERE kind = 'answer'"
    ).fetchone()
    failed = sum(tally.values()) - answered - waiting
    return JudgeResult(answered, failed, waiting, int(tokens[0]), int(tokens[1]), unavailable)


def read_grades_of(folder: Path) -> dict[Address, dict[Criterion, Grade]]:
    """Read a judge's grades by answer; a failed or open call abstains. Raises RunFolderError."""
    grades = {}
    for sample, cell, number, repeat, outcome in _outcomes(folder):
        model, _, name = cell.rpartition("::")
        grades[Address(model, name, sample, number, repeat)] = grade_outcome(outcome)
    return grades


def read_preferences_of(folder: Path) -> dict[tuple[str, int, int], Preference]:
    """Read which of two answers a judge prefers, by (sample id, round, repeat). Raises RunFolderError."""
    orders: dict[tuple[str, int, int], dict[int, Outcome | None]] = {}
    for sample, _, number, repeat, outcome in _outcomes(folder):
        orders.setdefault((sample, number, repeat // 2), {})[repeat % 2] = outcome
    return {place: combine_orders(found.get(0), found.get(1)) for place, found in orders.items()}


def _outcomes(folder: Path) -> Iterator[tuple[str, str, int, int, Outcome | None]]:
    with Store(folder) as store:
        rows = store.connection.execute(
            "SELECT sample_id, cell.name, ask.round, ask.repeat, outcome.kind, outcome.data FROM ask "
            "JOIN sample ON sample.id = ask.sample JOIN cell ON cell.id = ask.cell "
            "LEFT JOIN outcome USING (request) ORDER BY ask.id"
        ).fetchall()
    for sample, cell, number, repeat, kind, data in rows:
        outcome: Outcome | None = None
        if kind is not None:
            outcome = _ANSWER.validate_json(data) if kind == "answer" else _FAILURE.validate_json(data)
        yield sample, cell, number, repeat, outcome


def agreement_with_people(
    run: Path, grades: dict[Address, dict[Criterion, Grade]], verdicts: Sequence[HumanVerdict]
) -> Agreement:
    """Compare what a judge and people say that answers claim, on the answers that both judged.

    The judge's verdict grade says whether the claim is right; with the truth, that is the claim. A judge's
    abstention and a person's "unsure" are the label None.
    """
    said = {(one.model, *one.address): one.verdict for one in verdicts}
    judged, human = [], []
    for stored in stored_answers(run):
        at = stored.address
        places = [(m, at.sample_id, c, at.round, at.repeat) for m in (at.model, None) for c in (at.cell, None)]
        label = next((said[place] for place in places if place in said), None)
        if label is None or at not in grades:
            continue
        met = grades[at]["verdict"].met
        claims = None if met is None else (met == (stored.sample.gold.anomalous == "yes"))
        judged.append(None if claims is None else "anomalous" if claims else "normal")
        human.append(None if label == "unsure" else label)
    return agreement(judged, human, ("anomalous", "normal"))
