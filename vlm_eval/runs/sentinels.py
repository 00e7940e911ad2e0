"""Sentinel items: the same few questions at the start and at the end of a run, so that a drifting model shows.

What is asked is what the run asks anyway, of some of its items in its first cell. So that it is asked again
although the answer is known, its key holds a number of the pass where others hold that of the repeat.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from vlm_eval.backends.registry import capabilities
from vlm_eval.flow import Answer, BackendSpec, Item, Question, Sample
from vlm_eval.runs.items import as_asked
from vlm_eval.runs.keys import make_request
from vlm_eval.runs.plan_writer import Ask
from vlm_eval.runs.store import Repeats, Store
from vlm_eval.scoring.verdict_scorer import VerdictScorer

if TYPE_CHECKING:
    from vlm_eval.runs.plan import Plan

FIRST, LAST = -1, -2  # repeats of a question count from 0
FIRST_PASS: Repeats = (FIRST, FIRST)
LAST_PASS: Repeats = (LAST, LAST)
_SAMPLE = TypeAdapter(Sample)
_QUESTION = TypeAdapter(Question)
_ANSWER = TypeAdapter(Answer)


@dataclass(frozen=True, slots=True)
class Pass:
    """One answer to a sentinel question."""

    text: str
    verdict: str | None  # anomalous, normal or None
    served_model: str | None
    at: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Sentinel:
    """A sentinel item with its answer at the start and at the end; None where there is no answer (yet)."""

    model: str
    cell: str
    sample_id: str
    object_class: str
    group: str
    first: Pass | None
    last: Pass | None


def choose_sentinels(samples: Sequence[Sample], count: int, seed: int) -> tuple[Sample, ...]:
    """Choose items by a digest of the seed and their ids: the same each time, and fewer are the first of more."""
    ordered = sorted(samples, key=lambda sample: sha256(f"{seed} {sample.id}".encode()).digest())
    return tuple(ordered[:count])


def has_sentinels(plan: "Plan", spec: BackendSpec) -> bool:
    """Say whether sentinel items are put to a model: not to baselines and recorded answers, which cannot drift."""
    recorded = spec.model.family == "replay"
    return plan.experiment.sentinels is not None and not recorded and not capabilities(spec).support


def sentinel_asks(plan: "Plan", spec: BackendSpec) -> Iterator[Ask]:
    """Yield both passes of the sentinel items, in the first cell of the grid."""
    if not has_sentinels(plan, spec):
        return
    for sample in choose_sentinels(plan.samples, plan.experiment.sentinels or 0, plan.experiment.seed):
        usual = next(plan.asks_about(spec, sample, plan.cells[0]))
        for repeat in (FIRST, LAST):
            request = make_request(spec.model, usual.request.prompt, usual.request.generation, repeat)
            yield replace(
                usual, question=replace(usual.question, repeat=repeat), purpose="sentinel", request=request
            )


def sentinel_notes(plan: "Plan") -> list[str]:
    """Say what sentinels add to a run."""
    count = min(plan.experiment.sentinels or 0, len(plan.samples))
    if not any(has_sentinels(plan, spec) for spec in plan.specs):
        return []
    return [
        f"{count} sentinel items are asked at the start and again at the end, in the cell {plan.cells[0].name}; "
        "they show drift and enter no other number."
    ]


def sentinel_problems(plan: "Plan") -> list[str]:
    """List models that can be asked nothing before and after the others."""
    return [
        f"{spec.name}: --batch asks everything at once, so sentinels would show no drift. Leave one of them out."
        for spec in plan.specs
        if has_sentinels(plan, spec) and spec.options.get("batch")
    ]


def read_sentinels(store: Store) -> list[Sentinel]:
    """Read every sentinel item with its two answers, which are read by the verdict scorer here and now."""
    verdicts = VerdictScorer()
    passes: dict[tuple[str, str, int], dict[int, Pass]] = {}
    samples: dict[int, Sample] = {}
    for model, cell, row, repeat, question, data, at in store.connection.execute(_SENTINELS):
        held = passes.setdefault((model, cell, row), {})
        if row not in samples:
            (form,) = store.connection.execute("SELECT data FROM sample WHERE id = ?", (row,)).fetchone()
            samples[row] = _SAMPLE.validate_json(form)
        if data is not None:
            answer = _ANSWER.validate_json(data)
            asked = as_asked(_QUESTION.validate_json(question), samples[row])
            (judged,) = verdicts.judge([Item(samples[row], asked, answer)])
            verdict = judged.value if isinstance(judged.value, str) else None
            held[repeat] = Pass(answer.text, verdict, answer.served_model, at)
    return [
        Sentinel(
            model,
            cell,
            samples[row].id,
            samples[row].object_class,
            samples[row].group,
            held.get(FIRST),
            held.get(LAST),
        )
        for (model, cell, row), held in passes.items()
    ]


def answers_outside(store: Store, model: str, first: float, last: float) -> int:
    """Count a model's other answers that came before its sentinels' first pass began or after their last one."""
    found = store.connection.execute(
        "SELECT count(*) FROM outcome JOIN request ON request.id = outcome.request "
        "JOIN model ON model.id = request.model "
        "WHERE model.name = ? AND kind = 'answer' AND request.repeat >= 0 AND (at < ? OR at > ?)",
        (model, first, last),
    ).fetchone()
    return int(found[0])


_SENTINELS = """
SELECT model.name, cell.name, ask.sample, ask.repeat, ask.question,
    CASE outcome.kind WHEN 'answer' THEN outcome.data END, outcome.at
FROM ask JOIN model ON model.id = ask.model JOIN cell ON cell.id = ask.cell LEFT JOIN outcome USING (request)
WHERE ask.purpose = 'sentinel' ORDER BY ask.id
"""
