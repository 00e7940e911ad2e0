"""A run as one flat table: what reports read."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from vlm_eval.flow import Sample
from vlm_eval.runs.judging import judgements_of
from vlm_eval.runs.scores import Scores, read_scores
from vlm_eval.runs.store import Store

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "model", "cell", "card", "sample_id", "object_class", "group", "gold", "defect_type", "round", "repeat",
    "status", "failure", "text", "finish", "verdict", "verdict_reason", "words", "label", "anomaly_score",
    "yes_no_mass", "score_source", "latency", "prompt_tokens", "completion_tokens", "metadata",
)  # fmt: skip
_SAMPLE = TypeAdapter(Sample)


def read_frame(folder: Path, score_source: str | None = None) -> "pd.DataFrame":
    """Read a run folder, one row an ask for an answer.

    `round` is 0 for the question and counts the follow-ups of a conversation; `gold` is yes, no, unknown or
    unanswerable; `verdict` is anomalous, normal or None with its `verdict_reason`;
    `anomaly_score` comes from one source a model, which `score_source` names: P(yes) / (P(yes) + P(no)) of the
    forced yes/no follow-up where no other is chosen, NaN where it was not asked.

    Args:
        folder: the run folder.
        score_source: one of `runs.scores.SOURCES`, such as "votes"; by default the one chosen for the run, or what
            the store holds.

    Raises:
        RunFolderError: the folder holds no readable run.
        ExperimentError: there is no such score source.
    """
    import pandas as pd

    with Store(folder) as store:
        samples = {
            row: _SAMPLE.validate_json(data)
            for row, data in store.connection.execute("SELECT id, data FROM sample")
        }
        scores = read_scores(store, score_source)
        judgements = {
            (ask, name): judgement
            for name in ("verdict", "words", "labels")
            for ask, judgement in judgements_of(store, name).items()
        }
        rows = [
            _row(ask, samples[ask[3]], scores, judgements)
            for ask in store.connection.execute(
                "SELECT ask.id, model.name, cell.name, ask.sample, ask.round, ask.repeat, kind, outcome.data "
                "FROM ask JOIN model ON model.id = ask.model JOIN cell ON cell.id = ask.cell "
                "LEFT JOIN outcome USING (request) WHERE purpose = 'answer' ORDER BY ask.id"
            )
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(ask: Any, sample: Sample, scores: Scores, judgements: Any) -> tuple[Any, ...]:
    identity, model, cell, _, number, repeat, kind, data = ask
    answer = json.loads(data) if kind == "answer" else {}
    status = "answered" if kind == "answer" else "open" if kind is None else "failed"
    verdict, words, label = (judgements.get((identity, name)) for name in ("verdict", "words", "labels"))
    found = scores.get(identity)
    score, mass = (math.nan, math.nan) if found is None else (_number(found.value), _number(found.mass))
    return (
        model, cell, sample.card, sample.id, sample.object_class, sample.group, sample.gold.anomalous,
        sample.gold.defect_type, number, repeat, status, kind if status == "failed" else None, answer.get("text"),
        answer.get("finish"), verdict and verdict.value, verdict and verdict.reason, words and words.value,
        label and label.value, score, mass, found and found.source, answer.get("latency"),
        answer.get("prompt_tokens"), answer.get("completion_tokens"), dict(sample.metadata),
    )  # fmt: skip


def _number(value: float | None) -> float:
    return math.nan if value is None else value
