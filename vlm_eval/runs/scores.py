"""The anomaly score of each answer of a run, from one source a model; sources are never mixed."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import NamedTuple

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import YesNo
from vlm_eval.runs.judging import judgements_of
from vlm_eval.runs.store import Store
from vlm_eval.scoring.anomaly_score import AnomalyScore, Source, yes_no_score

_UNASKED: tuple[Source, ...] = ("yes-no", "yes-no-after-answer", "model")
_READ = ("votes", "verbalised", "verbalised:unit", "verbalised:hundred", "verbalised:percent")
SOURCES = (*_UNASKED, *_READ)
STORED = "stored"
_CHOSEN = "score_source"  # in the store's meta table
"""Names of the sources, see `vlm_eval.scoring.anomaly_score.Source`.

The first three lie in the store; where no source is chosen, the first of them that a model has is taken. The
others read the answers; what follows the colon is the scale that the question asked for.
"""

Scores = dict[int, AnomalyScore]
"""By the id of the ask for an answer."""


class _Place(NamedTuple):
    ask: int
    model: int
    sample: int
    cell: int
    round: int
    repeat: int
    view: int


def choose_source(store: Store, source: str) -> None:
    """Choose where a run's anomaly scores come from, for every report from now on; "stored" takes the choice back.

    Raises:
        ExperimentError: there is no such source.
    """
    _refuse_unknown(source)
    store.set_meta(_CHOSEN, None if source == STORED else source)


def _refuse_unknown(source: str) -> None:
    if source not in (STORED, *SOURCES):
        raise ExperimentError(f"There is no score source {source!r}. Known: {', '.join((STORED, *SOURCES))}.")


def read_scores(store: Store, source: str | None = None) -> Scores:
    """Return the score of each answer: of the source that is named, or else chosen for the run, or else stored.

    Raises:
        ExperimentError: there is no such source.
    """
    source = source or store.get_meta(_CHOSEN) or STORED
    _refuse_unknown(source)
    if source in _READ:
        # A baseline says nothing that could be read, and keeps its own score whatever is chosen for the others.
        return _with_own(_votes(store) if source == "votes" else _verbalised(store, source), store)
    stored = {"yes-no": _yes_no, "yes-no-after-answer": _yes_no_after_answer, "model": _own}
    found: Scores = {}
    held: set[int] = set()
    for name in _UNASKED if source == STORED else (source,):
        scores = stored[name](store)
        of_model = _models_of(store, scores)
        found |= {ask: score for ask, score in scores.items() if of_model[ask] not in held}
        held |= {of_model[ask] for ask, score in scores.items() if score.value is not None}
    return _with_own(found, store)


def _with_own(found: Scores, store: Store) -> Scores:
    """Add the own scores of each model that has no other."""
    own = _own(store)
    of_model = _models_of(store, found.keys() | own.keys())
    held = {of_model[ask] for ask, score in found.items() if score.value is not None and ask in of_model}
    return found | {ask: score for ask, score in own.items() if of_model[ask] not in held}


def _models_of(store: Store, asks: Collection[int]) -> dict[int, int]:
    return {place.ask: place.model for place in _answers(store) if place.ask in asks} if asks else {}


def _answers(store: Store) -> Iterator[_Place]:
    """Yield the asks for answers, read anew at each call: a list of a million would take 200 MB."""
    rows = store.connection.execute(
        "SELECT id, model, sample, cell, round, repeat, view FROM ask WHERE purpose = 'answer' ORDER BY id"
    )
    return (_Place(*row) for row in rows)


def _pairs(store: Store, *, after_answer: bool) -> Iterator[tuple[_Place, AnomalyScore]]:
    """Yield the scores of forced yes/no questions that stand alone, or that follow the model's own answer."""
    rows = store.connection.execute(
        "SELECT ask.id, ask.model, sample, cell, round, ask.repeat, view, question, outcome.data FROM ask "
        "JOIN outcome USING (request) WHERE purpose = 'score' AND kind = 'answer' AND (round > 0) = ?",
        (after_answer,),
    ).fetchall()
    for *place, question, data in rows:
        pair, means = json.loads(data)["yes_no"], json.loads(question)["yes_means"]
        if pair is not None and means is not None:
            yes, no = pair["yes"], pair["no"]
            own = YesNo(yes, no) if means == "anomalous" else YesNo(no, yes)
            yield _Place(*place), yes_no_score(own, "yes-no-after-answer" if after_answer else "yes-no")


def _yes_no(store: Store) -> Scores:
    scores = {(at.model, at.sample, at.cell, at.view): score for at, score in _pairs(store, after_answer=False)}
    places = ((at.ask, (at.model, at.sample, at.cell, at.view)) for at in _answers(store) if at.round == 0)
    return {ask: scores[place] for ask, place in places if place in scores} if scores else {}


def _yes_no_after_answer(store: Store) -> Scores:
    """Give each answer the score of the question that followed it, one round later."""
    pairs = _pairs(store, after_answer=True)
    scores = {(at.model, at.sample, at.cell, at.round - 1, at.repeat, at.view): score for at, score in pairs}
    places = ((at.ask, (at.model, at.sample, at.cell, at.round, at.repeat, at.view)) for at in _answers(store))
    return {ask: scores[place] for ask, place in places if place in scores} if scores else {}


def _own(store: Store) -> Scores:
    """Read the scores that came with the answers; a baseline has no other source, even where it gives none."""
    rows = store.connection.execute(
        "SELECT ask.id, data ->> 'score' FROM ask JOIN outcome USING (request) JOIN model ON model.id = ask.model "
        "WHERE purpose = 'answer' AND kind = 'answer' AND (data ->> 'score' IS NOT NULL OR "
        "model.spec ->> 'family' = 'baseline')"
    )
    return {ask: AnomalyScore(None if score is None else float(score), "model") for ask, score in rows}


def _votes(store: Store) -> Scores:
    """Give every repeat the share of its question, so that a mean over repeats is that share."""
    judged = judgements_of(store, "votes")
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for at in _answers(store):
        groups[(at.model, at.sample, at.cell, at.round, at.view)].append(at.ask)
    found: Scores = {}
    for members in groups.values():
        judgement = next((judged[ask] for ask in members if ask in judged), None)
        if judgement is not None:
            score = AnomalyScore(judgement.score, "votes", reason=judgement.reason)
            found |= dict.fromkeys(members, score)
    return found


def _verbalised(store: Store, source: str) -> Scores:
    judged = judgements_of(store, source)
    return {ask: AnomalyScore(one.score, "verbalised", reason=one.reason) for ask, one in judged.items()}
