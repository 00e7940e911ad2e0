"""Readings and records of items as words: sensor values, batch, age; from metadata or a table beside the data."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_eval.data.read_table import table_rows
from vlm_eval.data.rows import as_text
from vlm_eval.data.samples import inside
from vlm_eval.data.schema import Card
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample

ITEM = "item"
"""The column of the table that names an item as its id does, after the card's name."""


def add_auxiliary(card: Card, root: Path, samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Give each item the readings that the card names for its class; a value that is empty is left out.

    Args:
        card: names the fields, `{oven: oven temperature in °C}`, and the table where one holds them.
        root: the folder of the data, or its one file.
        samples: as the reader made them.

    Raises:
        CardError: the table cannot be used, or no item has a field that the card names.
    """
    named = {name: card.auxiliary_of(name) for name in {sample.object_class for sample in samples}}
    if not any(named.values()):
        return tuple(samples)
    table = _read_table(card, root, samples) if card.auxiliary_file else {}
    found = [(sample, {**sample.metadata, **_row_of(sample, table)}) for sample in samples]
    _refuse_unknown(card, named.values(), [fields for _, fields in found])
    return tuple(
        replace(sample, auxiliary=dict(_said(named[sample.object_class], fields))) for sample, fields in found
    )


def _said(named: Mapping[str, str], fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field, words in named.items():
        if value := as_text(fields.get(field)):
            yield words, value


def _refuse_unknown(card: Card, named: Iterable[Mapping[str, str]], found: Sequence[Mapping[str, Any]]) -> None:
    known = {field for fields in found for field in fields}
    lacking = sorted({field for fields in named for field in fields} - known)
    if lacking:
        have = f"they have {', '.join(sorted(known))}" if known else "they have none"
        raise CardError(
            f"Card {card.name}: auxiliary names {lacking[0]!r}, but no item has such a field; {have}. Name a "
            f"field of their metadata, or put a table with the columns {ITEM} and {lacking[0]} beside the data "
            "and name it in auxiliary_file"
        )


def _read_table(card: Card, root: Path, samples: Sequence[Sample]) -> dict[str, Mapping[str, Any]]:
    folder = root.parent if root.is_file() else root
    file = inside(folder, card.auxiliary_file or "", f"Card {card.name}, auxiliary_file")
    if not file.is_file():
        raise CardError(f"Card {card.name}: there is no table of readings at {file}. Put it there")
    items = {name for sample in samples for name in _names(sample)}
    table: dict[str, Mapping[str, Any]] = {}
    for where, row in table_rows(file):
        if ITEM not in row:
            raise CardError(f"{where}: there is no column {ITEM!r}. It names an item, such as {next(iter(items))}")
        name = as_text(row[ITEM])
        if name not in items or name in table:
            problem = "is named twice" if name in table else f"is no item of {card.name}"
            raise CardError(f"{where}: {name!r} {problem}. An item is named as {next(iter(items))}")
        table[name] = {key: value for key, value in row.items() if key != ITEM}
    return table


def _names(sample: Sample) -> tuple[str, str]:
    """Return how a table may name an item: by its path, or by that of the file of which it is a part."""
    path = sample.id.removeprefix(f"{sample.card}/")
    return path, path.partition("#")[0]


def _row_of(sample: Sample, table: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    own, whole = _names(sample)
    return {**table.get(whole, {}), **table.get(own, {})}
