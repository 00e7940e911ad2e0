"""What becomes of a published answer file: its answers as items, and each figure by two rules."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Answer, Gold, Item, Question, Sample, Scalar


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a benchmark, in percent, by the rule of its published evaluation and by ours."""

    part: str  # subtask or category; "all"
    name: str  # accuracy, F1 ...
    published: float
    ours: float | None  # None where the file does not hold what our reading needs
    items: int


@dataclass(frozen=True, slots=True)
class Difference:
    """An answer that the two rules read differently."""

    sample_id: str
    text: str
    published: str
    ours: str
    why: str  # names the rule that parts them


@dataclass(frozen=True, slots=True)
class Replay:
    """A published answer file."""

    items: tuple[Item, ...]
    figures: tuple[Figure, ...]
    differences: tuple[Difference, ...]
    rules: tuple[str, ...]  # what the published rule does, in whole sentences


def read_json(file: Path) -> Any:
    """Read a JSON file, or the objects of a file with one JSON object a line.

    Raises:
        ExperimentError: it cannot be read; the message names the file and, where there are lines, the line.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{file} cannot be read: {error}") from error
    try:
        return json.loads(text)
    except ValueError:
        return [_line(file, number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _line(file: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ExperimentError(f"{file}, line {number} is no valid JSON: {error}") from error


def rows_of(data: object, file: Path, needed: Sequence[str], what: str = "answers") -> list[Mapping[str, Any]]:
    """Return a list of objects that hold the keys. Raises ExperimentError naming the first that does not."""
    rows: list[Any] = data if isinstance(data, list) else [data]
    for number, row in enumerate(rows, start=1):
        lacking = [key for key in needed if not isinstance(row, Mapping) or key not in row]
        if lacking:
            raise ExperimentError(
                f"{file}, entry {number} has no {lacking[0]!r}. Each must be an object with {', '.join(needed)}; "
                f"{_shape(row)}. Check --format, and that answers and labels are not exchanged."
            )
    if not rows:
        raise ExperimentError(f"{file} holds no {what}.")
    return rows


def _shape(row: object) -> str:
    if isinstance(row, Mapping):
        return f"this one holds {', '.join(map(str, list(row)[:8])) or 'nothing'}"
    return f"this one is a {type(row).__name__}"


def answer_of(row: Mapping[str, Any], key: str, where: str) -> str:
    """Return an answer; an absent one (null) is empty. Raises ExperimentError for anything but a text."""
    value = row[key]
    if value is not None and not isinstance(value, str):
        raise ExperimentError(f"{where}: {key} is {value!r}; an answer is a text, or null where there is none.")
    return value or ""


def one_of(value: object, allowed: Sequence[str], name: str, where: str) -> str:
    """Return a value that is one of the allowed texts. Raises ExperimentError."""
    if value not in allowed:
        raise ExperimentError(f"{where}: {name} is {value!r}; allowed are {', '.join(allowed)}.")
    return str(value)


def refuse_repeats(items: Sequence[Item], file: Path) -> None:
    """Raise ExperimentError where two answers have one name: the later one would replace the other."""
    seen: set[str] = set()
    for item in items:
        if item.sample.id in seen:
            raise ExperimentError(
                f"{file} holds two answers named {item.sample.id}. Names must be unique: take out one of them, or "
                "score the answers of several runs one file at a time."
            )
        seen.add(item.sample.id)


def make_item(
    benchmark: str,
    number: object,
    answer: str,
    *,
    image: str,
    part: str,
    gold: Gold,
    question: Question,
    metadata: Mapping[str, Scalar] | None = None,
    text: str | None = None,
) -> Item:
    """Build an item from a row; the questions about one picture are one cluster."""
    sample = Sample(
        id=f"{benchmark}/{number}",
        card=benchmark,
        modality="image",
        sources=(Path(image),),
        object_class=part,
        gold=gold,
        group=image,
        question=text,
        metadata=dict(metadata or {}),
    )
    return Item(sample, question, Answer(answer))


def percent(part: float, whole: float) -> float:
    """Return a share in percent; 0 of nothing is 0, as these evaluations have it."""
    return 100 * part / whole if whole else 0.0
