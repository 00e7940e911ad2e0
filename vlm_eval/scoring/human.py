"""Verdicts that people gave, with the probability with which each item was drawn for them."""

import csv
import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator

from vlm_eval.errors import InputError
from vlm_eval.flow import Claim, Item, Judgement

NOT_LABELLED = "not-labelled"
"""Reason of the abstention on an answer that nobody was shown."""

Said = Literal["anomalous", "normal", "unsure"]
_ANOMALOUS = ("anomalous", "yes", "1", "true", "abnormal", "defective")
_NORMAL = ("normal", "no", "0", "false", "good")
_UNSURE = ("unsure", "hedged", "unclear", "none", "skip", "?")
_WORDS: dict[str, Said] = {
    **dict.fromkeys(_ANOMALOUS, "anomalous"),
    **dict.fromkeys(_NORMAL, "normal"),
    **dict.fromkeys(_UNSURE, "unsure"),
}


class HumanVerdict(BaseModel):
    """One row: what one person says that one answer claims."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_id: str = Field(min_length=1)
    verdict: Said
    model: str | None = None
    cell: str | None = None
    round: int = Field(default=0, ge=0)
    repeat: int = Field(default=0, ge=0)
    annotator: str = Field(default="", validation_alias=AliasChoices("annotator", "reviewer"))
    probability: float | None = Field(default=None, gt=0, le=1)  # with which the item was drawn
    note: str = ""

    @field_validator("verdict", mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        """Let people write yes, 1 or abnormal."""
        word = str(value).strip().casefold()
        if word not in _WORDS:
            raise ValueError(f"{value!r} is no verdict; allowed are {', '.join(_WORDS)}")
        return _WORDS[word]

    @property
    def address(self) -> tuple[str, str | None, int, int]:
        """Return which answer of a model it is about."""
        return self.sample_id, self.cell, self.round, self.repeat


COLUMNS = ("sample_id", "verdict", "model", "cell", "round", "repeat", "reviewer", "probability", "note")
"""Columns of a file of human verdicts; the first two must be there."""


def read_human_verdicts(
    path: Path, *, columns: Mapping[str, str] | None = None, known: Collection[str] | None = None
) -> list[HumanVerdict]:
    """Read a CSV of verdicts: `sample_id, verdict[, model, cell, round, repeat, reviewer, probability, note]`.

    Args:
        path: the file, UTF-8 or UTF-16 with a byte order mark.
        columns: our column name -> the file's, where it has other names.
        known: the sample ids that exist; others are refused.

    Raises:
        InputError: the file cannot be read, lacks a column, holds a value that is not allowed, an unknown
            sample, or two rows of one reviewer about one answer. The message names file and row.
    """
    names = {theirs: ours for ours, theirs in (columns or {}).items()}
    verdicts: list[HumanVerdict] = []
    seen: dict[tuple[object, ...], int] = {}
    for number, fields in enumerate(_rows(path, names), start=2):
        where = f"{path}, row {number}"
        verdict = _verdict(fields, where)
        if known is not None and verdict.sample_id not in known:
            raise InputError(f"{where}: there is no sample {verdict.sample_id!r}. Remove the row, or mend its id.")
        place = (verdict.address, verdict.model, verdict.annotator)
        if place in seen:
            raise InputError(
                f"{where}: the same answer as in row {seen[place]}, by the same reviewer {verdict.annotator!r}. "
                "Keep one row, or name the reviewers in a column `reviewer`."
            )
        seen[place] = number
        verdicts.append(verdict)
    return verdicts


def _rows(path: Path, names: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    try:
        data = path.read_bytes()
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        # Not splitlines(): that ends a line at a form feed and at U+2028 too, which a note may well hold.
        reader = csv.DictReader(io.StringIO(data.decode(encoding), newline=""))
        columns = [names.get(name.strip(), name.strip()) for name in reader.fieldnames or ()]
        rows = [_named(columns, row, reader.line_num, path) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a CSV file in UTF-8: {error}") from None
    lacking = [name for name in ("sample_id", "verdict") if name not in columns]
    if lacking:
        raise InputError(
            f"{path} has the columns {', '.join(columns) or '(none)'}; {' and '.join(lacking)} must be there. "
            "Name the file's own columns in a column map."
        )
    return rows


def _named(columns: Sequence[str], row: Mapping[str | None, Any], line: int, path: Path) -> dict[str, Any]:
    if None in row:
        raise InputError(f"{path}, line {line}: the row has more cells than the header. Quote commas in a cell.")
    return dict(zip(columns, row.values(), strict=False))


def _verdict(fields: Mapping[str, str | None], where: str) -> HumanVerdict:
    given = {name: value.strip() for name, value in fields.items() if value is not None and value.strip()}
    try:
        return HumanVerdict.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the row"
        raise InputError(f"{where}: {place}: {first['msg']}. Allowed columns: {', '.join(COLUMNS)}.") from None


@dataclass(frozen=True, slots=True)
class _Consensus:
    said: Claim | None
    reason: str | None
    people: int
    probability: float | None


class HumanScorer:
    """Judges answers as people did; where they disagree, it abstains.

    A scorer is not told which model spoke: `for_model` gives the one for the answers of a model. A verdict that
    names no model or cell is about every model or cell, see `refuse_misplaced`.
    """

    name = "human"

    def __init__(self, verdicts: Sequence[HumanVerdict] = (), *, model: str | None = None) -> None:
        self._verdicts = verdicts
        said = "\n".join(verdict.model_dump_json() for verdict in verdicts)
        self.version = f"2 verdicts={sha256(said.encode()).hexdigest()[:8]}"
        grouped: dict[tuple[str, str | None, int, int], list[HumanVerdict]] = defaultdict(list)
        for verdict in verdicts:
            if model is None or verdict.model in (None, model):
                grouped[verdict.address].append(verdict)
        self._said = {address: _agree(group) for address, group in grouped.items()}

    @property
    def size(self) -> int:
        """Return the number of verdicts."""
        return len(self._verdicts)

    def for_model(self, model: str) -> "HumanScorer":
        """Return the scorer of one model's answers."""
        return HumanScorer(self._verdicts, model=model)

    def refuse_misplaced(self, samples: Collection[str], models: Collection[str], cells: Collection[str]) -> None:
        """Refuse verdicts on samples, models or cells that a run lacks, or that do not say which they mean.

        Raises:
            InputError: with the number of such verdicts and the first of them.
        """
        for name, known in (("sample_id", samples), ("model", models), ("cell", cells)):
            given = [getattr(verdict, name) for verdict in self._verdicts]
            unknown = [value for value in given if value is not None and value not in known]
            if unknown:
                raise InputError(
                    f"{len(unknown)} of {len(given)} human verdicts are about a {name} that the run lacks, "
                    f"such as {unknown[0]!r}. The run's look like {next(iter(known), None)!r}."
                )
            if None in given and len(known) > 1:
                raise InputError(
                    f"{given.count(None)} of {len(given)} human verdicts name no {name}, but the run has "
                    f"{len(known)}. Add a column `{name}`, for a verdict is about one answer."
                )

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        return [self._judge(item) for item in items]

    def _judge(self, item: Item) -> Judgement:
        question = item.question
        places = [(item.sample.id, cell, question.round, question.repeat) for cell in (question.cell, None)]
        said = next((self._said[place] for place in places if place in self._said), None)
        if said is None:
            return Judgement(None, NOT_LABELLED)
        return Judgement(said.said, said.reason, details={"people": said.people, "probability": said.probability})


def _agree(verdicts: Sequence[HumanVerdict]) -> _Consensus:
    claims = {verdict.verdict for verdict in verdicts}
    probabilities = {verdict.probability for verdict in verdicts}
    probability = probabilities.pop() if len(probabilities) == 1 else None
    if len(claims) > 1:
        return _Consensus(None, "people-disagree", len(verdicts), probability)
    only = claims.pop()
    if only == "unsure":
        return _Consensus(None, "unsure", len(verdicts), probability)
    return _Consensus(only, None, len(verdicts), probability)
