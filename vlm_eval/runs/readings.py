"""Stored judgements with the place of the answer that they are about: what tables beside the main ones read."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from vlm_eval.flow import Judgement, Sample
from vlm_eval.runs.judging import read_judgement
from vlm_eval.runs.store import Store

_SAMPLE = TypeAdapter(Sample)


@dataclass(frozen=True, slots=True)
class Reading:
    """One judgement, and which answer of which model it reads."""

    ask: int
    model: str
    cell: str
    sample: Sample
    round: int
    repeat: int
    text: str  # of the answer; empty where the first of several repeats has none
    judgement: Judgement


def list_stored(store: Store) -> list[tuple[str, str]]:
    """Return the (scorer, version) pairs that judged the run, sorted."""
    return store.connection.execute(
        "SELECT DISTINCT scorer, version FROM judgement ORDER BY scorer, version"
    ).fetchall()


def read_readings(store: Store, scorer: str, version: str) -> list[Reading]:
    """Return the stored judgements of a scorer's version, in the order of the plan."""
    samples: dict[int, Sample] = {}
    rows = store.connection.execute(
        "SELECT ask.id, model.name, cell.name, ask.sample, sample.data, ask.round, ask.repeat, "
        "coalesce(CASE WHEN outcome.kind = 'answer' THEN outcome.data ->> 'text' END, ''), judgement.data "
        "FROM judgement JOIN ask ON ask.id = judgement.ask JOIN model ON model.id = ask.model "
        "JOIN cell ON cell.id = ask.cell JOIN sample ON sample.id = ask.sample "
        "LEFT JOIN outcome ON outcome.request = ask.request "
        "WHERE judgement.scorer = ? AND judgement.version = ? ORDER BY ask.id",
        (scorer, version),
    ).fetchall()
    found = []
    for ask, model, cell, row, data, round_, repeat, text, judged in rows:
        if row not in samples:
            samples[row] = _SAMPLE.validate_json(data)
        found.append(Reading(ask, model, cell, samples[row], round_, repeat, text, read_judgement(judged)))
    return found
