"""Reads tables: CSV, JSON lines and Parquet, with pictures by path or embedded."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vlm_eval.data.rows import Row, RowOptions, samples_from_rows
from vlm_eval.data.samples import Note
from vlm_eval.data.schema import Card
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample


class TableOptions(RowOptions):
    """Options of the reader `table`."""

    file: str | None = None  # below the root; not needed where the root is the table itself
    encoding: str = "utf-8"
    delimiter: str = ","
    header: tuple[str, ...] | None = None  # names of the columns of a CSV that does not name them itself


def read_table(card: Card, root: Path) -> Iterable[Sample | Note]:
    """Yield one sample a row. Paths are relative to the root, or to the folder of a table that is the root."""
    options = TableOptions.model_validate(card.options)
    file = root if root.is_file() else root / (options.file or "")
    if not file.is_file():
        raise CardError(f"There is no table at {file}. Name it in the card's options.file, or point --root to it")
    folder = root.parent if root.is_file() else root
    rows = table_rows(file, options.encoding, options.delimiter, options.header)
    return samples_from_rows(card, rows, options, folder)


def table_rows(
    file: Path, encoding: str = "utf-8", delimiter: str = ",", header: Sequence[str] | None = None
) -> Iterator[tuple[str, Row]]:
    """Yield (where it stands, row) of a .csv, .jsonl or .parquet file.

    Raises:
        CardError: the file's ending, encoding or content is not one that can be read.
    """
    ending = file.suffix.lower()
    if ending == ".parquet":
        yield from _parquet_rows(file)
    elif ending == ".jsonl":
        yield from _json_rows(file, encoding)
    elif ending in (".csv", ".tsv"):
        yield from _csv_rows(file, encoding, "\t" if ending == ".tsv" else delimiter, header)
    else:
        raise CardError(f"{file} ends in {ending!r}; allowed are .csv, .tsv, .jsonl and .parquet")


def _csv_rows(
    file: Path, encoding: str, delimiter: str, header: Sequence[str] | None
) -> Iterator[tuple[str, Row]]:
    # Not splitlines(): that ends a line at a form feed and at U+2028 too, which a cell may well hold.
    reader = csv.DictReader(io.StringIO(_read_text(file, encoding)), fieldnames=header, delimiter=delimiter)
    # Names such as " hemorrhage" occur: a blank after the comma is no part of the name.
    reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
    try:
        for row in reader:
            where = f"{file}, line {reader.line_num}"
            if None in row or None in row.values():
                raise CardError(f"{where}: the number of cells is not the header's, {len(reader.fieldnames)}")
            yield where, row
    except csv.Error as error:
        raise CardError(f"{file}, line {reader.line_num}: {error}") from error


def _json_rows(file: Path, encoding: str) -> Iterator[tuple[str, Row]]:
    for number, line in enumerate(_read_text(file, encoding).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise CardError(f"{where} is no valid JSON: {error}. Every line must be one JSON object") from error
        if not isinstance(row, dict):
            raise CardError(f"{where} is a JSON {type(row).__name__}. Every line must be one JSON object")
        yield where, row


def _parquet_rows(file: Path) -> Iterator[tuple[str, Row]]:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(file)
        number = 0
        for batch in table.iter_batches(batch_size=256):
            for row in batch.to_pylist():
                number += 1
                yield f"{file}, row {number}", row
    except (pyarrow.ArrowException, OSError) as error:
        raise CardError(f"{file} cannot be read as Parquet: {error}") from error


def _read_text(file: Path, encoding: str) -> str:
    try:
        # A byte-order mark, which spreadsheets like to write, is no part of the first column's name.
        return file.read_text(encoding="utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise CardError(
            f"{file}, line {line}: not {encoding} (byte {error.object[error.start]:#04x}). Save it as UTF-8, "
            "or name its encoding in the card's options.encoding (cp1252, latin-1, utf-16, ...)"
        ) from error
    except LookupError as error:
        raise CardError(
            f"{file}: the card's options.encoding {encoding!r} is no encoding that Python knows"
        ) from error
