"""Answers that exist already, given again: from a table by request key or prompt digest.

A request knows no sample, so a run folder, or a table by sample_id, is joined in vlm_eval.runs, which writes
(prompt digest, outcome) rows with `write_recorded` into the backend's scratch folder.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from vlm_eval.backends.pictures import prompt_digest
from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Answer, BackendSpec, Capabilities, Failure, FailureKind, Finish, Outcome, Request, YesNo

RECORDED = "recorded.jsonl"
"""The file in the scratch folder that build() reads where the checkpoint is a run folder."""

Recorded = Mapping[str, Sequence[Outcome]]
"""Outcomes by prompt digest or request key, one for each repeat, in order."""


class ReplayBackend:
    """A backend that gives recorded outcomes again, whatever model is asked."""

    capabilities = Capabilities(yes_no=True)

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[str, Outcome]]:
        """Yield the recorded outcomes in order."""
        for request in requests:
            yield request.key, self._outcome(request)

    def _outcome(self, request: Request) -> Outcome:
        by_key = self._recorded.get(request.key)
        if by_key is not None:
            return _usable(by_key[0], request)
        outcomes = self._recorded.get(prompt_digest(request.prompt), ())
        if request.repeat >= len(outcomes):
            return Failure("unsupported", "no recorded answer")
        return _usable(outcomes[request.repeat], request)


class _Row(BaseModel):
    # Columns that say where an answer came from (model, cell, sample_id ...) are let through and not read.
    model_config = ConfigDict(extra="ignore")

    key: str | None = None
    prompt_digest: str | None = None
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


def read_recorded(path: Path) -> dict[str, list[Outcome]]:
    """Read recorded outcomes from a .jsonl or .csv file.

    Columns: `answer` and one of `key` (of the request) or `prompt_digest`; further fields of an Answer where known
    (yes and no are natural-log probabilities), or `failure` and `message`. Rows of one prompt are its repeats.

    Raises:
        ExperimentError: naming the file and the row.
    """
    recorded: dict[str, list[Outcome]] = {}
    try:
        for number, fields in enumerate(_rows(path), start=1):
            row = _row(path, number, fields)
            recorded.setdefault(row.key or row.prompt_digest or "", []).append(row.outcome())
    except (OSError, ValueError, csv.Error) as error:
        raise ExperimentError(f"The answers in {path} cannot be read: {error}") from None
    return recorded


def write_recorded(path: Path, rows: Iterable[tuple[str, Outcome]]) -> None:
    """Write (prompt digest, outcome) rows as a file that `read_recorded` reads."""
    with path.open("w", encoding="utf-8") as stream:
        for digest, outcome in rows:
            stream.write(json.dumps({"prompt_digest": digest, **_fields(outcome)}) + "\n")


def build(spec: BackendSpec, scratch: Path) -> ReplayBackend:
    """Build from a spec whose checkpoint is a file of answers, or a run folder that runs/ has joined before."""
    path = Path(spec.model.checkpoint)
    joined = scratch / RECORDED
    if joined.is_file():
        return ReplayBackend(read_recorded(joined))
    if path.is_dir():
        raise ExperimentError(f"{path} is a folder; its answers are replayed by `vlm-eval run`, which joins them.")
    if path.suffix not in {".jsonl", ".csv"}:
        raise ExperimentError(f"Cannot replay {path}. Name a run folder or a .jsonl or .csv file of answers.")
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


def _rows(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        if path.suffix == ".csv":
            for row in csv.DictReader(stream):
                yield {name: value for name, value in row.items() if value or name == "answer"}
        else:
            yield from (json.loads(line) for line in stream if line.strip())


def _fields(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Failure):
        return {"failure": outcome.kind, "message": outcome.message}
    fields = asdict(outcome)
    yes_no = fields.pop("yes_no")
    fields["answer"] = fields.pop("text")
    return fields if yes_no is None else fields | yes_no
