"""A run as one flat table: what reports read."""

import json
import math
from array import array
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from vlm_eval.flow import Sample
from vlm_eval.runs.joined import join_views
from vlm_eval.runs.judging import readings_of
from vlm_eval.runs.one_by_one import rule_of
from vlm_eval.runs.scores import Scores, read_scores
from vlm_eval.runs.store import Store
from vlm_eval.scoring.anomaly_score import AnomalyScore

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

COLUMNS = (
    "model", "cell", "card", "sample_id", "object_class", "group", "gold", "defect_type", "round", "repeat",
    "status", "failure", "text", "finish", "verdict", "verdict_reason", "words", "label", "anomaly_score",
    "yes_no_mass", "score_source", "latency", "prompt_tokens", "completion_tokens", "metadata",
)  # fmt: skip
_OF_ANSWER = ("text", "finish", "latency", "prompt_tokens", "completion_tokens")
_OF_SCORE = ("anomaly_score", "yes_no_mass", "score_source")
_OF_ASK = ("model", "cell", "round", "repeat", "status", "failure", *_OF_ANSWER, *_OF_SCORE)
_OF_SAMPLE = ("card", "sample_id", "object_class", "group", "gold", "defect_type", "metadata")
_ROWS = ("ask", "sample", "view")  # numbers that are held apart, eight bytes each
_JUDGED = ("verdict", "words", "labels")  # scorers
_SAMPLE = TypeAdapter(Sample)

_Columns = dict[str, Any]
"""What pandas makes columns of, by name. Objects for each ask, as rows need, would take many times the memory."""


def read_frame(
    folder: Path, score_source: str | None = None, join: str | None = None, *, asks: bool = False
) -> "pd.DataFrame":
    """Read a run folder, one row an ask for an answer; views that were asked one by one are joined to one row.

    `round` is 0 for the question and counts the follow-ups of a conversation; `gold` is yes, no, unknown or
    unanswerable; `verdict` is anomalous, normal or None with its `verdict_reason`;
    `anomaly_score` comes from one source a model, which `score_source` names: P(yes) / (P(yes) + P(no)) of the
    forced yes/no follow-up where no other is chosen, NaN where it was not asked. Asks of one sample share its
    `metadata`.

    Args:
        folder: the run folder.
        score_source: one of `runs.scores.SOURCES`, such as "votes"; by default the one chosen for the run, or what
            the store holds.
        join: a rule of `runs.one_by_one.RULES`; by default the run's own.
        asks: with a column `ask`, the row of the ask in the store; of joined views that of the one that decides,
            beside those of all of them, `views`.

    Raises:
        RunFolderError: the folder holds no readable run.
        ExperimentError: there is no such score source, or no such rule or nothing to join.
    """
    with Store(folder) as store:
        rule = rule_of(store, join)
        frame = _read(store, score_source, views=rule is not None, asks=asks)
    return frame if rule is None else join_views(frame, rule)


def read_views(folder: Path, score_source: str | None = None) -> "pd.DataFrame":
    """Read a run folder as `read_frame` does, unjoined, with the columns `view` (from 0) and `ask`."""
    with Store(folder) as store:
        return _read(store, score_source, views=True, asks=True)


def _read(store: Store, score_source: str | None, *, views: bool, asks: bool) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    rows = tuple(array("q") for _ in _ROWS)
    columns = _ask_columns(store, read_scores(store, score_source), rows)
    ask, sample, view = (np.frombuffer(row, np.int64) for row in rows)
    columns |= _sample_columns(store, sample)
    columns |= _judged_columns(store, ask)
    columns |= ({"view": view} if views else {}) | ({"ask": ask} if asks else {})
    names = [*COLUMNS, *(name for name in ("view", "ask") if name in columns)]
    return pd.DataFrame({name: pd.Series(columns.pop(name)) for name in names}, copy=False)


def _ask_columns(store: Store, scores: Scores, into: "tuple[array[int], ...]") -> _Columns:
    """Read what stands with the asks and their outcomes; append the rows of ask and sample, and the view."""
    lists: tuple[list[Any], ...] = tuple([] for _ in _OF_ASK)
    rows = store.connection.execute(
        "SELECT ask.id, ask.sample, ask.view, model.name, cell.name, ask.round, ask.repeat, kind, outcome.data "
        "FROM ask JOIN model ON model.id = ask.model JOIN cell ON cell.id = ask.cell "
        "LEFT JOIN outcome USING (request) WHERE purpose = 'answer' ORDER BY ask.id"
    )
    for ask, sample, view, *place, kind, data in rows:
        for numbers, number in zip(into, (ask, sample, view), strict=True):
            numbers.append(number)
        for held, value in zip(lists, (*place, *_outcome(kind, data), *_score(scores.get(ask))), strict=True):
            held.append(_same(value) if type(value) is str else value)
    return dict(zip(_OF_ASK, lists, strict=True))


def _outcome(kind: str | None, data: str) -> tuple[Any, ...]:
    if kind != "answer":
        return ("open" if kind is None else "failed", kind, *(None for _ in _OF_ANSWER))
    answer = json.loads(data)
    return ("answered", None, *(answer.get(name) for name in _OF_ANSWER))


def _score(found: AnomalyScore | None) -> tuple[float, float, str | None]:
    return (
        (math.nan, math.nan, None) if found is None else (_number(found.value), _number(found.mass), found.source)
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _sample_columns(store: Store, rows: "npt.NDArray[np.int64]") -> _Columns:
    """Read what is known of each sample once, and repeat it for its asks."""
    import numpy as np
    import pandas as pd

    used, place = np.unique(rows, return_inverse=True)
    known = store.connection.execute("SELECT id, data FROM sample")
    facts = {row: _facts(_SAMPLE.validate_json(data)) for row, data in known}
    told = [facts[row] for row in used.tolist()]
    return {
        name: pd.Series([fact[number] for fact in told]).array.take(place)
        for number, name in enumerate(_OF_SAMPLE)
    }


def _facts(sample: Sample) -> tuple[Any, ...]:
    gold, place = sample.gold, (sample.card, sample.id, sample.object_class, sample.group)
    return (*place, gold.anomalous, gold.defect_type, dict(sample.metadata))


def _judged_columns(store: Store, asks: "npt.NDArray[np.int64]") -> _Columns:
    """Read the values of judgements, and why there is no verdict; None where an ask was not judged."""
    import numpy as np

    reasons: list[Any] = [None] * asks.size
    columns: _Columns = {"verdict_reason": reasons}
    for column, scorer in zip(("verdict", "words", "label"), _JUDGED, strict=True):
        values = columns[column] = [None] * asks.size
        for page in readings_of(store, scorer):
            places = np.searchsorted(asks, [ask for ask, _, _ in page]).tolist()
            for place, (ask, value, reason) in zip(places, page, strict=True):
                if place < asks.size and asks[place] == ask:
                    values[place] = _same(value) if type(value) is str else value
                    if column == "verdict":
                        reasons[place] = reason and _same(reason)
    return columns


@lru_cache(maxsize=4096)
def _same(text: str) -> str:
    """Return a string that is held once, however many asks repeat it."""
    return text
