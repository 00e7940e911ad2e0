"""What a file says to items in later rounds: a CSV with the columns `sample_id, round, text`."""

import csv
from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlm_eval.errors import ExperimentError

Feedback = Mapping[tuple[str, int], str]
"""Text by sample id and round."""


class FeedbackRow(BaseModel):
    """One row: what is said to one item in one round."""

    model_config = ConfigDict(extra="forbid")
    sample_id: str = Field(min_length=1)
    round: int = Field(ge=1)  # 1 is the first round after the question
    text: str = Field(min_length=1)


def read_feedback(path: Path, known: Collection[str], rounds: int) -> Feedback:
    """Read a file of feedback; rows about samples that are not asked are left out.

    Args:
        path: the file, UTF-8.
        known: the sample ids of the data sets.
        rounds: how many rounds the experiment has after the question.

    Raises:
        ExperimentError: it cannot be read, a value is not allowed, a sample is unknown, or a row stands twice. The
            message names file and row.
    """
    found: dict[tuple[str, int], str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ExperimentError(f"The feedback {path} cannot be read as CSV in UTF-8: {error}") from error
    for number, fields in enumerate(rows, start=2):
        row = _row(fields, f"{path}, row {number}")
        place = (row.sample_id, row.round)
        if row.sample_id not in known:
            raise ExperimentError(f"{path}, row {number}: there is no sample {row.sample_id!r}. Mend its id.")
        if row.round > rounds:
            raise ExperimentError(
                f"{path}, row {number}: round {row.round}, but the experiment has {rounds} after the question."
            )
        if place in found:
            raise ExperimentError(f"{path}, row {number}: a second text for {place[0]!r} in round {place[1]}.")
        found[place] = row.text
    return found


def _row(fields: Mapping[str, str], where: str) -> FeedbackRow:
    try:
        return FeedbackRow.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the row"
        columns = ", ".join(FeedbackRow.model_fields)
        raise ExperimentError(f"{where}: {place}: {first['msg']}. Columns: {columns}.") from error
