"""Why requests failed: each message, with the file that it names and the remedy, in the terminal and as CSV."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vlm_eval.reports.files import Row, write_rows
from vlm_eval.reports.tables import printable
from vlm_eval.runs.store import Store

_SHOWN = 5  # messages; one broken file gives one, however many cells ask about it
_BY_MESSAGE = (
    "SELECT json_extract(data, '$.message'), count(*) FROM outcome WHERE kind <> 'answer' "
    "GROUP BY 1 ORDER BY 2 DESC, min(request)"
)
_BY_ASK = (
    "SELECT model.name, cell.name, sample.sample_id, ask.round, ask.repeat, ask.question ->> '$.view', "
    "ask.purpose, outcome.kind, "
    "json_extract(outcome.data, '$.attempts'), json_extract(outcome.data, '$.message') "
    "FROM outcome JOIN ask USING (request) JOIN sample ON sample.id = ask.sample "
    "JOIN model ON model.id = ask.model JOIN cell ON cell.id = ask.cell "
    "WHERE outcome.kind <> 'answer' ORDER BY ask.id"
)
_COLUMNS = ("model", "cell", "sample_id", "round", "repeat", "view", "purpose", "failure", "attempts", "message")


def show_failures(folder: Path, target: Path | None, console: Console) -> None:
    """Print the commonest messages of a run's failures, and write every failed ask to `target/failures.csv`.

    A file of an earlier report is removed where nothing failed.

    Args:
        folder: the run folder.
        target: the folder of the report; None writes nothing.
        console: where the messages go.
    """
    with Store(folder) as store:
        messages = [(str(message), int(count)) for message, count in store.connection.execute(_BY_MESSAGE)]
        path = _write(store, target) if target else None
    if not messages:
        return
    console.print()
    console.print(Text("Why requests failed:", style="bold"))
    for line in _lines(messages, path):
        console.print(Text(printable(f"  {line}")), soft_wrap=True)


def failure_lines(store: Store) -> list[str]:
    """Say why requests of a run failed: the commonest messages; empty where none did."""
    messages = [(str(message), int(count)) for message, count in store.connection.execute(_BY_MESSAGE)]
    return list(_lines(messages, None))


def _write(store: Store, target: Path) -> Path | None:
    path = target / "failures.csv"
    path.unlink(missing_ok=True)
    rows: list[Row] = [dict(zip(_COLUMNS, row, strict=True)) for row in store.connection.execute(_BY_ASK)]
    return write_rows(path, rows) if rows else None


def _lines(messages: list[tuple[str, int]], path: Path | None) -> Iterator[str]:
    for message, count in islice(messages, _SHOWN):
        yield f"{message} ({count:,} request{'s' if count > 1 else ''})"
    if len(messages) > _SHOWN:
        yield f"and {len(messages) - _SHOWN:,} messages more"
    if path is not None:
        yield f"All of them: {path}"
