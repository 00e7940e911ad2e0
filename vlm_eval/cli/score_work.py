"""The work behind `score`."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from vlm_eval.cli.run_work import show_report
from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import ExperimentError
from vlm_eval.prompting.environment import open_templates
from vlm_eval.prompting.layouts import find_layout
from vlm_eval.runs.imported import Polarity, import_answers
from vlm_eval.runs.judging import Change, rescore
from vlm_eval.runs.store import Store


def import_table(
    table: Path,
    folder: Path,
    dataset: str | None,
    columns: dict[str, str],
    layout: str,
    root: Path | None,
    cards: tuple[Path, ...],
    prompts: tuple[Path, ...],
) -> None:
    """Turn a table of answers into a run folder. Raises ExperimentError."""
    if not table.is_file():
        raise ExperimentError(f"{table} does not exist. Give a run folder, or a .jsonl or .csv file of answers.")
    if dataset is None:
        raise ExperimentError("A table of answers needs --dataset: the card, folder or table that it is about.")
    declared = find_layout(open_templates(prompts), layout)
    imported = import_answers(
        table,
        load_dataset(dataset, root=root, search=cards),
        folder,
        columns=columns,
        polarity=Polarity(declared.yes_means, declared.fields(), layout),
    )
    Console().print(
        Text(f"{imported.answers} answers about {imported.items} of {imported.of} items imported to {folder}")
    )


def score_run(folder: Path, scorers: list[str]) -> None:
    """Score a run folder, print what changed, and report."""
    with Store(folder) as store:  # it must exist before it is opened for writing
        store.get_meta("schema_version")
    with Store(folder, write=True) as store:
        changes = rescore(store, scorers)
    console = Console()
    for change in changes:
        console.print(Text(_sentence(change)))
    show_report(folder, None)


def _sentence(change: Change) -> str:
    said = f"{change.scorer} {change.version}: {change.judged} new judgements; {change.abstained} of "
    said += f"{change.total} answers abstained from"
    if change.before is not None:
        said += f"; {change.changed} values differ from version {change.before}"
    return said
