"""A run as one flat table: what reports read."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from vlm_eval.flow import Sample
from vlm_eval.runs.judging import judgements_of
from vlm_eval.runs.store import Store

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "model", "cell", "card", "sample_id", "object_class", "group", "gold", "defect_type", "repeat", "status",
    "failure", "text", "finish", "verdict", "verdict_reason", "words", "label", "anomaly_score", "yes_no_mass",
    "latency", "prompt_tokens", "completion_tokens", "metadata",
)  # fmt: skip
_SAMPLE = TypeAdapter(Sample)


def read_frame(folder: Path) -> "pd.DataFrame":
    """Read a run folder, one row an ask for an answer.

    `gold` is yes, no, unknown or unanswerable; `verdict` is anomalous, normal or None with its `verdict_reason`;
    `anomaly_score` is P(yes) / (P(yes) + P(no)) of the forced yes/no follow-up, NaN where it was not asked.

    Raises:
        RunFolderError: the folder holds no readable run.
    """
    import pandas as pd

    with Store(folder) as store:
        samples = {
            row: _SAMPLE.validate_json(data)
            for row, data in store.connection.execute("SELECT id, data FROM sample")
        }
        scores = _scores(store)
        judgements = {
            (ask, name): judgement
            for name in ("verdict", "words", "labels")
            for ask, judgement in judgements_of(store, name).items()
        }
        rows = [
            _row(ask, samples[ask[3]], scores, judgements)
            for ask in store.connection.execute(
                "SELECT ask.id, model.name, cell.name, ask.sample, ask.repeat, outcome.kind, outcome.data, "
                "ask.model, ask.cell FROM ask JOIN model ON model.id = ask.model JOIN cell ON cell.id = ask.cell "
                "LEFT JOIN outcome USING (request) WHERE purpose = 'answer' ORDER BY ask.id"
            )
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _scores(store: Store) -> dict[tuple[int, int, int], tuple[float, float]]:
    """Return (anomaly score, mass of yes and no) by (model, sample, cell), by what a yes meant there."""
    found = {}
    for model, sample, cell, question, data in store.connection.execute(
        "SELECT ask.model, sample, cell, question, outcome.data FROM ask JOIN outcome USING (request) "
        "WHERE purpose = 'score' AND kind = 'answer'"
    ):
        pair, means = json.loads(data)["yes_no"], json.loads(question)["yes_means"]
        if pair is not None and means is not None:
            yes, no = math.exp(pair["yes"]), math.exp(pair["no"])
            if yes + no > 0:
                claimed = yes if means == "anomalous" else no
                found[(model, sample, cell)] = (claimed / (yes + no), yes + no)
    return found


def _row(ask: Any, sample: Sample, scores: Any, judgements: Any) -> tuple[Any, ...]:
    identity, model, cell, sample_row, repeat, kind, data, model_row, cell_row = ask
    answer = json.loads(data) if kind == "answer" else {}
    status = "answered" if kind == "answer" else "open" if kind is None else "failed"
    verdict, words, label = (judgements.get((identity, name)) for name in ("verdict", "words", "labels"))
    score, mass = scores.get((model_row, sample_row, cell_row), (math.nan, math.nan))
    return (
        model, cell, sample.card, sample.id, sample.object_class, sample.group, sample.gold.anomalous,
        sample.gold.defect_type, repeat, status, kind if status == "failed" else None, answer.get("text"),
        answer.get("finish"), verdict and verdict.value, verdict and verdict.reason, words and words.value,
        label and label.value, score, mass, answer.get("latency"), answer.get("prompt_tokens"),
        answer.get("completion_tokens"), dict(sample.metadata),
    )  # fmt: skip
