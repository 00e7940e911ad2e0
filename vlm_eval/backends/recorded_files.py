"""What a file of recorded answers holds; the registry needs to know it before a backend is opened."""

import csv
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

SUFFIXES = frozenset({".jsonl", ".csv"})


def recorded_rows(path: Path) -> Iterator[Any]:
    """Yield the rows of a .csv or .jsonl file, without the empty cells but for an empty answer.

    Raises OSError, ValueError or csv.Error.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        if path.suffix == ".csv":
            for row in csv.DictReader(stream):
                yield {name: value for name, value in row.items() if value or name == "answer"}
        else:
            yield from (json.loads(line) for line in stream if line.strip())


def holds_yes_no(path: Path) -> bool:
    """Say whether any recorded answer holds the log-probabilities of yes and no.

    A run folder is taken to hold them, as only vlm_eval.runs can look into it; a file that cannot be read holds
    none. A file is looked at again when it changed.
    """
    if path.is_dir() or "::" in path.name:
        return True
    try:
        status = path.stat()
    except OSError:
        return False
    return _holds_yes_no(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _holds_yes_no(path: Path, size: int, mtime_ns: int) -> bool:
    try:
        return any(
            isinstance(row, dict) and row.get("yes") is not None and row.get("no") is not None
            for row in recorded_rows(path)
        )
    except (OSError, ValueError, csv.Error):
        return False  # opening the backend says what is wrong with it
