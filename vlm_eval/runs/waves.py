"""Later rounds of a conversation, planned as the rounds before them are stored.

Round 0 is the question. Round r + 1 of an item holds its answers so far as turns of its prompt. The forced yes/no
question after the answer of round r is an ask of round r + 1 whose purpose is a score; the one that is asked alone
is of round 0.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from pydantic import TypeAdapter

from vlm_eval.backends.registry import capabilities
from vlm_eval.flow import Answer, BackendSpec, Failure, Generation, Question, Request, Sample
from vlm_eval.prompting.cells import Cell
from vlm_eval.prompting.environment import Templates, open_templates
from vlm_eval.prompting.render import render_round
from vlm_eval.prompting.rounds import AFTER_ANSWER, find_round
from vlm_eval.runs.follow_up import NOTHING, after_answer, asks_nothing, next_round
from vlm_eval.runs.plan import Plan
from vlm_eval.runs.store import PAGE, Ask, Store

NOT_ASKED = Failure("not-asked", "an earlier round of this conversation has no answer", attempts=0)
_QUESTION = TypeAdapter(Question)
_ANSWER = TypeAdapter(Answer)


@dataclass(frozen=True, slots=True)
class _Asked:
    """An ask of a round that has an outcome."""

    sample: Sample
    cell: Cell
    question: Question
    request: Request
    answer: Answer | None  # None: it failed


class Waves:
    """The later rounds of one model in a plan."""

    def __init__(self, plan: Plan, spec: BackendSpec) -> None:
        self.rounds = () if capabilities(spec).support else tuple(plan.experiment.rounds)
        self.scored = plan.scores_after_answer(spec)
        self._plan = plan
        self._spec = spec

    @property
    def count(self) -> int:
        """Return how many waves follow the first: one a round, and one for the yes/no after the last answer."""
        return len(self.rounds) + self.scored

    @cached_property
    def _templates(self) -> Templates:
        return open_templates(self._plan.prompts)

    @cached_property
    def _samples(self) -> Mapping[str, Sample]:
        return {sample.id: sample for sample in self._plan.samples}

    @cached_property
    def _cells(self) -> Mapping[str, Cell]:
        return {cell.name: cell for cell in self._plan.cells}

    @cached_property
    def _generation(self) -> Generation:
        return self._plan.generation(self._spec)

    def extend(self, store: Store, *, ended: bool) -> None:
        """Plan every round whose earlier round is stored.

        Args:
            store: of the run.
            ended: the wave before has ended, so that what failed in it makes the next round `not-asked`; and only
                what is new is planned. Before the first wave, everything is planned again and checked.

        Raises:
            RunFolderError: an answer that is stored belongs to other words of a round than those now given.
        """
        nothing: set[str] = set()
        store.extend(self._noting(store, ended, nothing))
        for key in sorted(nothing):
            store.put(key, NOT_ASKED)
        store.flush()

    def _noting(self, store: Store, ended: bool, nothing: set[str]) -> Iterator[Ask]:
        for ask in self.asks(store, ended=ended):
            if ask.request.prompt == NOTHING:
                nothing.add(ask.request.key)
            yield ask

    def asks(self, store: Store, *, ended: bool) -> Iterator[Ask]:
        """Yield the asks that follow what is stored, round by round.

        Each ask must be written to the plan before the next one is pulled.
        """
        for number in range(len(self.rounds) + self.scored):
            for asked in self._asked(store, number, ended):
                if number < len(self.rounds) and (asked.answer is not None or ended):
                    yield self._next(asked, number)
                if self.scored and asked.answer is not None and asked.answer.text.strip():
                    yield self._score(asked, asked.answer, number)

    def _next(self, asked: _Asked, number: int) -> Ask:
        name = self.rounds[number]
        question = replace(asked.question, yes_means=find_round(self._templates, name).yes_means, round=number + 1)
        if asked.answer is None:
            request = asks_nothing(asked.request, self._generation)
        else:
            request = next_round(asked.request, asked.answer, self._words(asked, name, number), self._generation)
        return Ask(self._name, asked.sample, asked.cell, question, "answer", request)

    def _score(self, asked: _Asked, answer: Answer, number: int) -> Ask:
        question = replace(
            asked.question,
            yes_means=find_round(self._templates, AFTER_ANSWER).yes_means,
            reply_fields=(),
            round=number + 1,
        )
        request = after_answer(asked.request, answer, self._words(asked, AFTER_ANSWER, number))
        return Ask(self._name, asked.sample, asked.cell, question, "score", request)

    @property
    def _name(self) -> str:
        return self._spec.name or self._spec.model.name

    def _words(self, asked: _Asked, name: str, number: int) -> str:
        said = self._plan.feedback.get((asked.sample.id, number + 1))
        return render_round(asked.sample, asked.cell.ingredients, name, self._templates, said)

    def foreseen(self, ask: Ask) -> Iterator[Ask]:
        """Yield what may follow a first question, each answer as long as it may be: for a forecast."""
        longest = Answer("word" * ask.request.generation.max_tokens)  # about four characters a token
        for number in range(len(self.rounds) + self.scored):
            asked = _Asked(ask.sample, ask.cell, ask.question, ask.request, longest)
            if self.scored:
                yield self._score(asked, longest, number)
            if number < len(self.rounds):
                ask = self._next(asked, number)
                yield ask

    def _asked(self, store: Store, number: int, ended: bool) -> Iterator[_Asked]:
        """Yield what has an outcome in a round, read in pages, as the asks that follow are written in between."""
        last = 0
        purpose = "answer" if number < len(self.rounds) else "score"
        while rows := store.connection.execute(
            _FOLLOWED, (last, self._name, number, ended, purpose, PAGE)
        ).fetchall():
            last = rows[-1][0]
            for _, sample, cell, question, kind, data, *request in rows:
                if sample in self._samples and cell in self._cells:
                    yield _Asked(
                        self._samples[sample],
                        self._cells[cell],
                        _QUESTION.validate_json(question),
                        store.load_request(*request),
                        _ANSWER.validate_json(data) if kind == "answer" else None,
                    )


# The last condition leaves out, in a later wave, what is followed already by more than a request for nothing.
# The plus keeps SQLite from finding the rows by model and sorting all of them for every page.
_FOLLOWED = """
SELECT ask.id, sample.sample_id, cell.name, ask.question, outcome.kind, outcome.data,
    request.key, request.prompt, request.generation, request.repeat, model.spec
FROM ask JOIN model ON model.id = +ask.model JOIN sample ON sample.id = ask.sample JOIN cell ON cell.id = ask.cell
JOIN request ON request.id = ask.request LEFT JOIN outcome ON outcome.request = ask.request
WHERE ask.id > ? AND model.name = ? AND ask.purpose = 'answer' AND ask.round = ?
    AND (outcome.kind IS NOT NULL OR request.prompt = '[]')
    AND NOT (? AND EXISTS (
        SELECT 1 FROM ask AS later JOIN request AS held ON held.id = later.request
        WHERE later.model = ask.model AND later.sample = ask.sample AND later.cell = ask.cell
            AND later.round = ask.round + 1 AND later.repeat = ask.repeat AND later.view = ask.view
            AND later.purpose = ? AND held.prompt <> '[]'))
ORDER BY ask.id LIMIT ?
"""
