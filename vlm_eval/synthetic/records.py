"""The folder of a generated data set: one record a finished job, from which card, items and log are written.

A record is there whole or not at all, and what it names was written before it. So an interrupted generation goes
on with the jobs that have no record, and two processes that make the same job write the same bytes.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Scalar
from vlm_eval.synthetic.seams import Kind

RECORDS = "records"
SETTINGS = "settings.json"
ITEMS = "items.jsonl"
LOG = "log.jsonl"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One candidate, kept whether it was accepted or not."""

    candidate: str
    accepted: bool
    reason: str  # why it was rejected
    picture: str  # path below the folder
    scores: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the generated data set."""

    id: str
    image: str  # path below the folder
    mask: str | None = None  # the same of the anomaly


@dataclass(frozen=True, slots=True)
class Record:
    """A finished job: what it made, and every attempt."""

    job: str
    kind: Kind
    scene: str
    group: str
    object_class: str
    target: str  # what was wanted; a control has the target of the anomaly whose silhouette it shares
    variant: int
    window: tuple[int, int, int, int] | None = None  # left, top, right, bottom of the crop
    items: tuple[Item, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    failed: str | None = None  # why nothing could be tried


class GenerationFolder:
    """Opens or continues a folder."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Create the folder, or check that it was begun with the same settings.

        Raises:
            ExperimentError: it was begun with other settings, holds something else, or cannot be written.
        """
        self.folder = folder
        stated = json.loads(json.dumps(settings))
        file = folder / SETTINGS
        try:
            if file.is_file():
                _refuse_change(json.loads(file.read_text(encoding="utf-8")), stated, folder)
                return
            if folder.is_dir() and any(folder.iterdir()):
                raise ExperimentError(f"{folder} is not empty and was not made by synthesize. Name a new folder")
            (folder / RECORDS).mkdir(parents=True, exist_ok=True)
            write_text(file, json.dumps(stated, indent=1, sort_keys=True))
        except (OSError, ValueError) as error:
            raise ExperimentError(f"{folder} cannot be used: {error}") from error

    def finished(self) -> frozenset[str]:
        """Return the ids of the jobs that are done. A failed one is not: its scene may have been put right."""
        return frozenset(record.job for record in self.records() if record.failed is None)

    def put(self, record: Record) -> None:
        """Keep a finished job."""
        (self.folder / RECORDS).mkdir(parents=True, exist_ok=True)
        write_text(self.folder / RECORDS / f"{record.job}.json", json.dumps(asdict(record)))

    def records(self) -> Iterator[Record]:
        """Yield all finished jobs in the order of their ids. Raises ExperimentError for a damaged one."""
        for file in sorted((self.folder / RECORDS).glob("*.json")):
            try:
                yield _record(json.loads(file.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError, KeyError) as error:
                raise ExperimentError(f"{file} is damaged ({error!r}). Delete it; its job is done anew") from error


def _record(content: Mapping[str, Any]) -> Record:
    window = content["window"]
    return Record(
        **{
            **content,
            "window": None if window is None else tuple(window),
            "items": tuple(Item(**item) for item in content["items"]),
            "attempts": tuple(Attempt(**attempt) for attempt in content["attempts"]),
        }
    )


def _refuse_change(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    old, new = dict(_flat(before)), dict(_flat(now))
    changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    if changed:
        key = changed[0]
        allowed = "Nothing" if "scenes.limit" in new else "Only scenes.limit"  # what may change is not recorded
        raise ExperimentError(
            f"{folder} was begun with {key} {old.get(key)!r}, and now it is {new.get(key)!r}. "
            f"{allowed} may change: name a new folder, or take the old setting"
        )


def _flat(content: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def write_text(file: Path, text: str) -> None:
    """Write a file under another name first, then rename it. Raises OSError."""
    partial = file.with_name(f".{file.name}.{os.getpid()}.part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def write_lines(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON lines the same way."""
    write_text(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
