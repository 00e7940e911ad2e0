"""The work behind `score`."""

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import ExperimentError
from vlm_eval.prompting.environment import open_templates
from vlm_eval.prompting.layouts import find_layout
from vlm_eval.published.formats import find_format
from vlm_eval.published.table import replay_table
from vlm_eval.reports.agreement_table import show_agreement
from vlm_eval.reports.files import write_rows
from vlm_eval.reports.whole import show_report
from vlm_eval.runs.imported import Polarity, import_answers
from vlm_eval.runs.imported_items import import_items
from vlm_eval.runs.judging import Change, rescore
from vlm_eval.runs.scores import choose_source
from vlm_eval.runs.store import Store


def refuse_flags(format_: str | None, labels: Path | None, dataset: str | None, column: object) -> None:
    """Refuse flags that would be ignored. Raises ExperimentError."""
    if format_ is None and labels is not None:
        raise ExperimentError("--labels belongs to a published answer file: give its --format too.")
    if format_ is not None and (dataset is not None or column):
        raise ExperimentError(
            f"--dataset and --column are for a table of your own; --format {format_} knows its columns. Give one "
            "or the other."
        )


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


def replay_published(source: Path, folder: Path, name: str, labels: Path | None) -> list[str]:
    """Turn a published answer file into a run folder; print its figures by both rules, return its scorers.

    Raises:
        ExperimentError: the format is not known, or the file is not of it.
    """
    published = find_format(name)
    if not source.exists():
        raise ExperimentError(f"{source} does not exist. Give the answers as {name} writes them.")
    if labels is not None and not published.labels:
        raise ExperimentError(f"--labels has no place with {name}: its file holds what is true. Leave it out.")
    replay = published.read(source, labels)
    import_items([(source.stem, item) for item in replay.items], folder, source=source.name)
    report = folder / "report"
    report.mkdir(parents=True, exist_ok=True)
    write_rows(report / "replay.csv", map(asdict, replay.figures))
    write_rows(report / "replay_differences.csv", map(asdict, replay.differences))
    Console().print(replay_table(replay))
    return list(published.scorers)


def score_run(
    folder: Path, scorers: list[str], *, agreement: bool = False, score_source: str | None = None
) -> None:
    """Score a run folder, print what changed and how far the scorers agree, and report."""
    with Store(folder) as store:  # it must exist before it is opened for writing
        store.get_meta("schema_version")
    with Store(folder, write=True) as store:
        if score_source is not None:
            choose_source(store, score_source)
        changes = rescore(store, scorers)
    console = Console()
    for change in changes:
        console.print(Text(_sentence(change)))
    if score_source is not None:
        console.print(Text(f"The anomaly scores of this run are taken from: {score_source}."))
    show_report(folder, None)
    if agreement:
        show_agreement(folder, [(one.scorer, one.version) for one in changes], folder / "report", console)


def _sentence(change: Change) -> str:
    said = f"{change.scorer} {change.version}: {change.judged} new judgements; {change.abstained} of "
    said += f"{change.total} {change.unit} abstained from"
    if change.reasons:
        said += f" ({', '.join(f'{reason} {count}' for reason, count in change.reasons.items())})"
    if change.before is not None:
        said += f"; {change.changed} values differ from version {change.before}"
    return said + (f"; {change.note}" if change.note else "")
