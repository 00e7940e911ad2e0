"""Joins stored answers to scorers: Items in, Judgements stored beside them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from vlm_eval.flow import Judgement, RepeatScorer, Scorer
from vlm_eval.runs.describe import answer_descriptions
from vlm_eval.runs.items import ItemReader
from vlm_eval.runs.one_by_one import refuse_views
from vlm_eval.runs.store import Store
from vlm_eval.scoring.human import HumanScorer
from vlm_eval.scoring.mapping_names import is_mapping_name
from vlm_eval.scoring.registry import open_scorer

_JUDGEMENT = TypeAdapter(Judgement)
_SCORINGS = "scorings"  # what was scored, [scorer, version], the latest last

_PAGE = 4096  # rows

AnyScorer = Scorer | RepeatScorer
Reading = tuple[int, str | bool | None, str | None]
"""An ask, the value of its judgement, and the reason where there is none."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a scorer's present version differs from the one before it on the same answers."""

    scorer: str
    version: str
    judged: int  # new judgements
    total: int  # judgements: one an answer, or one a question of a scorer over repeats
    abstained: int
    before: str | None  # the version that it is compared with
    changed: int  # values that differ
    unit: str = "answers"  # what is judged
    reasons: Mapping[str, int] = field(default_factory=dict)  # abstentions by reason, the commonest first
    note: str = ""  # what else must be known of it


def rescore(store: Store, scorers: Sequence[str]) -> list[Change]:
    """Judge with each scorer beside its older judgements, and say what changed.

    Raises:
        InputError: an unknown scorer, or human verdicts that do not fit the run.
    """
    opened = [_open(store, name) for name in scorers]
    changes = [_rescore(store, scorer) for scorer in opened]
    _judge_ceilings(store, scorers)
    return changes


def _rescore(store: Store, scorer: AnyScorer) -> Change:
    before = _version_before(store, scorer)
    judged = _judge(store, scorer)
    now, old = _stored(store, scorer.name, scorer.version), _stored(store, scorer.name, before)
    reasons = Counter(one.reason or "none" for one in now.values() if one.value is None)
    return Change(
        scorer.name,
        scorer.version,
        judged,
        len(now),
        sum(reasons.values()),
        before,
        sum(ask in now and now[ask].value != one.value for ask, one in old.items()),
        "questions" if isinstance(scorer, RepeatScorer) else "answers",
        dict(reasons.most_common()),
        _note(scorer, now),
    )


def _note(scorer: AnyScorer, now: Mapping[int, Judgement]) -> str:
    if not isinstance(scorer, HumanScorer):
        return ""
    used = sum(int(one.details.get("people") or 0) for one in now.values())
    return "" if used == scorer.size else f"{scorer.size - used} of {scorer.size} human verdicts meet no answer"


def judge_run(store: Store, scorers: Sequence[str]) -> int:
    """Judge every answer that a scorer's present version has not judged; return how many judgements are new."""
    judged = sum(_judge(store, _open(store, name)) for name in scorers)
    _judge_ceilings(store, scorers)
    return judged


def _judge_ceilings(store: Store, scorers: Sequence[str]) -> None:
    """Store what stands beside every mapping number: what the gold name itself would have been mapped to."""
    for name in filter(is_mapping_name, scorers):
        from vlm_eval.scoring.mapping_ceiling import open_ceiling

        _judge(store, open_ceiling(name, answer_descriptions(store.folder)))


def judgements_of(store: Store, name: str) -> dict[int, Judgement]:
    """Return the judgements of a scorer's present version by ask: the stored ones, the rest made now, unstored.

    Those of a scorer over repeats stand with the ask of the lowest repeat.
    """
    scorer = _open(store, name)
    found = _stored(store, scorer.name, scorer.version)
    for page in _new(store, scorer):
        found.update(page)
    return found


