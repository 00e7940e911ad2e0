"""The whole report of a run folder: every table and file, as the command line and the Python door give it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.text import Text

from vlm_eval.errors import RunFolderError
from vlm_eval.reports.beside import show_recipe
from vlm_eval.reports.drift import show_drift
from vlm_eval.reports.failures import show_failures
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.run_info import read_info
from vlm_eval.reports.scored_tables import show_scored
from vlm_eval.reports.views_shown import show_views
from vlm_eval.reports.write import ReportFiles, write_report
from vlm_eval.runs.frame import read_frame


def show_report(folder: Path, out: Path | None = None, extra: Mapping[str, Any] | None = None) -> ReportFiles:
    """Print a run's tables and write its files; a run without answers gets a report that says so.

    Args:
        folder: the run folder.
        out: where the files go; by default `report/` in the run folder.
        extra: entries of ReportInfo beside what the run folder says.

    Raises:
        RunFolderError: the folder holds no readable run, or the files cannot be written.
    """
    console, target = Console(), out or folder / "report"
    join = (extra or {}).get("join")
    frame = read_frame(folder, join=join)
    try:
        info = cast(ReportInfo, {**read_info(folder, join), **(extra or {})})
        files = write_report(frame, target, info=info, console=console)
        show_scored(folder, target, console)
        show_views(folder, target, console, join)
        show_drift(folder, target, console)
        show_recipe(folder, target, console, join, info.get("published", ()))
        show_failures(folder, target, console)
    except OSError as error:
        raise RunFolderError(
            f"The report cannot be written to {target} ({error}). Choose another --out."
        ) from error
    console.print()
    console.print(Text.assemble("Tables and figures: ", (str(files.folder), "bold")), soft_wrap=True)
    return files
