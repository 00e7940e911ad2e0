"""Joins stored answers to scorers: Items in, Judgements stored beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from vlm_eval.flow import Answer, Item, Judgement, Question, Sample, Scorer
from vlm_eval.runs.describe import answer_descriptions
from vlm_eval.runs.regions import with_region
from vlm_eval.runs.store import Store
from vlm_eval.scoring.registry import open_scorer

_BATCH = 1024
_SAMPLE = TypeAdapter(Sample)
_QUESTION = TypeAdapter(Question)
_ANSWER = TypeAdapter(Answer)
_JUDGEMENT = TypeAdapter(Judgement)


@dataclass(frozen=True, slots=True)
class Change:
    """How a scorer's present version differs from the one before it on the same answers."""

    scorer: str
    version: str
    judged: int  # new judgements
    total: int  # answers
    abstained: int
    before: str | None  # the version that it is compared with
    changed: int  # values that differ


def rescore(store: Store, scorers: Sequence[str]) -> list[Change]:
    """Judge with each scorer beside its older judgements, and say what changed."""
    changes = []
    for name in scorers:
        scorer = open_scorer(name, answer_descriptions(store.folder))
        earlier = [
            version
            for (version,) in store.connection.execute(
                "SELECT DISTINCT version FROM judgement WHERE scorer = ? AND version <> ? ORDER BY version",
                (scorer.name, scorer.version),
            )
        ]
        judged = judge_run(store, [name])
        changes.append(_change(store, scorer, judged, earlier[-1] if earlier else None))
    return changes


def _change(store: Store, scorer: Scorer, judged: int, before: str | None) -> Change:
    def values(version: str | None) -> dict[int, object]:
        rows = store.connection.execute(
            "SELECT ask, data FROM judgement WHERE scorer = ? AND version = ?", (scorer.name, version)
        )
        return {ask: read_judgement(data).value for ask, data in rows}

    now, old = values(scorer.version), values(before)
    return Change(
        scorer.name,
        scorer.version,
        judged,
        len(now),
        sum(value is None for value in now.values()),
        before,
        sum(ask in now and now[ask] != value for ask, value in old.items()),
    )


def judge_run(store: Store, scorers: Sequence[str]) -> int:
    """Judge every answer that a scorer's present version has not judged; return how many judgements are new."""
    judged = 0
    for name in scorers:
        scorer = open_scorer(name, answer_descriptions(store.folder))
        for page in _unjudged(store, scorer):
            judgements = scorer.judge([item for _, item in page])
            rows = [
                (ask, scorer.name, scorer.version, _JUDGEMENT.dump_json(judgement).decode())
                for (ask, _), judgement in zip(page, judgements, strict=True)
            ]
            store.connection.execute("BEGIN IMMEDIATE")
            store.connection.executemany("INSERT OR REPLACE INTO judgement VALUES (?, ?, ?, ?)", rows)
            store.connection.execute("COMMIT")
            judged += len(rows)
    return judged


def judgements_of(store: Store, name: str) -> dict[int, Judgement]:
    """Return the judgements of a scorer's present version by ask: the stored ones, the rest made now, unstored."""
    scorer = open_scorer(name, answer_descriptions(store.folder))
    rows = store.connection.execute(
        "SELECT ask, data FROM judgement WHERE scorer = ? AND version = ?", (scorer.name, scorer.version)
    )
    found = {ask: read_judgement(data) for ask, data in rows}
    for page in _unjudged(store, scorer):
        judged = scorer.judge([item for _, item in page])
        found |= {ask: judgement for (ask, _), judgement in zip(page, judged, strict=True)}
    return found


def _unjudged(store: Store, scorer: Scorer) -> Iterator[list[tuple[int, Item]]]:
    samples: dict[int, Sample] = {}
    last = 0
    while True:
        rows = store.connection.execute(
            "SELECT ask.id, ask.sample, ask.question, outcome.data FROM ask JOIN outcome USING (request) "
            "WHERE ask.id > ? AND ask.purpose = 'answer' AND outcome.kind = 'answer' AND NOT EXISTS "
            "(SELECT 1 FROM judgement WHERE ask = ask.id AND scorer = ? AND version = ?) ORDER BY ask.id LIMIT ?",
            (last, scorer.name, scorer.version, _BATCH),
        ).fetchall()
        if not rows:
            return
        last = rows[-1][0]
        yield [(ask, _item(store, samples, sample, question, data)) for ask, sample, question, data in rows]


def _item(store: Store, samples: dict[int, Sample], sample: int, question: str, data: str) -> Item:
    if sample not in samples:
        row = store.connection.execute("SELECT data FROM sample WHERE id = ?", (sample,)).fetchone()
        samples[sample] = with_region(store.folder, sample, _SAMPLE.validate_json(row[0]))
    return Item(samples[sample], _QUESTION.validate_json(question), _ANSWER.validate_json(data))


def read_judgement(data: str) -> Judgement:
    """Read a stored judgement."""
    return _JUDGEMENT.validate_json(data)
