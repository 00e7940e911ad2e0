"""Joins answers that exist already, by sample or from another run, to the prompts that a replay is asked."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from vlm_eval.backends.pictures import prompt_digest
from vlm_eval.backends.replay import RECORDED, write_recorded
from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Answer, BackendSpec, Outcome, Request
from vlm_eval.runs.answer_table import read_answers, read_rows
from vlm_eval.runs.plan import Plan
from vlm_eval.runs.store import Ask, Store

_ANSWER = TypeAdapter(Answer)
Address = tuple[str, str, int, int, int]  # sample id, cell, round, repeat, view
LaterAsks = Callable[[], Iterator[Ask]]


def join_recorded(plan: Plan, spec: BackendSpec, scratch: Path, later: LaterAsks = lambda: iter(())) -> None:
    """Write the recorded outcomes of a replay, by request key, to where its backend reads them.

    `later` yields the asks of later rounds that can be planned so far.

    A table with the columns `sample_id, answer[, model, cell, round, repeat, view]` or a run folder
    (`RUN[::MODEL]`) is joined; a table by request key or prompt digest needs no joining.

    Raises:
        ExperimentError: an unknown sample or cell, a row twice, several models, or a file that cannot be read.
    """
    source, _, model = spec.model.checkpoint.partition("::")
    path = Path(source)
    if path.is_dir():
        rows = list(_from_run(chain(plan.asks_of_model(spec), later()), path, model))
    elif _has_samples(path):
        rows = list(_from_table(plan, chain(plan.asks_of_model(spec), later()), path))
    else:
        return
    scratch.mkdir(parents=True, exist_ok=True)
    write_recorded(scratch / RECORDED, rows, by="key")


def _from_run(asks: Iterator[Ask], folder: Path, model: str) -> Iterator[tuple[str, Outcome]]:
    """Yield (request key, answer) for each planned request that the other run has answered."""
    with Store(folder) as store:
        names = [name for (name,) in store.connection.execute("SELECT name FROM model ORDER BY id")]
        chosen = model or (names[0] if len(names) == 1 else "")
        if chosen not in names:
            raise ExperimentError(
                f"The run {folder} holds the models {', '.join(names)}. Say which: replay:{folder}::MODEL"
            )
        rows = store.connection.execute(
            "SELECT prompt, generation, repeat, data FROM request JOIN outcome ON outcome.request = request.id "
            "JOIN model ON model.id = request.model WHERE kind = 'answer' AND name = ?",
            (chosen,),
        ).fetchall()
        recorded = {
            (prompt_digest(store.load_prompt(prompt)), bool(json.loads(generation)["yes_no"]), repeat): data
            for prompt, generation, repeat, data in rows
        }
    for request in _requests(asks):
        place = (prompt_digest(request.prompt), request.generation.yes_no, request.repeat)
        if place in recorded:
            yield request.key, _ANSWER.validate_json(recorded[place])


def _requests(asks: Iterator[Ask]) -> Iterator[Request]:
    seen: set[str] = set()
    for ask in asks:
        if ask.request.key not in seen:
            seen.add(ask.request.key)
            yield ask.request


def _has_samples(path: Path) -> bool:
    return any("sample_id" in row for row in _first(path))


def _first(path: Path) -> list[dict[str, Any]]:
    return list(islice(read_rows(path), 1))


def _from_table(plan: Plan, asks: Iterator[Ask], path: Path) -> Iterator[tuple[str, Outcome]]:
    answers = _read_table(plan, path)
    # A later round is planned when the one before is answered: until then its row is not out of place.
    later = range(1, 1 + len(plan.experiment.rounds))
    left = {place: text for place, text in answers.items() if place[2] not in later}
    placed: dict[str, tuple[str, str]] = {}
    for ask in asks:
        asked = ask.question
        address = (ask.sample.id, ask.cell.name, asked.round, asked.repeat, asked.view or 0)
        if ask.purpose != "answer" or address not in answers:
            continue
        left.pop(address, None)
        text, key = answers[address], ask.request.key
        if key in placed and placed[key][0] != text:
            raise ExperimentError(
                f"{path}: {ask.sample.id!r} and {placed[key][1]!r} show the same pictures and words, but have "
                "different answers. A replay cannot tell them apart: use `vlm-eval score`, which needs no prompts."
            )
        if key not in placed:
            placed[key] = (text, ask.sample.id)
            yield key, Answer(text)
    if left:
        sample, cell, number, repeat, view = next(iter(left))
        where = f"the sample {sample!r} in the cell {cell!r}, round {number}, repeat {repeat}, view {view}"
        raise ExperimentError(
            f"{path}: {len(left)} answers are for samples, cells, rounds, repeats or views that are not planned, "
            f"such as {where}. The samples look like {plan.samples[0].id!r}; the cells are "
            f"{', '.join(cell.name for cell in plan.cells)}."
        )


def _read_table(plan: Plan, path: Path) -> dict[Address, str]:
    answers: dict[Address, str] = {}
    models: Counter[str] = Counter()
    for number, row in read_answers(path):
        models[row.model or ""] += 1
        if row.cell is None and len(plan.cells) > 1:
            raise ExperimentError(f"{path}, row {number}: the grid has several cells, so each row needs a cell.")
        address = (row.sample_id, row.cell or plan.cells[0].name, row.round, row.repeat, row.view)
        if address in answers:
            raise ExperimentError(f"{path}, row {number}: a second answer for {address}. Keep one, or use repeat.")
        answers[address] = row.answer
    if len(models) > 1:
        raise ExperimentError(f"{path} holds several models ({', '.join(models)}). Make one file a model.")
    return answers
