"""Prints a choice among candidates and writes its tables and figure."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console, RenderableType
from rich.text import Text

from vlm_eval.metrics.selection import Selection, Variant
from vlm_eval.reports.figures import save
from vlm_eval.reports.files import write_rows
from vlm_eval.reports.selection import (
    Candidates,
    candidate_rows,
    one_kind,
    selections,
    statistic_rows,
    task_rows,
)
from vlm_eval.reports.selection_table import candidates_table, notes, selection_figure, strategies_table


def candidate_tables(candidates: Candidates, found: Mapping[Variant, Selection]) -> Iterator[RenderableType]:
    """Draw which candidate to take and what the choice is worth; variants that are the same only once."""
    told = _told(candidates, found)
    yield candidates_table(candidates, told)
    for variant, selection in told.items():
        yield strategies_table(selection, variant)
    for note in notes(candidates, told):
        yield Text(note, style="dim")


def _told(candidates: Candidates, found: Mapping[Variant, Selection]) -> Mapping[Variant, Selection]:
    return {"rest": found["rest"]} if found and one_kind(candidates) else found


def show_candidates(candidates: Candidates, target: Path, console: Console) -> tuple[Path, ...]:
    """Print which candidate to take and what the choice is worth; return the files written to `target`."""
    found = selections(candidates)
    console.print()
    for table in candidate_tables(candidates, found):
        console.print(table)
    target.mkdir(parents=True, exist_ok=True)
    written = [write_rows(target / "selection_candidates.csv", candidate_rows(candidates, found))]
    if found:
        written.append(write_rows(target / "selection_statistics.csv", statistic_rows(found)))
        written.append(write_rows(target / "selection_tasks.csv", task_rows(candidates, found)))
        written.append(save(selection_figure(candidates, _told(candidates, found)), target / "selection.png"))
    return tuple(written)
