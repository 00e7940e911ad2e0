"""Tables of existing answers: `sample_id, answer[, model, cell, round, repeat, view]`, as CSV or JSONL."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlm_eval.errors import ExperimentError

_ENDINGS = (".csv", ".jsonl")


class AnswerRow(BaseModel):
    """A row of answers to import."""

    model_config = ConfigDict(extra="forbid")
    sample_id: str = Field(min_length=1)
    answer: str
    model: str | None = None
    cell: str | None = None
    round: int = Field(default=0, ge=0)
    repeat: int = Field(default=0, ge=0)
    view: int = Field(default=0, ge=0)  # of an item whose views are asked about one by one


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a .csv file, or of any other as JSON lines, as they stand.

    UTF-8, or UTF-16 with a byte order mark.

    Raises:
        ExperimentError: the file cannot be read, or a row of it; the message names the file and the line.
    """
    text = _read_text(path)
    try:
        yield from _csv_rows(path, text) if path.suffix.lower() == ".csv" else _json_rows(path, text)
    except csv.Error as error:
        raise ExperimentError(f"The answers in {path} cannot be read: {error}") from error


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except OSError as error:
        raise ExperimentError(f"The answers in {path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ExperimentError(
            f"{path}, line {line}: not UTF-8 (byte {error.object[error.start]:#04x}). Save the whole file in one "
            "encoding, UTF-8."
        ) from error


def _csv_rows(path: Path, text: str) -> Iterator[dict[str, Any]]:
    # Not splitlines(): that ends a line at a form feed and at U+2028 too, which an answer may well hold.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # an answer may be longer than the usual 131,072
    reader = csv.DictReader(io.StringIO(text, newline=""))
    reader.fieldnames = names = [name.strip() for name in reader.fieldnames or ()]
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise ExperimentError(f"{path} has {names.count(double[0])} columns called {double[0]!r}. Keep one.")
    for row in reader:
        if None in row or None in row.values():
            raise ExperimentError(
                f"{path}, line {reader.line_num}: the number of cells is not the header's, {len(names)}. Quote "
                "answers that hold a comma or a line break."
            )
        yield {name: value for name, value in row.items() if value or name == "answer"}


def _json_rows(path: Path, text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ExperimentError(f"{path}, line {number} is no valid JSON: {error}") from error
        if not isinstance(row, dict):
            raise ExperimentError(
                f"{path}, line {number}: a JSON {type(row).__name__}. Every line must be one JSON object with a "
                "sample_id and an answer."
            )
        yield row


def read_answers(path: Path, columns: Mapping[str, str] | None = None) -> list[tuple[int, AnswerRow]]:
    """Read a table of answers with the number of each row, counted from 1 without the header.

    Args:
        path: .csv or .jsonl, UTF-8.
        columns: our column's name to the file's, where it has another; with it, other columns are ignored.

    Raises:
        ExperimentError: a column is missing or unknown, a value is of the wrong type, or the table is empty.
    """
    if path.suffix.lower() not in _ENDINGS:
        raise ExperimentError(f"{path} ends in {path.suffix!r}. Answers are read from .csv and .jsonl files.")
    _refuse_unknown_columns(columns or {})
    rows = []
    for number, fields in enumerate(read_rows(path), 1):
        renamed = _renamed(fields, columns)
        try:
            rows.append((number, AnswerRow.model_validate(renamed)))
        except ValidationError as error:
            raise ExperimentError(_problem(error, f"{path}, row {number}", list(fields))) from error
    if not rows:
        raise ExperimentError(f"{path} holds no answers.")
    return rows


def _problem(error: ValidationError, where: str, given: Sequence[str]) -> str:
    """Say what is wrong with a row, and what the table may hold."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the row"
    known = f"Columns: {', '.join(AnswerRow.model_fields)}; name others with --column {place}=THEIRS."
    if first["type"] == "missing":
        there = f"The row has {', '.join(map(repr, given)) or 'nothing'}."
        return f"{where}: {place}: Field required. {there} {known}"
    if first["type"] == "extra_forbidden":
        names = ", ".join(AnswerRow.model_fields)
        return (
            f"{where}: {place}: Extra inputs are not permitted. Columns: {names}. Remove it, or name one of yours "
            "with --column, such as --column answer=answer: then the others are ignored."
        )
    return f"{where}: {place}: {first['msg']}, not {first['input']!r}. {known}"


def _refuse_unknown_columns(columns: Mapping[str, str]) -> None:
    for ours, theirs in columns.items():
        if ours not in AnswerRow.model_fields or not theirs:
            raise ExperimentError(
                f"--column {ours}={theirs}: write OURS=THEIRS. Ours are {', '.join(AnswerRow.model_fields)}."
            )


def _renamed(fields: Mapping[str, Any], columns: Mapping[str, str] | None) -> dict[str, Any]:
    if not columns:
        return dict(fields)
    renamed = {name: fields[name] for name in AnswerRow.model_fields if name in fields}
    return renamed | {ours: fields[theirs] for ours, theirs in columns.items() if theirs in fields}
