"""The review of a run: who said what of which answer, as events in a table that only grows."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from vlm_eval.runs.store import Store

Reading = Literal["yes", "no", "hedged", "skip"]
"""What a person says of an answer: it claims an anomaly, it claims that there is none, neither, or no saying."""
Action = Literal["agreed", "disputed", "show", "yes", "no", "hedged", "skip", "undo"]
"""`agreed` and `disputed`: an answer entered the draw, and the scorers agreed on it or not; without a reviewer."""

READINGS: tuple[Reading, ...] = get_args(Reading)
LABELS: tuple[Reading, ...] = ("yes", "no", "hedged")

_TABLE = (
    "CREATE TABLE IF NOT EXISTS review (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, "
    "reviewer TEXT NOT NULL, ask INTEGER NOT NULL REFERENCES ask, action TEXT NOT NULL, probability REAL)",
    "CREATE INDEX IF NOT EXISTS review_by_ask ON review (ask)",
    "CREATE TRIGGER IF NOT EXISTS review_is_not_changed BEFORE UPDATE ON review "
    "BEGIN SELECT RAISE(ABORT, 'events of a review are not changed'); END",
    "CREATE TRIGGER IF NOT EXISTS review_is_not_shortened BEFORE DELETE ON review "
    "BEGIN SELECT RAISE(ABORT, 'events of a review are not deleted'); END",
)


class ReviewLog:
    """The events of a run's review, and what follows from them at the moment of the latest `read`."""

    def __init__(self, store: Store) -> None:
        self.connection = store.connection
        self.disputed: dict[int, bool] = {}  # by ask: every answer that entered the draw
        self.said: dict[str, dict[int, Reading]] = {}  # by reviewer and ask, the latest last
        self.shown: dict[str, tuple[int, float]] = {}  # the latest ask shown to a reviewer, and when
        self._last = 0

    def create(self) -> None:
        """Make the table where the run has none."""
        with self._transaction():
            for statement in _TABLE:
                self.connection.execute(statement)

    def read(self) -> None:
        """Take in the events since the last time."""
        known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'review'"
        if self.connection.execute(known).fetchone() is None:
            return
        rows = self.connection.execute(
            "SELECT id, at, reviewer, ask, action FROM review WHERE id > ? ORDER BY id", (self._last,)
        ).fetchall()
        for number, at, reviewer, ask, action in rows:
            self._take(at, reviewer, ask, action)
            self._last = number

    def _take(self, at: float, reviewer: str, ask: int, action: Action) -> None:
        said = self.said.setdefault(reviewer, {}) if reviewer else {}
        if action in ("agreed", "disputed"):
            self.disputed.setdefault(ask, action == "disputed")
        elif action == "show":
            self.shown[reviewer] = (ask, at)
        else:
            said.pop(ask, None)
        if action in READINGS:
            said[ask] = action

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the right to write for a moment, with all events so far taken in, and take in the new ones."""
        with self._transaction():
            self.read()
            yield
        self.read()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def append(self, reviewer: str, ask: int, action: Action, probability: float | None = None) -> None:
        """Add an event; only inside `writing`.

        Raises:
            sqlite3.Error: it cannot be written.
        """
        if not self.connection.in_transaction:
            raise sqlite3.ProgrammingError("an event of a review is written inside ReviewLog.writing()")
        self.connection.execute(
            "INSERT INTO review (at, reviewer, ask, action, probability) VALUES (?, ?, ?, ?, ?)",
            (time.time(), reviewer, ask, action, probability),
        )

    def readings(self, ask: int) -> dict[str, Reading]:
        """Return what each reviewer says of an answer."""
        return {reviewer: said[ask] for reviewer, said in self.said.items() if ask in said}
