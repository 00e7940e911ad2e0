"""What stands beside the main report where items have several views, or lie in time: tables and CSV files."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from vlm_eval.reports.files import write_rows
from vlm_eval.reports.timeline import timeline_file_rows, timeline_rows, timeline_tables
from vlm_eval.reports.view_number import view_number_file_rows, view_number_rows, view_number_tables
from vlm_eval.runs.frame import read_views
from vlm_eval.runs.one_by_one import has_names_read, has_views, rule_of
from vlm_eval.runs.store import Store
from vlm_eval.runs.tracks import read_tracks


def show_views(folder: Path, target: Path, console: Console, join: str | None = None) -> tuple[Path, ...]:
    """Print how alarms grow with the number of views and how moments rank, write both, and return the files.

    A file of an earlier report that has no rows now is removed.

    Args:
        folder: the run folder.
        target: the folder of the report.
        console: where the tables go.
        join: another rule than the run's own.
    """
    with Store(folder) as store:
        rule, tracks = rule_of(store, join), read_tracks(store)
        several = rule is not None and has_views(store)
        left_out = several and has_names_read(store)
    views = read_views(folder) if several or tracks else None
    numbers = view_number_rows(views, rule) if views is not None and several and rule else []
    timelines = timeline_rows(views, tracks) if views is not None and tracks else []
    for table in (*view_number_tables(numbers), *timeline_tables(timelines)):
        console.print()
        console.print(table)
    if left_out:
        note = "Choices and mappings read single answers: with views asked one by one there is no table of them."
        console.print(Text(note, style="dim"))
    written = []
    rows_of = {"views": view_number_file_rows(numbers), "timeline": timeline_file_rows(timelines)}
    for name, rows in rows_of.items():
        path = target / f"{name}.csv"
        path.unlink(missing_ok=True)
        if listed := list(rows):
            written.append(write_rows(path, listed))
    return tuple(written)
