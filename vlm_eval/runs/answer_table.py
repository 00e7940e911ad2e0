"""Tables of answers that exist already: `sample_id, answer[, model, cell, round, repeat]`, as CSV or JSONL."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlm_eval.errors import ExperimentError


class AnswerRow(BaseModel):
    """A row of answers to import."""

    model_config = ConfigDict(extra="forbid")
    sample_id: str = Field(min_length=1)
    answer: str
    model: str | None = None
    cell: str | None = None
    round: int = Field(default=0, ge=0)
    repeat: int = Field(default=0, ge=0)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a .csv or .jsonl file as they stand. Raises ExperimentError naming the file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            if path.suffix == ".csv":
                for row in csv.DictReader(stream):
                    yield {name: value for name, value in row.items() if value or name == "answer"}
            else:
                for number, line in enumerate(stream, 1):
                    if line.strip():
                        yield _object(json.loads(line), path, number)
    except UnicodeDecodeError as error:
        raise ExperimentError(f"{path} is not UTF-8 ({error}). Save it as UTF-8.") from error
    except (OSError, ValueError, csv.Error) as error:
        raise ExperimentError(f"The answers in {path} cannot be read: {error}") from error


def _object(row: Any, path: Path, number: int) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ExperimentError(f"{path}, line {number}: {row!r} is no JSON object with a sample_id and an answer.")
    return row


def read_answers(path: Path, columns: Mapping[str, str] | None = None) -> list[tuple[int, AnswerRow]]:
    """Read a table of answers with the number of each row, counted from 1.

    Args:
        path: .csv or .jsonl, UTF-8.
        columns: our column's name to the file's, where it has another; with it, other columns are ignored.

    Raises:
        ExperimentError: a column is missing or unknown, a value is of the wrong type, or the table is empty.
    """
    rows = []
    for number, fields in enumerate(read_rows(path), 1):
        try:
            rows.append((number, AnswerRow.model_validate(_renamed(fields, columns))))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the row"
            known = ", ".join(AnswerRow.model_fields)
            raise ExperimentError(
                f"{path}, row {number}: {place}: {first['msg']}. Columns: {known}; name others with --column."
            ) from error
    if not rows:
        raise ExperimentError(f"{path} holds no answers.")
    return rows


def _renamed(fields: Any, columns: Mapping[str, str] | None) -> Any:
    if not columns or not isinstance(fields, dict):
        return fields
    renamed = {name: fields[name] for name in AnswerRow.model_fields if name in fields}
    return renamed | {ours: fields[theirs] for ours, theirs in columns.items() if theirs in fields}
