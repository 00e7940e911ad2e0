"""Answers that exist already, given again: from a table by request key or prompt digest.

A request knows no sample, so a run folder, or a table by sample_id, is joined in vlm_eval.runs, which writes
(request key, outcome) rows with `write_recorded` into the backend's scratch folder. A digest knows neither the
generation parameters nor the repeat: it serves answers from elsewhere, one a prompt and repeat.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vlm_eval.backends.pictures import prompt_digest
from vlm_eval.backends.recorded_files import SUFFIXES, recorded_rows
from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Answer, BackendSpec, Capabilities, Failure, FailureKind, Finish, Outcome, Request, YesNo

RECORDED = "recorded.jsonl"
"""The file in the scratch folder that build() reads where the checkpoint is a run folder."""

Recorded = Mapping[str, Mapping[int, Outcome]]
"""Outcomes by request key or prompt digest, then by repeat; those of a key stand under 0, as the key tells it."""

Address = Literal["key", "prompt_digest"]


class ReplayBackend:
    """A backend that gives recorded outcomes again, whatever model is asked."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self.capabilities = Capabilities(yes_no=any(map(_has_yes_no, recorded.values())), beams=True)

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[str, Outcome]]:
        """Yield the recorded outcomes in order."""
        for request in requests:
            yield request.key, self._outcome(request)

    def _outcome(self, request: Request) -> Outcome:
        outcome = self._recorded.get(request.key, {}).get(0)
        if outcome is None:
            outcome = self._recorded.get(prompt_digest(request.prompt), {}).get(request.repeat)
        return Failure("unsupported", "no recorded answer") if outcome is None else _usable(outcome, request)


def _has_yes_no(outcomes: Mapping[int, Outcome]) -> bool:
    return any(isinstance(one, Answer) and one.yes_no is not None for one in outcomes.values())


class _Row(BaseModel):
    # Columns that say where an answer came from (model, cell, sample_id ...) are let through and not read.
    model_config = ConfigDict(extra="ignore")

    key: str | None = None
    prompt_digest: str | None = None
    repeat: int | None = Field(default=None, ge=0)  # of a prompt digest; by default the next after the row before
    answer: str | None = None
    finish: Finish = "stop"
    reasoning: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    yes: float | None = None  # natural-log probabilities
    no: float | None = None
    score: float | None = None
    served_model: str | None = None
    latency: float | None = None
    sent: tuple[str, ...] = ()
    failure: FailureKind | None = None
    message: str = ""

    @model_validator(mode="after")
    def _is_addressed(self) -> "_Row":
        if not (self.key or self.prompt_digest):
            raise ValueError("a row needs a key or a prompt_digest; rows by sample_id are imported into a run")
        if self.answer is None and self.failure is None:
            raise ValueError("a row needs an answer or a failure")
        return self

    def place(self, others: Mapping[int, Outcome]) -> int:
        """Return the repeat that the row answers, beside the earlier rows of its key or prompt."""
        if self.key:
            return 0
        return len(others) if self.repeat is None else self.repeat

    def outcome(self) -> Outcome:
        if self.failure is not None:
            return Failure(self.failure, self.message)
        yes_no = None if self.yes is None or self.no is None else YesNo(self.yes, self.no)
        return Answer(
            text=self.answer or "",
            finish=self.finish,
            reasoning=self.reasoning,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            yes_no=yes_no,
            score=self.score,
            served_model=self.served_model,
            latency=self.latency,
            sent=self.sent,
        )


def read_recorded(path: Path) -> dict[str, dict[int, Outcome]]:
    """Read recorded outcomes from a .jsonl or .csv file.

    Columns: `answer` and one of `key` (of the request) or `prompt_digest`; further fields of an Answer where known
    (yes and no are natural-log probabilities), or `failure` and `message`. Rows of one prompt are its repeats, by
    the column `repeat` (from 0) or, without it, in their order.

    Raises:
        ExperimentError: naming the file and the row; also where a second row answers the same request otherwise.
    """
    recorded: dict[str, dict[int, Outcome]] = {}
    try:
        for number, fields in enumerate(recorded_rows(path), start=1):
            row = _row(path, number, fields)
            outcomes = recorded.setdefault(row.key or row.prompt_digest or "", {})
            outcome, repeat = row.outcome(), row.place(outcomes)
            if outcomes.setdefault(repeat, outcome) != outcome:
                raise ExperimentError(
                    f"{path}, row {number}: a second answer to the same request (repeat {repeat}). Keep one of "
                    "them; answers of several models or cells go into a file each."
                )
    except (OSError, ValueError, csv.Error) as error:
        raise ExperimentError(f"The answers in {path} cannot be read: {error}") from None
    return recorded


def write_recorded(path: Path, rows: Iterable[tuple[str, Outcome]], by: Address = "prompt_digest") -> None:
    """Write (request key or prompt digest, outcome) rows as a file that `read_recorded` reads.

    Args:
        path: of the file to write, .jsonl.
        rows: the repeats of one prompt digest in their order.
        by: what the rows are addressed by; "key" tells repeats and generation parameters apart, too.
    """
    written: Counter[str] = Counter()
    with path.open("w", encoding="utf-8") as stream:
        for address, outcome in rows:
            place: dict[str, Any] = {by: address} | ({} if by == "key" else {"repeat": written[address]})
            written[address] += 1
            stream.write(json.dumps(place | _fields(outcome)) + "\n")


def check(spec: BackendSpec) -> None:
    """Refuse what cannot be replayed, before anything is asked. The rows are read when the backend is opened."""
    path = Path(spec.model.checkpoint.partition("::")[0])
    if path.is_dir():
        return
    if path.suffix not in SUFFIXES:
        raise ExperimentError(_NOT_REPLAYED.format(path))
    if not path.is_file():
        raise ExperimentError(
            f"There are no answers to replay at {path}. Name an existing run folder, .jsonl or .csv file."
        )


_NOT_REPLAYED = "Cannot replay {}. Name a run folder or a .jsonl or .csv file of answers."


def build(spec: BackendSpec, scratch: Path) -> ReplayBackend:
    """Build from a spec whose checkpoint is a file of answers, or a run folder that runs/ has joined before."""
    path = Path(spec.model.checkpoint)
    joined = scratch / RECORDED
    if joined.is_file():
        return ReplayBackend(read_recorded(joined))
    if path.is_dir():
        raise ExperimentError(f"{path} is a folder; its answers are replayed by `vlm-eval run`, which joins them.")
    if path.suffix not in SUFFIXES:
        raise ExperimentError(_NOT_REPLAYED.format(path))
    return ReplayBackend(read_recorded(path))


def _usable(outcome: Outcome, request: Request) -> Outcome:
    if request.generation.yes_no and isinstance(outcome, Answer) and outcome.yes_no is None:
        return Failure("unsupported", "the recorded answer holds no yes/no log-probabilities")
    return outcome


def _row(path: Path, number: int, fields: Any) -> _Row:
    try:
        return _Row.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the row"
        raise ExperimentError(f"{path}, row {number}: {place}: {first['msg']}.") from None


def _fields(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Failure):
        return {"failure": outcome.kind, "message": outcome.message}
    fields = asdict(outcome)
    yes_no = fields.pop("yes_no")
    fields["answer"] = fields.pop("text")
    return fields if yes_no is None else fields | yes_no
