"""What stands beside the main report where mappings, choices or names were judged: tables and CSV files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, RenderableType

from vlm_eval.reports.choice_answers import (
    ChoiceCell,
    choice_answer_rows,
    choice_cells,
    choice_tables,
    mmad_rows,
)
from vlm_eval.reports.files import write_rows
from vlm_eval.reports.mapping_tables import mapping_confusion_rows, mapping_rows, mapping_tables
from vlm_eval.reports.naming import NamingCell, naming_cells, naming_rows, naming_tables
from vlm_eval.reports.pixels import PixelRow, pixel_file_rows, pixel_rows, pixel_tables
from vlm_eval.runs.mapped import MappedCell, read_mapped
from vlm_eval.runs.one_by_one import has_views
from vlm_eval.runs.probes import probe_name
from vlm_eval.runs.readings import list_stored, read_readings
from vlm_eval.runs.store import Store


@dataclass(frozen=True, slots=True)
class Scored:
    """What a run's stored mappings, choices and score maps say; the cells of probes are left out."""

    mapped: list[MappedCell]
    chosen: list[ChoiceCell]
    pixels: list[PixelRow]
    named: list[NamingCell]

    def tables(self) -> Iterator[RenderableType]:
        """Draw the tables for the terminal."""
        yield from mapping_tables(self.mapped)
        yield from choice_tables(self.chosen)
        yield from naming_tables(self.named)
        yield from pixel_tables(self.pixels)


def read_scored(store: Store) -> Scored:
    """Read what mappings, choices and score maps a run has."""
    if has_views(store):  # an answer about one view is none about the item
        return Scored([], [], pixel_rows(store), [])
    versions = [version for scorer, version in list_stored(store) if scorer == "choice"]
    chosen = choice_cells(read_readings(store, "choice", versions[-1])) if versions else []
    return Scored(
        [one for one in read_mapped(store) if probe_name(one.cell) is None],
        [one for one in chosen if probe_name(one.cell) is None],
        pixel_rows(store),
        naming_cells(store),
    )


def show_scored(folder: Path, target: Path, console: Console) -> tuple[Path, ...]:
    """Print the tables of a run's stored mappings and choices, write them to `target`, and return the files.

    A file of an earlier report that has no rows now is removed.
    """
    with Store(folder) as store:
        scored = read_scored(store)
    for table in scored.tables():
        console.print()
        console.print(table)
    rows_of = {
        "mapping": mapping_rows(scored.mapped),
        "mapping_confusion": mapping_confusion_rows(scored.mapped),
        "choice_answers": choice_answer_rows(scored.chosen),
        "choice_mmad": mmad_rows(scored.chosen),
        "naming": naming_rows(scored.named),
        "pixels": pixel_file_rows(scored.pixels),
    }
    written = []
    for name, rows in rows_of.items():
        path = target / f"{name}.csv"
        path.unlink(missing_ok=True)
        listed = list(rows)
        if listed:
            written.append(write_rows(path, listed))
    return tuple(written)
