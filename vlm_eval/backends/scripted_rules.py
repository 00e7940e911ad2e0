"""Rules for the scripted backend: which request gets which answer, as people write them in JSONL, CSV or YAML."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Answer, Failure, FailureKind, Finish, Outcome, Request


class Rule(BaseModel):
    """One rule; it holds for requests that have all that it names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: str = ""  # a part of the prompt's text
    picture: str = ""  # a part of the path of one of its pictures
    answer: str | None = None
    finish: Finish = "stop"
    yes_probability: float | None = Field(default=None, ge=0, le=1)  # in a forced yes/no answer
    failure: FailureKind | None = None
    message: str = "scripted failure"

    @model_validator(mode="after")
    def _answers_or_fails(self) -> "Rule":
        if (self.answer is None) == (self.failure is None):
            raise ValueError("a rule needs either an answer or a failure")
        return self

    def holds(self, request: Request) -> bool:
        """Say whether the rule is for this request."""
        shown = any(self.picture in view.path.as_posix() for view in request.prompt.views)
        return self.match in request.prompt.text and (shown or not self.picture)


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules in order; the first that holds decides."""

    path: Path
    rules: tuple[Rule, ...]

    def outcome(self, request: Request, answer: Callable[[str, Request, float | None], Answer]) -> Outcome:
        """Return the outcome of the first rule that holds; `answer` makes an Answer of its text."""
        rule = next((rule for rule in self.rules if rule.holds(request)), None)
        if rule is None:
            return Failure("unsupported", f"no rule of {self.path} matches")
        if rule.failure is not None:
            return Failure(rule.failure, rule.message)
        return replace(answer(rule.answer or "", request, rule.yes_probability), finish=rule.finish)


def read_rules(path: Path) -> Rules:
    """Read rules from a .jsonl, .csv or .yaml file. Raises ExperimentError naming file and rule."""
    rules = []
    try:
        for number, row in enumerate(_rows(path), start=1):
            rules.append(_rule(path, number, row))
    except (OSError, ValueError, yaml.YAMLError, csv.Error) as error:
        raise ExperimentError(f"The rules in {path} cannot be read: {error}") from None
    return Rules(path, tuple(rules))


def _rule(path: Path, number: int, row: Any) -> Rule:
    try:
        return Rule.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the rule"
        is_yaml = path.suffix in {".yaml", ".yml"}
        hint = " YAML reads a bare yes or no as true or false: put it in quotes." if is_yaml else ""
        raise ExperimentError(
            f"{path}, rule {number}: {place}: {first['msg']}. Known: {', '.join(Rule.model_fields)}.{hint}"
        ) from None


def _rows(path: Path) -> Iterator[Any]:
    # Not splitlines(): that ends a line at a form feed and at U+2028 too, which an answer may well hold.
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".csv":
        for row in csv.DictReader(io.StringIO(text)):
            # An empty cell is a column not given; but an empty answer is an answer where nothing fails.
            kept = {name for name, value in row.items() if value} | (set() if row.get("failure") else {"answer"})
            yield {name: value for name, value in row.items() if name in kept}
    elif path.suffix == ".jsonl":
        yield from (json.loads(line) for line in text.split("\n") if line.strip())
    else:
        yield from yaml.safe_load(text) or ()
