"""The work behind `select`; imported only when it runs."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vlm_eval.reports.selection import read_candidates
from vlm_eval.reports.selection_shown import show_candidates
from vlm_eval.runs.frame import read_frame


def show_selection(
    runs: Sequence[Path],
    synthetic: str,
    real: str | None,
    default: str | None,
    hardest: int | None,
    object_class: str | None,
    out: Path | None,
) -> None:
    """Print which candidate to take and what the choice is worth; write its tables and figure."""
    frames = [read_frame(run) for run in runs]
    candidates = read_candidates(frames, synthetic, real, default=default, hardest=hardest, task=object_class)
    console, folder = Console(), out or runs[0] / "report"
    show_candidates(candidates, folder, console)
    console.print(Text.assemble("Tables: ", (str(folder), "bold")), soft_wrap=True)
