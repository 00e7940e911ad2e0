"""Answers that somebody else produced become a run: scored and reported like any other."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vlm_eval.data.loading import Dataset
from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Answer, Claim, Generation, Model, Prompt, Question, ReplyField, Request, Sample, Turn
from vlm_eval.prompting.cells import Cell, Ingredients
from vlm_eval.runs.answer_table import AnswerRow, read_answers
from vlm_eval.runs.keys import make_request
from vlm_eval.runs.lock import run_lock
from vlm_eval.runs.store import Ask, Store


@dataclass(frozen=True, slots=True)
class Imported:
    """What was imported: answers, and how many items of the data set have one."""

    answers: int
    items: int
    of: int


@dataclass(frozen=True, slots=True)
class Polarity:
    """How the answers were asked for, as far as it decides their meaning."""

    yes_means: Claim | None = "anomalous"
    reply_fields: tuple[ReplyField, ...] = ()
    layout: str = "imported"


def import_answers(
    table: Path, dataset: Dataset, folder: Path, *, columns: Mapping[str, str] | None, polarity: Polarity
) -> Imported:
    """Write a table of answers as a run folder; importing the same table again changes nothing.

    Raises:
        ExperimentError: unknown sample ids, a second answer for the same place, or a table that cannot be read.
        RunFolderError: the folder holds other answers.
    """
    samples = {sample.id: sample for sample in dataset.samples}
    placed = list(_place(table, read_answers(table, columns), samples, dataset.card.name))
    asks = [(_ask(row, sample, table, polarity), row.answer) for row, sample in placed]
    with run_lock(folder), Store(folder, write=True) as store:
        store.plan(ask for ask, _ in asks)
        store.set_meta("provenance", {"imported": table.name, "cards": [_card(dataset)]})
        for ask, answer in asks:
            store.put(ask.request.key, Answer(answer))
    items = {sample.id for _, sample in placed}
    return Imported(len(asks), len(items), sum(sample.split == "test" for sample in dataset.samples))


def _place(
    table: Path, rows: list[tuple[int, AnswerRow]], samples: Mapping[str, Sample], card: str
) -> Iterator[tuple[AnswerRow, Sample]]:
    seen: Counter[tuple[object, ...]] = Counter()
    unknown = []
    for number, row in rows:
        sample = samples.get(row.sample_id) or samples.get(f"{card}/{row.sample_id}")
        if sample is None:
            unknown.append((number, row.sample_id))
            continue
        if row.view:
            raise ExperimentError(
                f"{table}, row {number}: an answer about view {row.view} of {sample.id!r}. Answers are "
                "imported about whole items: join those of its views first."
            )
        address = (sample.id, row.model, row.cell, row.round, row.repeat)
        seen[address] += 1
        if seen[address] > 1:
            raise ExperimentError(
                f"{table}, row {number}: a second answer for {sample.id!r}. Keep one, or use repeat."
            )
        yield row, sample
    if unknown:
        number, name = unknown[0]
        example = next(iter(samples))
        raise ExperimentError(
            f"{table}: {len(unknown)} sample ids are not in the data set, such as {name!r} in row {number}. "
            f"Its ids look like {example!r}."
        )


def _ask(row: AnswerRow, sample: Sample, table: Path, polarity: Polarity) -> Ask:
    model = Model("imported", row.model or table.stem)
    cell = row.cell or "imported"
    # The prompt is not known; its place keeps the keys of different answers apart.
    prompt = Prompt((Turn("user", (f"Imported answer about {sample.id}, cell {cell}, round {row.round}.",)),))
    question = Question(
        layout=polarity.layout,
        cell=cell,
        yes_means=polarity.yes_means,
        reply_fields=polarity.reply_fields,
        round=row.round,
        repeat=row.repeat,
    )
    request: Request = make_request(model, prompt, Generation(), row.repeat)
    return Ask(model.checkpoint, sample, Cell(cell, Ingredients()), question, "answer", request)


def _card(dataset: Dataset) -> dict[str, object]:
    card = dataset.card
    return {"name": card.name, "title": card.title, "licence": card.licence, "revision": card.revision}
