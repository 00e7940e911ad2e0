"""The tables of multiple-choice answers: accuracy with its interval, and MMAD's own aggregates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.mmad import ChoiceAnswer, ChoiceRow, choice_table
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.metrics.sampling import sampling
from vlm_eval.reports.files import Row, fields_of
from vlm_eval.reports.tables import heading_text, plain_table, with_interval
from vlm_eval.runs.readings import Reading

_CAPTION = (
    "MMAD's aggregates, in percent: detection is 100 - (overkill + miss) / 2; Average is a mean over data sets, "
    "F1 included. A question without an option picked is wrong; 'as published' is the same Average, but takes the "
    "last capital A to E of an answer and drops answers without one, skipping the next answer each time."
)
_SHORT = {
    "Anomaly Detection": "detect.",
    "Defect Classification": "defect class",
    "Defect Localization": "defect place",
    "Defect Description": "defect descr.",
    "Defect Analysis": "defect anal.",
    "Object Classification": "object class",
    "Object Analysis": "object anal.",
}


@dataclass(frozen=True, slots=True)
class ChoiceCell:
    """The choices of one model about one data set in one cell."""

    model: str
    card: str
    cell: str
    accuracy: Estimate  # over the questions whose right option is known; without an option picked: wrong
    unpicked: int
    rows: tuple[ChoiceRow, ...]  # MMAD's; empty where the questions have no subtasks
    published: tuple[ChoiceRow, ...]  # the same, read and summed up as its published evaluation does


def choice_cells(readings: Sequence[Reading]) -> list[ChoiceCell]:
    """Group the judgements of the scorer `choice` by model, data set and cell; without a key they drop out."""
    cells: dict[tuple[str, str, str], list[Reading]] = {}
    for one in readings:
        if one.judgement.details.get("right") is not None:
            cells.setdefault((one.model, one.sample.card, one.cell), []).append(one)
    return [_cell(*place, own) for place, own in cells.items()]


def _cell(model: str, card: str, cell: str, readings: Sequence[Reading]) -> ChoiceCell:
    hits = np.array([bool(one.judgement.details["hit"]) for one in readings], dtype=np.float64)
    drawn = sampling([one.sample.group for one in readings], [one.sample.object_class for one in readings])
    asked = [one for one in readings if "subtask" in one.sample.metadata]
    return ChoiceCell(
        model,
        card,
        cell,
        simple_rate(hits, np.zeros(hits.size, dtype=np.int64), drawn),
        sum(one.judgement.value is None for one in readings),
        tuple(choice_table([_answer(one, one.judgement.value) for one in asked])),
        tuple(choice_table([_answer(one, _published(one)) for one in asked], as_published=True)),
    )


def _published(reading: Reading) -> object:
    return reading.judgement.details["published"]


def _answer(reading: Reading, said: object) -> ChoiceAnswer:
    image = reading.sample.id.removeprefix(f"{reading.sample.card}/").rpartition("#")[0]
    subtask, right = str(reading.sample.metadata["subtask"]), str(reading.judgement.details["right"])
    return ChoiceAnswer(image, subtask, right, None if said is None else str(said))


def choice_tables(cells: Sequence[ChoiceCell]) -> Iterator[RenderableType]:
    """Draw the accuracy of each cell, and a table of MMAD's aggregates where the questions have subtasks."""
    for cell in cells:
        accuracy = cell.accuracy
        said = (
            f"{with_interval(accuracy)} % of {accuracy.items} questions right "
            f"({accuracy.clusters} clusters); {cell.unpicked} picked no option."
        )
        title = heading_text(f"choice: {cell.model} on {cell.card}, {cell.cell}")
        yield Group(title, Text(said), *_mmad(cell))


def _mmad(cell: ChoiceCell) -> list[RenderableType]:
    if not cell.rows:
        return []
    table = plain_table()
    table.add_column("")
    shown = [*cell.rows, cell.published[-1]]
    for row in shown:
        table.add_column("as published" if row is shown[-1] else row.dataset, justify="right")
    for subtask in cell.rows[0].subtasks:
        table.add_row(_SHORT.get(subtask, subtask), *(f"{row.subtasks[subtask]:.1f}" for row in shown))
    for name in ("average", "overkill", "miss", "recall", "precision", "f1"):
        values = [getattr(row, name) for row in shown]
        table.add_row(name, *("-" if value is None else f"{value:.1f}" for value in values))
    table.add_row("answered", *(f"{row.answered} of {row.asked}" for row in shown))
    return [table, Text(_CAPTION, style="dim")]


def choice_answer_rows(cells: Sequence[ChoiceCell]) -> Iterator[Row]:
    """Yield one row a cell, with the accuracy and its interval."""
    for cell in cells:
        place: Row = {"model": cell.model, "dataset": cell.card, "cell": cell.cell}
        yield {**place, "questions": cell.accuracy.items, "unpicked": cell.unpicked} | fields_of(
            "accuracy", cell.accuracy
        )


def mmad_rows(cells: Sequence[ChoiceCell]) -> Iterator[Row]:
    """Yield one row a cell, reading (ours, as published) and data set, with a last row "Average"; in percent."""
    for cell in cells:
        for reading, rows in (("ours", cell.rows), ("as published", cell.published)):
            for row in rows:
                place: Row = {"model": cell.model, "card": cell.card, "cell": cell.cell, "reading": reading}
                measures = ("average", "overkill", "miss", "recall", "precision", "f1", "answered", "asked")
                yield {
                    **place,
                    "dataset": row.dataset,
                    **row.subtasks,
                    **{name: getattr(row, name) for name in measures},
                }
