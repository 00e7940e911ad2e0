"""Has a model describe what a run's answers accuse, once a distinct text, for the embedding scorers.

Source: appendix C of the study of context-dependent anomalies: few-shot completion of lines such as "dog: a type
of pet ...", then the text to be described.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pydantic import TypeAdapter

from vlm_eval.backends.budget import Budget
from vlm_eval.backends.registry import open_backend
from vlm_eval.errors import BackendUnavailable
from vlm_eval.flow import (
    RETRIED,
    Answer,
    Backend,
    BackendSpec,
    Generation,
    Item,
    Outcome,
    Prompt,
    Question,
    Request,
    Sample,
    Turn,
)
from vlm_eval.prompting.environment import open_templates
from vlm_eval.runs.keys import make_request
from vlm_eval.runs.store import Store
from vlm_eval.scoring.descriptions import (
    TABLE,
    Description,
    by_hash,
    clean_description,
    plain,
    read_descriptions,
    text_hash,
    write_line,
)
from vlm_eval.scoring.passages import Part, find_in_item

TEMPLATE = "describe.jinja"
_PAGE = 1024
_LONGEST = 2000  # characters of a text that is described; what is longer is no name and is left out
_SAMPLE = TypeAdapter(Sample)
_QUESTION = TypeAdapter(Question)
_ANSWER = TypeAdapter(Answer)

OpenBackend = Callable[[BackendSpec, Path], Backend]


@dataclass(frozen=True, slots=True)
class DescribePlan:
    """Which texts of a run are still to be described, and by whom."""

    folder: Path
    spec: BackendSpec
    texts: Mapping[str, str]  # text by request key
    requests: tuple[Request, ...]
    answers: int  # read in the run
    without: int  # answers that accuse nothing: normal, refused, empty, no more than "yes"
    distinct: int  # texts
    known: int  # described before by this model with this prompt, or checked by a person
    too_long: int


@dataclass(frozen=True, slots=True)
class DescribeResult:
    """How it ended: descriptions written, failed for good or said nothing, and still to be asked."""

    written: int
    failed: int
    open: int
    unavailable: str = ""


def plan_descriptions(
    folder: Path, spec: BackendSpec, *, part: Part = "accused", prompts: Sequence[Path] = (), max_tokens: int = 64
) -> DescribePlan:
    """Find the distinct texts that the embedding scorers would embed, and the requests that describe them.

    Raises:
        InputError: the folder is no run, or its table of descriptions is damaged.
    """
    answers = without = 0
    distinct: dict[str, str] = {}
    for item in _items(folder):
        found = find_in_item(item, part)
        answers += 1
        without += not found.passages
        for passage in found.passages:
            distinct.setdefault(text_hash(passage.text), passage.text)
    table = read_descriptions(folder / TABLE)
    texts: dict[str, str] = {}
    requests: list[Request] = []
    too_long = known = 0
    for digest, text in distinct.items():
        if len(text) > _LONGEST:
            too_long += 1
            continue
        prompt = describe_prompt(text, prompts)
        row = table.get(digest)
        if row is not None and (row.checked or (row.prompt, row.model) == (prompt, _name(spec))):
            known += 1
            continue
        turns = (Turn("user", (prompt,)),)
        request = make_request(spec.model, Prompt(turns), Generation(max_tokens=max_tokens))
        texts[request.key] = text
        requests.append(request)
    return DescribePlan(folder, spec, texts, tuple(requests), answers, without, len(distinct), known, too_long)


def describe_prompt(text: str, prompts: Sequence[Path] = ()) -> str:
    """Render the few-shot prompt for a text."""
    template = open_templates(tuple(prompts)).environment.get_template(TEMPLATE)
    return template.render(text=plain(text)).rstrip("\n") + " "


def describe_texts(
    plan: DescribePlan,
    *,
    open_with: OpenBackend = open_backend,
    arrived: Callable[[Outcome], None] | None = None,
    budget: Budget | None = None,
) -> DescribeResult:
    """Ask for every missing description and append each to the run's table as it arrives.

    A failed call writes nothing, so the same command asks it again. The budget is that of this call: the table
    does not tell what its descriptions have cost.
    """
    if not plan.requests:
        return DescribeResult(0, 0, 0)
    prompts = {request.key: request.prompt.text for request in plan.requests}
    written = failed = retried = 0
    unavailable = ""
    try:
        backend = open_with(plan.spec, plan.folder / "scratch" / "describe")
        backend = backend if budget is None else budget.guard(plan.spec, backend)
        with _open_table(plan.folder / TABLE) as table:
            for key, outcome in backend.answer(iter(plan.requests)):
                line = _line(plan, key, prompts[key], outcome)
                if line:
                    table.write(line)
                    table.flush()
                    written += 1
                elif isinstance(outcome, Answer) or outcome.kind not in RETRIED:
                    failed += 1
                else:
                    retried += 1
                if arrived is not None:
                    arrived(outcome)
    except BackendUnavailable as error:
        unavailable = str(error)
    return DescribeResult(written, failed, len(plan.requests) - written - failed, unavailable)


def answer_descriptions(folder: Path) -> dict[str, str]:
    """Return a run's descriptions by text hash, for `answer_descriptions` of the embedding scorers."""
    return by_hash(read_descriptions(folder / TABLE).values())


def _line(plan: DescribePlan, key: str, prompt: str, outcome: Outcome) -> str:
    if not isinstance(outcome, Answer) or outcome.finish in ("refusal", "content-filter"):
        return ""
    text = plan.texts[key]
    description = clean_description(text, outcome.text)
    if not description:
        return ""
    return write_line(Description(text_hash(text), text, description, prompt, _name(plan.spec)))


def _open_table(path: Path) -> TextIO:
    """Open the table for appending; a last line that a kill cut off is taken away."""
    if path.is_file():
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            path.write_bytes(whole)
    return path.open("a", encoding="utf-8")


def _name(spec: BackendSpec) -> str:
    return spec.name or spec.model.name


def _items(folder: Path) -> Iterator[Item]:
    """Yield what the scorers see, read in pages so that no cursor stays open."""
    with Store(folder) as store:
        last = 0
        while rows := store.connection.execute(
            "SELECT ask.id, sample.data, ask.question, outcome.data FROM ask JOIN outcome USING (request) "
            "JOIN sample ON sample.id = ask.sample WHERE ask.id > ? AND ask.purpose = 'answer' "
            "AND outcome.kind = 'answer' ORDER BY ask.id LIMIT ?",
            (last, _PAGE),
        ).fetchall():
            last = rows[-1][0]
            yield from _read(rows)


def _read(rows: Iterable[tuple[int, str, str, str]]) -> Iterator[Item]:
    for _, sample, question, answer in rows:
        yield Item(_SAMPLE.validate_json(sample), _QUESTION.validate_json(question), _ANSWER.validate_json(answer))
