"""The store of one run: what was planned and what came back, safe at any moment."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from vlm_eval.errors import RunFolderError
from vlm_eval.flow import (
    RETRIED,
    Answer,
    Failure,
    Generation,
    Model,
    Outcome,
    Prompt,
    Purpose,
    Question,
    Recipe,
    Request,
    Sample,
    Turn,
    View,
)
from vlm_eval.prompting.cells import Cell
from vlm_eval.runs.schema import connect
from vlm_eval.views.render import reopen

PAGE = 256
_COMMIT_ROWS = 64
_COMMIT_SECONDS = 0.05
_SAMPLE = TypeAdapter(Sample)
_QUESTION = TypeAdapter(Question)
_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)
_GENERATION = TypeAdapter(Generation)
_ANSWER = TypeAdapter(Answer)
_FAILURE = TypeAdapter(Failure)


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


class Store:
    """A run folder's database. One process writes outcomes; the lock is taken by the runner."""

    def __init__(self, folder: Path, *, write: bool = False) -> None:
        self.folder = folder
        self.connection = connect(folder, write=write)
        self._guard = threading.RLock()
        self._pending = 0
        self._last_put = 0.0
        self._timer: threading.Timer | None = None
        self._ids: dict[tuple[str, Any], int] = {}
        self._views: dict[int, View] = {}

    def copy_in_memory(self) -> "Store":
        """Return a copy that can be changed without a trace."""
        copy = Store.__new__(Store)
        copy.__dict__.update(self.__dict__)
        copy.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.connection.backup(copy.connection)
        copy._ids = {}
        return copy

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Commit what is open and close the file."""
        with self._guard:
            self.flush()
            self.connection.close()

    # --- the record of the run

    def get_meta(self, name: str) -> Any:
        """Return a recorded value, or None."""
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_meta(self, name: str, value: Any) -> None:
        """Record a value as JSON."""
        with self._guard:
            self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))

    # --- planning

    def plan(self, asks: Iterable[Ask]) -> Growth:
        """Write a plan in one transaction; nothing is kept of it when it would orphan a stored answer.

        Raises:
            RunFolderError: an answer that is stored would no longer belong to its place in the plan.
        """
        with self._guard:
            before = self._count("ask")
            self._revised: set[int] = set()
            turn = 1 + (self.connection.execute("SELECT max(planned) FROM ask").fetchone()[0] or 0)
            self._ids.clear()
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                for ask in asks:
                    self._plan_one(ask, turn)
                self._refuse_orphans(turn)
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")
            self._ids.clear()
            total = self._count("ask")
        return Growth(total - before, total, len(self._revised))

    def _plan_one(self, ask: Ask, turn: int) -> None:
        model = self._row("model", "name", ask.model, spec=lambda: _dump(ask.request.model))
        cell = self._row(
            "cell",
            "name",
            ask.cell.name,
            ingredients=lambda: json.dumps(ask.cell.ingredients.levels()),
        )
        sample = self._sample_row(ask.sample)
        request = self._request_row(ask.request, model)
        address = (model, sample, cell, ask.question.round, ask.question.repeat, ask.purpose)
        question = self._question(ask.question)
        known = self.connection.execute(
            "SELECT id, request, question, planned FROM ask WHERE model = ? AND sample = ? AND cell = ? "
            "AND round = ? AND repeat = ? AND purpose = ?",
            address,
        ).fetchone()
        if known is None:
            self.connection.execute(
                "INSERT INTO ask (model, sample, cell, round, repeat, purpose, request, question, planned) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*address, request, question, turn),
            )
            return
        if known[3] == turn and known[1] != request:
            raise RunFolderError(
                f"The sample {ask.sample.id!r} is asked two different things in the cell {ask.cell.name!r} of one "
                "plan. Give data sets, samples and cells different names."
            )
        if known[1] != request and self._answered(known[1]):
            raise RunFolderError(
                f"The answer stored for the sample {ask.sample.id!r} in the cell {ask.cell.name!r} belongs to "
                "another prompt, picture or setting than the one now planned. Choose another --out folder."
            )
        self.connection.execute(
            "UPDATE ask SET request = ?, question = ?, planned = ? WHERE id = ?",
            (request, question, turn, known[0]),
        )
        if known[2] != question:
            self.connection.execute("DELETE FROM judgement WHERE ask = ?", (known[0],))

    def _sample_row(self, sample: Sample) -> int:
        """Return a sample's row; what is said of it now replaces what was said when it was first planned."""
        known = ("sample", sample.id) in self._ids
        data = "" if known else _SAMPLE.dump_json(sample).decode()
        row = self._row("sample", "sample_id", sample.id, data=lambda: data)
        if not known:
            stored = self.connection.execute("SELECT data FROM sample WHERE id = ?", (row,)).fetchone()[0]
            if stored != data:
                self._revise(row, stored, data)
        return row

    def _revise(self, row: int, stored: str, data: str) -> None:
        self.connection.execute("UPDATE sample SET data = ? WHERE id = ?", (data, row))
        if _truth(json.loads(stored)) != _truth(json.loads(data)):
            self._revised.add(row)
            self.connection.execute(
                "DELETE FROM judgement WHERE ask IN (SELECT id FROM ask WHERE sample = ?)", (row,)
            )

    def _question(self, question: Question) -> str:
        return _QUESTION.dump_json(question).decode()

    def _row(self, table: str, unique: str, value: str, **columns: Any) -> int:
        """Return the id of a row, inserted when it is new; columns are computed only then."""
        if (table, value) not in self._ids:
            found = self.connection.execute(f"SELECT id FROM {table} WHERE {unique} = ?", (value,)).fetchone()
            if found is None:
                names = ", ".join((unique, *columns))
                marks = ", ".join("?" * (1 + len(columns)))
                values = (value, *(compute() for compute in columns.values()))
                cursor = self.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
                found = (cursor.lastrowid,)
            self._ids[(table, value)] = found[0]
        return self._ids[(table, value)]

    def _request_row(self, request: Request, model: int) -> int:
        return self._row(
            "request",
            "key",
            request.key,
            model=lambda: model,
            prompt=lambda: json.dumps(self._prompt_form(request.prompt)),
            generation=lambda: _GENERATION.dump_json(request.generation).decode(),
            repeat=lambda: request.repeat,
        )

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
        row = self.connection.execute("SELECT kind FROM outcome WHERE request = ?", (request,)).fetchone()
        return row is not None and row[0] == "answer"

    def _refuse_orphans(self, turn: int) -> None:
        orphans = self.connection.execute(
            "SELECT count(*), min(sample.sample_id), min(cell.name) FROM ask JOIN outcome USING (request) "
            "JOIN sample ON sample.id = ask.sample JOIN cell ON cell.id = ask.cell "
            "WHERE ask.planned < ? AND outcome.kind = 'answer'",
            (turn,),
        ).fetchone()
        if orphans[0]:
            raise RunFolderError(
                f"{orphans[0]} stored answers are not part of the plan any more (such as the sample "
                f"{orphans[1]!r} in the cell {orphans[2]!r}). A run may grow, not shrink: "
                "choose another --out folder."
            )
        self.connection.execute("DELETE FROM ask WHERE planned < ?", (turn,))

    # --- asking

    def pending(self, model: str) -> Iterator[Request]:
        """Yield what a model is still to be asked, read in pages so that no cursor stays open."""
        retried = ", ".join(f"'{kind}'" for kind in sorted(RETRIED))
        last = 0
        while True:
            with self._guard:
                rows = self.connection.execute(
                    "SELECT request.id, key, prompt, generation, request.repeat, spec FROM request "
                    "JOIN model ON model.id = request.model LEFT JOIN outcome ON outcome.request = request.id "
                    f"WHERE request.id > ? AND model.name = ? AND (kind IS NULL OR kind IN ({retried})) "
                    "AND EXISTS (SELECT 1 FROM ask WHERE ask.request = request.id) "
                    "ORDER BY request.id LIMIT ?",
                    (last, model, PAGE),
                ).fetchall()
            if not rows:
                return
            for row in rows:
                yield self._load_request(*row[1:])
            last = rows[-1][0]

    def _load_request(self, key: str, prompt: str, generation: str, repeat: int, spec: str) -> Request:
        return Request(
            key, Model(**json.loads(spec)), self.load_prompt(prompt), _load_generation(generation), repeat
        )

    def load_prompt(self, form: str) -> Prompt:
        """Rebuild a prompt from its stored form."""
        turns = []
        for role, parts in json.loads(form):
            turns.append(
                Turn(role, tuple(self._text(p) if isinstance(p, int) else self._view(p[0], p[1]) for p in parts))
            )
        return Prompt(tuple(turns))

    def _text(self, row: int) -> str:
        with self._guard:
            return str(self.connection.execute("SELECT text FROM text WHERE id = ?", (row,)).fetchone()[0])

    def _view(self, role: Any, row: int) -> View:
        with self._guard:
            identity, path, recipe, width, height = self.connection.execute(
                "SELECT identity, path, recipe, width, height FROM view WHERE id = ?", (row,)
            ).fetchone()
        return reopen(role, Path(path), _RECIPE.validate_json(recipe), identity, (width, height))

    def put(self, key: str, outcome: Outcome) -> None:
        """Store an outcome: committed on arrival, or in groups when they come faster than 1,000 a second."""
        kind = "answer" if isinstance(outcome, Answer) else outcome.kind
        adapter: TypeAdapter[Any] = _ANSWER if isinstance(outcome, Answer) else _FAILURE
        with self._guard:
            now = time.monotonic()
            if self._pending == 0:
                self.connection.execute("BEGIN IMMEDIATE")
            self.connection.execute(
                "INSERT OR REPLACE INTO outcome SELECT id, ?, ?, ? FROM request WHERE key = ?",
                (kind, adapter.dump_json(outcome).decode(), time.time(), key),
            )
            self._pending += 1
            fast = now - self._last_put < 0.001
            self._last_put = now
            if not fast or self._pending >= _COMMIT_ROWS:
                self.flush()
            elif self._timer is None:
                self._timer = threading.Timer(_COMMIT_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Commit what is open."""
        with self._guard:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            pending, self._pending = self._pending, 0
            if pending and self.connection.in_transaction:  # a full disk has rolled it back already
                self.connection.execute("COMMIT")

    def note_sent(self, view: View, digest: str) -> bool:
        """Record the digest of the bytes that a view sent; say whether it was new.

        Raises:
            RunFolderError: the same identity was sent with other bytes before.
        """
        with self._guard:
            row = self.connection.execute("SELECT sent FROM view WHERE identity = ?", (view.identity,)).fetchone()
            if row is None or row[0] == digest:
                return False
            if row[0] is not None:
                raise RunFolderError(
                    f"{view.path} was sent with other bytes than before under the same identity. "
                    "The file or a picture library changed: start a new run folder."
                )
            self.connection.execute("UPDATE view SET sent = ? WHERE identity = ?", (digest, view.identity))
            return True

    def samples(self) -> Iterator[tuple[int, Sample]]:
        """Yield every sample with its row."""
        for row, data in self.connection.execute("SELECT id, data FROM sample ORDER BY id").fetchall():
            yield row, _SAMPLE.validate_json(data)

    def tally(self) -> dict[tuple[str, str], int]:
        """Count requests by (model name, outcome kind); kind `open` where there is none."""
        rows = self.connection.execute(
            "SELECT model.name, coalesce(kind, 'open'), count(*) "
            "FROM request JOIN model ON model.id = request.model "
            "LEFT JOIN outcome ON outcome.request = request.id "
            "WHERE EXISTS (SELECT 1 FROM ask WHERE ask.request = request.id) GROUP BY 1, 2"
        )
        return {(model, kind): count for model, kind, count in rows}

    def _count(self, table: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _truth(sample: dict[str, Any]) -> dict[str, Any]:
    """Leave out where files lie: data that moved has not changed."""
    gold = {name: value for name, value in sample["gold"].items() if name != "masks"}
    return {**sample, "gold": gold, "sources": None, "references": None, "marked": None}


def _dump(model: Model) -> str:
    return json.dumps({name: getattr(model, name) for name in Model.__slots__})


def _load_generation(text: str) -> Generation:
    return _GENERATION.validate_json(text)
