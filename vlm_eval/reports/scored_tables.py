"""What stands beside the main report where mappings or multiple choice were judged: tables and CSV files."""

from pathlib import Path

from rich.console import Console

from vlm_eval.reports.choice_answers import choice_answer_rows, choice_cells, choice_tables, mmad_rows
from vlm_eval.reports.files import write_rows
from vlm_eval.reports.mapping_tables import mapping_confusion_rows, mapping_rows, mapping_tables
from vlm_eval.reports.pixels import pixel_file_rows, pixel_rows, pixel_tables
from vlm_eval.runs.mapped import read_mapped
from vlm_eval.runs.readings import list_stored, read_readings
from vlm_eval.runs.store import Store


def show_scored(folder: Path, target: Path, console: Console) -> tuple[Path, ...]:
    """Print the tables of a run's stored mappings and choices, write them to `target`, and return the files.

    A file of an earlier report that has no rows now is removed.
    """
    with Store(folder) as store:
        mapped = read_mapped(store)
        versions = [version for scorer, version in list_stored(store) if scorer == "choice"]
        chosen = choice_cells(read_readings(store, "choice", versions[-1])) if versions else []
        pixels = pixel_rows(store)
    for table in (*mapping_tables(mapped), *choice_tables(chosen), *pixel_tables(pixels)):
        console.print()
        console.print(table)
    rows_of = {
        "mapping": mapping_rows(mapped),
        "mapping_confusion": mapping_confusion_rows(mapped),
        "choice_answers": choice_answer_rows(chosen),
        "choice_mmad": mmad_rows(chosen),
        "pixels": pixel_file_rows(pixels),
    }
    written = []
    for name, rows in rows_of.items():
        path = target / f"{name}.csv"
        path.unlink(missing_ok=True)
        listed = list(rows)
        if listed:
            written.append(write_rows(path, listed))
    return tuple(written)
