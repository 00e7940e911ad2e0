"""Descriptions of answers: the table that `vlm-eval describe` fills and the embedding scorers read."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from vlm_eval.errors import InputError

TABLE = "descriptions.jsonl"
"""Its name in a run folder; one JSON object a line, so that a person can correct a line and mark it as checked."""

_LONGEST = 600  # characters of a description that are kept


@dataclass(frozen=True, slots=True)
class Description:
    """A description of a text, and where it comes from."""

    text_hash: str
    text: str
    description: str
    prompt: str  # the whole prompt that was completed
    model: str
    checked: bool = False  # by a person


def text_hash(text: str) -> str:
    """Return 64 hex digits: SHA-256 of the text with its case and spacing made even."""
    return sha256(plain(text).encode("utf-8", "surrogatepass")).hexdigest()


def plain(text: str) -> str:
    """Make case and spacing even, so that "A  doll" and "a doll" are one answer."""
    return " ".join(text.lower().split())


def read_descriptions(path: Path) -> dict[str, Description]:
    """Read a table by text hash; a missing file is an empty table.

    A checked description goes before one that nobody checked, and a later line before an earlier one. A last line
    that was cut off by a kill is left out, as its text is simply asked again.

    Raises:
        InputError: another line cannot be read; the message names the line.
    """
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").split("\n")
    found: dict[str, Description] = {}
    for number, line in enumerate(lines[:-1], 1):
        if not line.strip():
            continue
        row = _parse(line, f"{path}, line {number}")
        known = found.get(row.text_hash)
        if known is None or row.checked or not known.checked:
            found[row.text_hash] = row
    return found


def write_line(description: Description) -> str:
    """Return the line of a description, with its end."""
    return json.dumps(asdict(description), ensure_ascii=False) + "\n"


def clean_description(text: str, completion: str) -> str:
    """Return the first line of a completion that says something, without an echo of the text; else nothing."""
    for line in completion.strip().splitlines():
        cleaned = " ".join(line.strip(" \t*_\"'`-").split())
        head, colon, rest = cleaned.partition(":")
        if colon and plain(head.strip("*_\"'` ")) in (plain(text), "description"):
            cleaned = rest.strip(" *_\"'`")
        if cleaned:
            return cleaned[:_LONGEST]
    return ""


def digest_of(descriptions: Mapping[str, str]) -> str:
    """Return eight hex digits that change with the table; part of a scorer's version."""
    lines = sorted(f"{key} {value}" for key, value in descriptions.items())
    return sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def by_hash(table: Iterable[Description]) -> dict[str, str]:
    """Return what the scorers need of a table: the description by text hash."""
    return {row.text_hash: row.description for row in table}


def _parse(line: str, place: str) -> Description:
    try:
        fields = json.loads(line)
        row = Description(**fields)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{place} is no description ({error}). A line is a JSON object with the keys "
            f"{', '.join(Description.__slots__)}. Mend or delete it."
        ) from error
    if not isinstance(row.checked, bool) or not all(
        isinstance(getattr(row, name), str) for name in Description.__slots__ if name != "checked"
    ):
        raise InputError(f"{place}: `checked` must be true or false, and every other value text.")
    return row