def readings_of(store: Store, name: str) -> Iterator[list[Reading]]:
    """Yield what `judgements_of` returns in pages, without details; of two of one ask the later holds."""
    scorer = _open(store, name)
    rows = store.connection.execute(
        "SELECT ask, data FROM judgement WHERE scorer = ? AND version = ?", (scorer.name, scorer.version)
    )
    while page := rows.fetchmany(_PAGE):
        yield [_reading(ask, data) for ask, data in page]
    for new in _new(store, scorer):
        yield [(ask, one.value, one.reason) for ask, one in new]


def _reading(ask: int, data: str) -> Reading:
    held = json.loads(data)
    return ask, held["value"], held["reason"]


def _open(store: Store, name: str) -> AnyScorer:
    scorer = open_scorer(name, answer_descriptions(store.folder))
    if isinstance(scorer, HumanScorer):
        refuse_views(store, "verdicts on items are no readings of answers: `vlm-eval report --human` takes them")
        columns = (("sample_id", "sample"), ("name", "model"), ("name", "cell"))
        known = [[row for (row,) in store.connection.execute(f"SELECT {c} FROM {t}")] for c, t in columns]
        scorer.refuse_misplaced(*known)
    return scorer


def _judge(store: Store, scorer: AnyScorer) -> int:
    judged = 0
    for page in _new(store, scorer):
        rows = [(ask, scorer.name, scorer.version, _JUDGEMENT.dump_json(one).decode()) for ask, one in page]
        store.connection.execute("BEGIN IMMEDIATE")
        store.connection.executemany("INSERT OR REPLACE INTO judgement VALUES (?, ?, ?, ?)", rows)
        store.connection.execute("COMMIT")
        judged += len(rows)
    _record(store, scorer)
    return judged


def _new(store: Store, scorer: AnyScorer) -> Iterator[list[tuple[int, Judgement]]]:
    """Yield pages of judgements that are not stored yet."""
    reader = ItemReader(store)
    if isinstance(scorer, RepeatScorer):
        yield list(_new_repeats(reader, scorer))
        return
    for model, name in reader.models():
        own = scorer.for_model(name) if isinstance(scorer, HumanScorer) else scorer
        for page in reader.unjudged(model, scorer.name, scorer.version):
            judgements = own.judge([item for _, item in page])
            yield [(ask, judgement) for (ask, _), judgement in zip(page, judgements, strict=True)]


def _new_repeats(reader: ItemReader, scorer: RepeatScorer) -> Iterator[tuple[int, Judgement]]:
    """Yield what differs from the stored judgement: a question is judged again when more repeats were answered."""
    for first, items, stored in reader.repeats(scorer.name, scorer.version):
        judgement = scorer.judge_repeats(items)
        if stored is None or read_judgement(stored) != judgement:
            yield first, judgement


def _record(store: Store, scorer: AnyScorer) -> None:
    scorings = store.get_meta(_SCORINGS) or []
    entry = [scorer.name, scorer.version]
    if not scorings or scorings[-1] != entry:
        store.set_meta(_SCORINGS, [one for one in scorings if one != entry] + [entry])


def _version_before(store: Store, scorer: AnyScorer) -> str | None:
    """Return the version of the last scoring with another one."""
    query = "SELECT DISTINCT version FROM judgement WHERE scorer = ? AND version <> ? ORDER BY version"
    known = [version for (version,) in store.connection.execute(query, (scorer.name, scorer.version))]
    recorded = [version for name, version in store.get_meta(_SCORINGS) or [] if name == scorer.name]
    return max(known, key=lambda one: recorded.index(one) if one in recorded else -1) if known else None


def _stored(store: Store, scorer: str, version: str | None) -> dict[int, Judgement]:
    rows = store.connection.execute(
        "SELECT ask, data FROM judgement WHERE scorer = ? AND version = ?", (scorer, version)
    )
    return {ask: read_judgement(data) for ask, data in rows}


def read_judgement(data: str) -> Judgement:
    """Read a stored judgement."""
    return _JUDGEMENT.validate_json(data)
