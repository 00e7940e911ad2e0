"""MMAD's own aggregates over multiple-choice answers (Jiang et al. 2025, arXiv:2410.09453), in percent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

LETTERS = frozenset("ABCDE")
DETECTION = "Anomaly Detection"
_MERGED = {"Object Structure": "Object Analysis", "Object Details": "Object Analysis"}


class ChoiceAnswer(NamedTuple):
    """One question of the protocol and what was answered."""

    image: str  # its path in the data set: <dataset>/<class>/...; "good" in it marks a normal item
    subtask: str
    right: str  # option letter
    said: str | None  # option letter; None where the answer names none

    @property
    def dataset(self) -> str:
        """Return the first folder of the path."""
        return self.image.split("/")[0]


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """A row of the table, in percent; None where there is no question of that kind."""

    dataset: str
    subtasks: dict[str, float]  # accuracy by subtask; of detection: 100 - (overkill + miss) / 2
    average: float  # over the subtasks
    overkill: float | None = None
    miss: float | None = None
    recall: float | None = None
    precision: float | None = None
    f1: float | None = None
    answered: int = 0
    asked: int = 0


def choice_table(answers: Sequence[ChoiceAnswer], *, as_published: bool = False) -> list[ChoiceRow]:
    """Aggregate answers by data set, with a last row "Average" that is the mean over data sets, F1 included.

    Args:
        answers: in the order of the protocol.
        as_published: drop answers without a letter as the published summary does. It removes each one from the
            list that it walks through, and so skips the answer behind it too. By default such an answer is wrong.
    """
    counted = _as_published(answers) if as_published else list(answers)
    subtasks = list(dict.fromkeys(_subtask(answer) for answer in answers))
    datasets = dict.fromkeys(answer.dataset for answer in answers)
    rows = []
    for dataset in datasets:
        asked = sum(answer.dataset == dataset for answer in answers)
        rows.append(_row(dataset, [answer for answer in counted if answer.dataset == dataset], subtasks, asked))
    return [*rows, _mean_row(rows, subtasks)] if rows else []


def _as_published(answers: Sequence[ChoiceAnswer]) -> list[ChoiceAnswer]:
    left, kept, place = list(answers), [], 0
    while place < len(left):
        answer = left[place]
        if answer.right in LETTERS and answer.said in LETTERS:
            kept.append(answer)
        else:
            left.remove(answer)  # the first equal one, and the place moves on all the same
        place += 1
    return kept


def _subtask(answer: ChoiceAnswer) -> str:
    return _MERGED.get(answer.subtask, answer.subtask)


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0  # the protocol counts an empty cell as 0


def _row(dataset: str, answers: Sequence[ChoiceAnswer], subtasks: Sequence[str], asked: int) -> ChoiceRow:
    accuracy = {}
    for subtask in subtasks:
        mine = [answer for answer in answers if _subtask(answer) == subtask]
        accuracy[subtask] = _percent(sum(answer.said == answer.right for answer in mine), len(mine))
    answered = sum(answer.said in LETTERS for answer in answers)
    if DETECTION not in accuracy:
        return ChoiceRow(dataset, accuracy, _mean(accuracy.values()), answered=answered, asked=asked)
    normal = [answer for answer in answers if answer.subtask == DETECTION and "good" in answer.image]
    anomalous = [answer for answer in answers if answer.subtask == DETECTION and "good" not in answer.image]
    passed = sum(answer.said == answer.right for answer in normal)
    found = sum(answer.said == answer.right for answer in anomalous)
    overkill, miss = 100 - _percent(passed, len(normal)), 100 - _percent(found, len(anomalous))
    accuracy[DETECTION] = 100 - (overkill + miss) / 2
    recall, precision = _percent(found, len(anomalous)), _percent(found, found + len(normal) - passed)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    average = _mean(accuracy.values())
    return ChoiceRow(dataset, accuracy, average, overkill, miss, recall, precision, f1, answered, asked)


def _mean_row(rows: Sequence[ChoiceRow], subtasks: Sequence[str]) -> ChoiceRow:
    def over(name: str) -> float | None:
        values = [getattr(row, name) for row in rows]
        return None if None in values else _mean(values)

    accuracy = {subtask: _mean(row.subtasks[subtask] for row in rows) for subtask in subtasks}
    measures = {name: over(name) for name in ("overkill", "miss", "recall", "precision", "f1")}
    return ChoiceRow(
        "Average",
        accuracy,
        _mean(row.average for row in rows),
        **measures,
        answered=sum(row.answered for row in rows),
        asked=sum(row.asked for row in rows),
    )


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)
