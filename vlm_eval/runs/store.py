"""The store of one run: what was planned and what came back, safe at any moment."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
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
    Recipe,
    Request,
    Sample,
    Turn,
    View,
)
from vlm_eval.runs.plan_writer import Ask, Growth, PlanWriter
from vlm_eval.runs.schema import connect, database_path
from vlm_eval.runs.score_maps import with_map_kept
from vlm_eval.runs.shard import BEYOND, Shard
from vlm_eval.views.render import reopen

__all__ = ["PAGE", "Ask", "Growth", "Store", "is_open"]

PAGE = 256
Repeats = tuple[int, int]
"""The lowest and the highest number of a repeat; passes over sentinel items have numbers below 0."""

EVERYTHING: Repeats = (-(2**31), 2**31)
NO_SENTINELS: Repeats = (0, 2**31)
_COMMIT_ROWS = 64
_COMMIT_SECONDS = 0.05
_REMEMBERED = 4096  # texts, views, prompts ... that are kept in memory, so that millions of requests fit
_SAMPLE = TypeAdapter(Sample)
_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)
_GENERATION = TypeAdapter(Generation)
_ANSWER = TypeAdapter(Answer)
_FAILURE = TypeAdapter(Failure)
# What is asked by the plan, and by this process: a later round hangs on the answers before it, which are here.
# A prompt without turns stands for a round that cannot be asked.
_ASKED = (
    "request.prompt <> '[]' AND EXISTS (SELECT 1 FROM ask WHERE ask.request = request.id "
    "AND (ask.round > 0 OR (request.key >= ? AND request.key < ?))) AND request.repeat BETWEEN ? AND ?"
)

# An answer that was lost in an earlier run may have been charged; what comes after it must not hide that.
_PUT = (
    "INSERT INTO outcome VALUES (?, ?, ?, ?) ON CONFLICT (request) DO UPDATE SET kind = excluded.kind, "
    "at = excluded.at, data = CASE WHEN coalesce(outcome.data ->> 'lost', 0) > 0 THEN json_set(excluded.data, "
    "'$.lost', (excluded.data ->> 'lost') + (outcome.data ->> 'lost')) ELSE excluded.data END"
)


def is_open(kind: str) -> bool:
    """Say whether a request whose outcome is of this kind is still to be asked; `open` where it has none."""
    return kind == "open" or kind in RETRIED


class Store:
    """A run folder's database. One process writes outcomes; the lock is taken by the runner.

    With a shard, only its share of the plan is pending and counted; the plan itself is whole in every shard.
    """

    def __init__(self, folder: Path, *, write: bool = False, shard: Shard | None = None) -> None:
        self.folder = folder
        self._bounds = shard.bounds if shard else ("", BEYOND)
        self.connection = connect(folder, write=write)
        self._guard = threading.RLock()
        self._pending = 0
        self._last_put = 0.0
        self._closing = threading.Event()
        self._committer: threading.Thread | None = None
        self._trouble: sqlite3.Error | None = None  # that the committer met
        self._in_flight: dict[str, int] = {}  # rows of the requests that were handed out, by key
        self._models: dict[str, Model] = {}
        self._texts: dict[int, str] = {}
        self._views: dict[tuple[str, int], View] = {}
        self._prompts: dict[str, Prompt] = {}
        self._sent: dict[str, str] = {}

    def copy_in_memory(self) -> "Store":
        """Return a copy that can be changed without a trace."""
        copy = Store.__new__(Store)
        copy.__dict__.update(self.__dict__)
        copy.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.connection.backup(copy.connection)
        return copy

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Commit what is open and close the file."""
        self._closing.set()
        if self._committer is not None:
            self._committer.join()
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

    def plan(self, asks: Iterable[Ask], digest: str = "") -> Growth:
        """Write a plan in one transaction; nothing is kept of it when it would orphan a stored answer.

        Args:
            asks: the plan. They are not even looked at where the latest plan had the same digest.
            digest: of all that the asks follow from; empty where it is not known.

        Raises:
            RunFolderError: an answer that is stored would no longer belong to its place in the plan.
        """
        if digest and self.get_meta("plan digest") == digest:
            return Growth(0, self._count("ask"))
        with self._guard, self._transaction():
            self.set_meta("plan digest", digest)
            turn = self._next_turn()
            growth = self._write_plan(asks, turn)
            self._refuse_orphans(turn)
            return replace(growth, total=self._count("ask"))

    def extend(self, asks: Iterable[Ask]) -> Growth:
        """Add asks to the plan in one transaction and leave the others as they are.

        Raises:
            RunFolderError: an ask would take the place of another one that is answered.
        """
        with self._guard, self._transaction():
            return self._write_plan(asks, self._next_turn())

    def _write_plan(self, asks: Iterable[Ask], turn: int) -> Growth:
        before = self._count("ask")
        writer = PlanWriter(self.connection, turn)
        for ask in asks:
            writer.write(ask)
        total = self._count("ask")
        return Growth(total - before, total, len(writer.revised))

    def _next_turn(self) -> int:
        """Count the plans that were written; noted, as to look for the last among a million asks is slow."""
        noted = self.get_meta("turn")
        if noted is None:
            noted = self.connection.execute("SELECT max(planned) FROM ask").fetchone()[0] or 0
        self.set_meta("turn", int(noted) + 1)
        return int(noted) + 1

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.flush()
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def _refuse_orphans(self, turn: int) -> None:
        orphans = self.connection.execute(
            "SELECT count(*), min(sample.sample_id), min(cell.name) FROM ask JOIN outcome USING (request) "
            "JOIN sample ON sample.id = ask.sample JOIN cell ON cell.id = ask.cell "
            "WHERE ask.planned < ? AND ask.round = 0 AND ask.purpose <> 'sentinel' AND outcome.kind = 'answer'",
            (turn,),
        ).fetchone()
        if orphans[0]:
            raise RunFolderError(
                f"{orphans[0]} stored answers are not part of the plan any more (such as the sample "
                f"{orphans[1]!r} in the cell {orphans[2]!r}). A run may grow, not shrink: "
                "choose another --out folder."
            )
        # Which items are sentinels may change as a run grows; those that were asked are kept.
        self.connection.execute(
            "DELETE FROM ask WHERE planned < ? AND round = 0 AND NOT (purpose = 'sentinel' AND request IN "
            "(SELECT request FROM outcome WHERE kind = 'answer'))",
            (turn,),
        )

    # --- asking

    def pending(self, model: str, *, again: bool = True, repeats: Repeats = NO_SENTINELS) -> Iterator[Request]:
        """Yield what a model is still to be asked, read in pages so that no cursor stays open.

        Args:
            model: its name.
            again: also what failed in a way that may pass.
            repeats: the lowest and the highest number of a repeat.
        """
        retried = ", ".join(f"'{kind}'" for kind in sorted(RETRIED) if again)
        last = 0
        while True:
            with self._guard:
                rows = self.connection.execute(
                    "SELECT request.id, key, prompt, generation, request.repeat, spec FROM request "
                    "JOIN model ON model.id = request.model LEFT JOIN outcome ON outcome.request = request.id "
                    f"WHERE request.id > ? AND model.name = ? AND (kind IS NULL OR kind IN ({retried})) "
                    f"AND {_ASKED} ORDER BY request.id LIMIT ?",
                    (last, model, *self._bounds, *repeats, PAGE),
                ).fetchall()
            if not rows:
                return
            for row, key, *columns in rows:
                self._in_flight[key] = row
                yield self.load_request(key, *columns)
            last = rows[-1][0]

    def load_request(self, key: str, prompt: str, generation: str, repeat: int, spec: str) -> Request:
        """Rebuild a request from its columns and its model's spec."""
        if spec not in self._models:
            self._models[spec] = Model(**json.loads(spec))
        return Request(key, self._models[spec], self.load_prompt(prompt), _load_generation(generation), repeat)

    def load_prompt(self, form: str) -> Prompt:
        """Rebuild a prompt from its stored form; repeats of a question get the same one."""
        if form not in self._prompts:
            _make_room(self._prompts)
            self._prompts[form] = self._build_prompt(form)
        return self._prompts[form]

    def _build_prompt(self, form: str) -> Prompt:
        turns = []
        for role, parts in json.loads(form):
            turns.append(
                Turn(role, tuple(self._text(p) if isinstance(p, int) else self._view(p[0], p[1]) for p in parts))
            )
        return Prompt(tuple(turns))

    def _text(self, row: int) -> str:
        if row not in self._texts:
            _make_room(self._texts)
            with self._guard:
                found = self.connection.execute("SELECT text FROM text WHERE id = ?", (row,)).fetchone()
            self._texts[row] = str(found[0])
        return self._texts[row]

    def _view(self, role: Any, row: int) -> View:
        if (role, row) not in self._views:
            _make_room(self._views)
            with self._guard:
                identity, path, recipe, width, height = self.connection.execute(
                    "SELECT identity, path, recipe, width, height FROM view WHERE id = ?", (row,)
                ).fetchone()
            steps = _RECIPE.validate_json(recipe)
            self._views[(role, row)] = reopen(role, Path(path), steps, identity, (width, height))
        return self._views[(role, row)]

    def put(self, key: str, outcome: Outcome) -> None:
        """Store an outcome: committed on arrival, or in groups when they come faster than 1,000 a second."""
        if isinstance(outcome, Answer):
            outcome = with_map_kept(self.folder, outcome)
        kind = "answer" if isinstance(outcome, Answer) else outcome.kind
        adapter: TypeAdapter[Any] = _ANSWER if isinstance(outcome, Answer) else _FAILURE
        with self._guard:
            now = time.monotonic()
            if self._trouble is not None:
                raise self._trouble
            if self._pending == 0:
                self.connection.execute("BEGIN IMMEDIATE")
            self.connection.execute(
                _PUT,
                (self._row_of(key), kind, adapter.dump_json(outcome).decode(), time.time()),
            )
            self._pending += 1
            fast = now - self._last_put < 0.001
            self._last_put = now
            if not fast or self._pending >= _COMMIT_ROWS:
                self.flush()
            elif self._committer is None:
                self._committer = threading.Thread(target=self._commit_regularly, name="commit", daemon=True)
                self._committer.start()

    def _commit_regularly(self) -> None:
        # One thread for the whole run: to start one a group of rows costs more than to write them.
        while self._trouble is None and not self._closing.wait(_COMMIT_SECONDS):
            try:
                self.flush()
            except sqlite3.Error as error:
                self._trouble = error

    def _row_of(self, key: str) -> int:
        row = self._in_flight.pop(key, None)
        if row is None:
            row = self.connection.execute("SELECT id FROM request WHERE key = ?", (key,)).fetchone()[0]
        return int(row)

    def flush(self) -> None:
        """Commit what is open."""
        with self._guard:
            pending, self._pending = self._pending, 0
            if pending and self.connection.in_transaction:  # a full disk has rolled it back already
                self.connection.execute("COMMIT")

    def note_sent(self, view: View, digest: str) -> bool:
        """Record the digest of the bytes that a view sent; say whether it was new.

        Raises:
            RunFolderError: the same identity was sent with other bytes before.
        """
        if self._sent.get(view.identity) == digest:
            return False
        with self._guard:
            _make_room(self._sent)
            self._sent[view.identity] = digest
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

    def tally(self, repeats: Repeats = EVERYTHING) -> dict[tuple[str, str], int]:
        """Count requests by (model name, outcome kind); kind `open` where there is none."""
        rows = self.connection.execute(
            "SELECT request.model, coalesce(kind, 'open'), count(*) "
            "FROM request LEFT JOIN outcome ON outcome.request = request.id "
            f"WHERE {_ASKED} GROUP BY 1, 2",
            (*self._bounds, *repeats),
        )
        names = dict(self.connection.execute("SELECT id, name FROM model").fetchall())
        return {(names[model], kind): count for model, kind, count in rows}

    def _count(self, table: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def answered_keys(folder: Path) -> frozenset[str]:
    """Return the keys of the requests that a run folder holds an answer to; none where it is no run yet."""
    if not database_path(folder).is_file():
        return frozenset()
    with Store(folder) as store:
        rows = store.connection.execute(
            "SELECT key FROM request JOIN outcome ON outcome.request = request.id WHERE kind = 'answer'"
        )
        return frozenset(key for (key,) in rows)


def _make_room(memory: dict[Any, Any]) -> None:
    if len(memory) >= _REMEMBERED:
        memory.clear()


@lru_cache(maxsize=256)
def _load_generation(text: str) -> Generation:
    return _GENERATION.validate_json(text)
