"""The statements of a merge: `main` is the run that is made, `other` the one that is added."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter

from vlm_eval.flow import RETRIED, Question, Sample
from vlm_eval.prompting.cells import Cell, Ingredients
from vlm_eval.runs.store import PAGE, Ask, Store

_SAMPLE = TypeAdapter(Sample)
_QUESTION = TypeAdapter(Question)

_THEIR_ASK = """
CREATE TEMP VIEW their_ask AS SELECT
    ask.id, ask.round, ask.repeat, ask.purpose, ask.view, ask.question, request.key, ours_model.id AS model,
    ours_sample.id AS sample, ours_cell.id AS cell, sample.sample_id AS sample_id, cell.name AS cell_name
FROM other.ask JOIN other.request ON request.id = ask.request JOIN other.model ON model.id = ask.model
    JOIN other.sample ON sample.id = ask.sample JOIN other.cell ON cell.id = ask.cell
    LEFT JOIN main.model AS ours_model ON ours_model.name = model.name
    LEFT JOIN main.sample AS ours_sample ON ours_sample.sample_id = sample.sample_id
    LEFT JOIN main.cell AS ours_cell ON ours_cell.name = cell.name
"""
SAME_PLACE = (
    "ours.model = their_ask.model AND ours.sample = their_ask.sample AND ours.cell = their_ask.cell "
    "AND ours.round = their_ask.round AND ours.repeat = their_ask.repeat AND ours.purpose = their_ask.purpose "
    "AND ours.view = their_ask.view"
)
BOTH_OUTCOMES = (
    "FROM other.outcome AS theirs JOIN other.request ON request.id = theirs.request "
    "JOIN main.request AS our_request ON our_request.key = request.key "
)
_RETRIED = ", ".join(f"'{kind}'" for kind in sorted(RETRIED))
_WORTH = f"CASE WHEN {{0}} = 'answer' THEN 2 WHEN {{0}} IN ({_RETRIED}) THEN 0 ELSE 1 END"


@contextmanager
def attached(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Attach another run's database as `other`, with its asks as the view `their_ask` in our ids."""
    connection.execute("ATTACH DATABASE ? AS other", (str(path),))
    try:
        connection.execute(_THEIR_ASK)
        yield
        connection.execute("DROP VIEW their_ask")
    finally:
        connection.execute("DETACH DATABASE other")


def later_rounds(other: Store) -> Iterator[Ask]:
    """Yield the asks behind the first round, which only the run knows that answered the first."""
    last = 0
    while rows := other.connection.execute(
        "SELECT ask.id, model.name, sample.data, cell.name, question, purpose, key, prompt, generation, "
        "request.repeat, spec FROM ask JOIN model ON model.id = ask.model JOIN sample ON sample.id = ask.sample "
        "JOIN cell ON cell.id = ask.cell JOIN request ON request.id = ask.request "
        "WHERE ask.id > ? AND ask.round > 0 ORDER BY ask.id LIMIT ?",
        (last, PAGE),
    ).fetchall():
        last = rows[-1][0]
        for _, model, sample, cell, question, purpose, *request in rows:
            yield Ask(
                model,
                _SAMPLE.validate_json(sample),
                Cell(cell, Ingredients()),  # known by its name already
                _QUESTION.validate_json(question),
                purpose,
                other.load_request(*request),
            )


def join(connection: sqlite3.Connection) -> None:
    """Add outcomes, digests of sent pictures and facts of models, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        f"INSERT INTO main.outcome SELECT our_request.id, theirs.kind, theirs.data, theirs.at {BOTH_OUTCOMES} "
        "WHERE true ON CONFLICT (request) DO UPDATE SET kind = excluded.kind, data = excluded.data, "
        f"at = excluded.at WHERE {_WORTH.format('excluded.kind')} > {_WORTH.format('outcome.kind')}"
    )
    connection.execute(
        "UPDATE main.view SET sent = (SELECT sent FROM other.view AS theirs "
        "WHERE theirs.identity = view.identity) WHERE sent IS NULL"
    )
    connection.execute("INSERT OR IGNORE INTO main.meta SELECT * FROM other.meta WHERE name LIKE 'facts of %'")
    connection.execute("COMMIT")


def read_experiment(store: Store) -> dict[str, object]:
    """Return what a run records of how it was made, flat: `experiment.limit`, `packages.pillow` ..."""
    provenance = store.get_meta("provenance") or {}
    experiment = dict(store.get_meta("experiment") or {})
    models = [dict(model) for model in experiment.pop("models", [])]
    for model in models:
        model.pop("options", None)
    return {
        **experiment,
        "models": models,
        "version of vlm-eval": provenance.get("vlm_eval"),
        "templates": provenance.get("templates"),
        "cards": json.loads(json.dumps(provenance.get("cards"))),
    }
