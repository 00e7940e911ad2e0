"""What stands beside the main report where items have several views, or lie in time: tables and CSV files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, RenderableType
from rich.text import Text

from vlm_eval.reports.files import write_rows
from vlm_eval.reports.timeline import TimelineRow, timeline_file_rows, timeline_rows, timeline_tables
from vlm_eval.reports.view_number import ViewNumberRow, view_number_file_rows, view_number_rows, view_number_tables
from vlm_eval.runs.frame import read_views
from vlm_eval.runs.one_by_one import has_names_read, has_views, rule_of
from vlm_eval.runs.store import Store
from vlm_eval.runs.tracks import read_tracks


@dataclass(frozen=True, slots=True)
class Views:
    """What a run says of the views of its items, and of what lies in time."""

    numbers: list[ViewNumberRow]
    timelines: list[TimelineRow]
    names_left_out: bool  # names and choices were read, of single views

    def tables(self) -> Iterator[RenderableType]:
        """Draw the tables for the terminal."""
        yield from view_number_tables(self.numbers)
        yield from timeline_tables(self.timelines)
        if self.names_left_out:
            note = (
                "Choices and mappings read single answers: with views asked one by one there is no table of them."
            )
            yield Text(note, style="dim")


def read_shown(folder: Path, join: str | None = None) -> Views:
    """Count how alarms grow with the number of views and rank the moments of series and clips.

    Args:
        folder: the run folder.
        join: another rule than the run's own.
    """
    with Store(folder) as store:
        rule, tracks = rule_of(store, join), read_tracks(store)
        several = rule is not None and has_views(store)
        left_out = several and has_names_read(store)
    views = read_views(folder) if several or tracks else None
    numbers = view_number_rows(views, rule) if views is not None and several and rule else []
    return Views(numbers, timeline_rows(views, tracks) if views is not None and tracks else [], left_out)


def show_views(folder: Path, target: Path, console: Console, join: str | None = None) -> tuple[Path, ...]:
    """Print what a run says of views and of time, write both, and return the files.

    A file of an earlier report that has no rows now is removed.

    Args:
        folder: the run folder.
        target: the folder of the report.
        console: where the tables go.
        join: another rule than the run's own.
    """
    shown = read_shown(folder, join)
    for table in shown.tables():
        console.print()
        console.print(table)
    written = []
    rows_of = {
        "views": view_number_file_rows(shown.numbers),
        "timeline": timeline_file_rows(shown.timelines),
    }
    for name, rows in rows_of.items():
        path = target / f"{name}.csv"
        path.unlink(missing_ok=True)
        if listed := list(rows):
            written.append(write_rows(path, listed))
    return tuple(written)
