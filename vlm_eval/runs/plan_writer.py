"""Writes a plan into a run's tables: which sample, which cell, which model, and the request that answers it."""

import json
import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from vlm_eval.errors import RunFolderError
from vlm_eval.flow import Generation, Model, Prompt, Purpose, Question, Recipe, Request, Sample, View
from vlm_eval.prompting.cells import Cell

_SAMPLE = TypeAdapter(Sample)
_QUESTION = TypeAdapter(Question)
_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)
_GENERATION = TypeAdapter(Generation)
_REMEMBERED = 20_000  # rows of one table whose ids are kept in memory


@dataclass(frozen=True, slots=True)
class Ask:
    """One entry of the plan: who is asked what about which sample, and the request that answers it."""

    model: str
    sample: Sample
    cell: Cell
    question: Question
    purpose: Purpose
    request: Request


@dataclass(frozen=True, slots=True)
class Growth:
    """What planning changed: how many asks are new, and how many there are."""

    added: int
    total: int
    revised: int = 0  # items whose gold or words changed since they were first planned; they are judged again


class PlanWriter:
    """Writes asks inside a transaction of the caller's; holds what it has seen, within bounds."""

    def __init__(self, connection: sqlite3.Connection, turn: int) -> None:
        self.revised: set[int] = set()
        self._connection = connection
        self._turn = turn
        self._ids: dict[str, dict[Any, int]] = {}
        self._prompt: Prompt | None = None
        self._form = ""

    def write(self, ask: Ask) -> None:
        """Write one ask. Raises RunFolderError where it would take the place of another that is answered."""
        address, question = self._address(ask), _QUESTION.dump_json(ask.question).decode()
        request = self._request_row(ask.request, address[0])
        written = self._connection.execute(
            "INSERT INTO ask (model, sample, cell, round, repeat, purpose, view, request, question, planned) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (*address, request, question, self._turn),
        )
        if written.rowcount == 0:
            self._renew(ask, address, request, question)

    def _address(self, ask: Ask) -> tuple[Any, ...]:
        model = self._row("model", "name", ask.model, spec=lambda: _dump_model(ask.request.model))
        cell = self._row(
            "cell", "name", ask.cell.name, ingredients=lambda: json.dumps(ask.cell.ingredients.levels())
        )
        asked = ask.question
        sample = self._sample_row(ask.sample)
        return model, sample, cell, asked.round, asked.repeat, ask.purpose, asked.view or 0

    def _renew(self, ask: Ask, address: tuple[Any, ...], request: int, question: str) -> None:
        """Bring an ask up to date that an earlier plan, or this one, wrote already."""
        row, asked, stored, planned = self._connection.execute(
            "SELECT id, request, question, planned FROM ask WHERE model = ? AND sample = ? AND cell = ? "
            "AND round = ? AND repeat = ? AND purpose = ? AND view = ?",
            address,
        ).fetchone()
        if planned == self._turn and asked != request:
            raise RunFolderError(
                f"The sample {ask.sample.id!r} is asked two different things in the cell {ask.cell.name!r} of one "
                "plan. Give data sets, samples and cells different names."
            )
        if asked != request and self._answered(asked):
            raise RunFolderError(
                f"The answer stored for the sample {ask.sample.id!r} in the cell {ask.cell.name!r} belongs to "
                "another prompt, picture or setting than the one now planned. Choose another --out folder."
            )
        self._connection.execute(
            "UPDATE ask SET request = ?, question = ?, planned = ? WHERE id = ?",
            (request, question, self._turn, row),
        )
        if stored != question:
            self._connection.execute("DELETE FROM judgement WHERE ask = ?", (row,))

    def _sample_row(self, sample: Sample) -> int:
        """Return a sample's row; what is said of it now replaces what was said when it was first planned."""
        known = self._ids.get("sample", {}).get(sample.id)
        if known is not None:
            return known
        data = _SAMPLE.dump_json(sample).decode()
        row = self._row("sample", "sample_id", sample.id, data=lambda: data)
        stored = self._connection.execute("SELECT data FROM sample WHERE id = ?", (row,)).fetchone()[0]
        if stored != data:
            self._revise(row, stored, data)
        return row

    def _revise(self, row: int, stored: str, data: str) -> None:
        self._connection.execute("UPDATE sample SET data = ? WHERE id = ?", (data, row))
        if truth_of(json.loads(stored)) != truth_of(json.loads(data)):
            self.revised.add(row)
            self._connection.execute(
                "DELETE FROM judgement WHERE ask IN (SELECT id FROM ask WHERE sample = ?)", (row,)
            )

    def _row(self, table: str, unique: str, value: str, **columns: Any) -> int:
        """Return the id of a row, inserted when it is new; columns are computed only then."""
        ids = self._ids.setdefault(table, {})
        if value not in ids:
            found = self._connection.execute(f"SELECT id FROM {table} WHERE {unique} = ?", (value,)).fetchone()
            if len(ids) >= _REMEMBERED:
                ids.clear()
            ids[value] = found[0] if found else self._insert(table, unique, value, columns)
        return ids[value]

    def _insert(self, table: str, unique: str, value: str, columns: dict[str, Any]) -> int:
        names = ", ".join((unique, *columns))
        marks = ", ".join("?" * (1 + len(columns)))
        values = (value, *(compute() for compute in columns.values()))
        row = self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values).lastrowid
        return int(row or 0)

    def _request_row(self, request: Request, model: int) -> int:
        # Not remembered: there may be millions, each needed once. The key decides all other columns.
        if request.prompt is not self._prompt:  # the repeats of a question come one after the other
            self._prompt = request.prompt
            self._form = json.dumps(self._prompt_form(request.prompt), separators=(",", ":"))
        generation = _dump_generation(request.generation)
        written = self._connection.execute(
            "INSERT INTO request (key, model, prompt, generation, repeat) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            (request.key, model, self._form, generation, request.repeat),
        )
        if written.rowcount:
            return int(written.lastrowid or 0)
        found = self._connection.execute("SELECT id FROM request WHERE key = ?", (request.key,)).fetchone()
        return int(found[0])

    def _prompt_form(self, prompt: Prompt) -> list[list[Any]]:
        """Return turns as [role, parts]; a part is a text's id, or [role, a view's id]."""
        return [
            [
                turn.role,
                [
                    self._row("text", "text", part) if isinstance(part, str) else [part.role, self._view_row(part)]
                    for part in turn.parts
                ],
            ]
            for turn in prompt.turns
        ]

    def _view_row(self, view: View) -> int:
        return self._row(
            "view",
            "identity",
            view.identity,
            path=lambda: str(view.path),
            recipe=lambda: _RECIPE.dump_json(view.recipe).decode(),
            width=lambda: view.size[0],
            height=lambda: view.size[1],
        )

    def _answered(self, request: int) -> bool:
        row = self._connection.execute("SELECT kind FROM outcome WHERE request = ?", (request,)).fetchone()
        return row is not None and row[0] == "answer"


def truth_of(sample: dict[str, Any]) -> dict[str, Any]:
    """Leave out where files lie: data that moved has not changed."""
    gold = {name: value for name, value in sample["gold"].items() if name != "masks"}
    told = sample.get("auxiliary") or {}  # runs from before there were readings do not hold the key
    return {**sample, "auxiliary": told, "gold": gold, "sources": None, "references": None, "marked": None}


def _dump_model(model: Model) -> str:
    return json.dumps({name: getattr(model, name) for name in Model.__slots__})


@lru_cache(maxsize=256)
def _dump_generation(generation: Generation) -> str:
    return _GENERATION.dump_json(generation).decode()
