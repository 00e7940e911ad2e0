"""Answers that somebody else produced become a run: scored and reported like any other."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vlm_eval.data.loading import Dataset
from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Answer, Claim, Item, Question, ReplyField, Sample
from vlm_eval.runs.answer_table import AnswerRow, read_answers
from vlm_eval.runs.imported_items import import_items


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
    answered = [(row.model or table.stem, _item(row, sample, polarity)) for row, sample in placed]
    import_items(answered, folder, source=table.name, cards=[_card(dataset)])
    items = {sample.id for _, sample in placed}
    return Imported(len(answered), len(items), sum(sample.split == "test" for sample in dataset.samples))


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


def _item(row: AnswerRow, sample: Sample, polarity: Polarity) -> Item:
    question = Question(
        layout=polarity.layout,
        cell=row.cell or "imported",
        yes_means=polarity.yes_means,
        reply_fields=polarity.reply_fields,
        round=row.round,
        repeat=row.repeat,
    )
    return Item(sample, question, Answer(row.answer))


def _card(dataset: Dataset) -> dict[str, object]:
    card = dataset.card
    return {"name": card.name, "title": card.title, "licence": card.licence, "revision": card.revision}
