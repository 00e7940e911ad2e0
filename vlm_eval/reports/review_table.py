"""Progress and agreement of a review, for the terminal."""

from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.reports.tables import heading_text, percent, plain_table
from vlm_eval.runs.review import READINGS
from vlm_eval.runs.review_verdicts import Progress


def progress_table(progress: Progress) -> RenderableType:
    """Draw who read how many answers, how far the draw has come, and how far reviewers agree."""
    parts: list[RenderableType] = [heading_text("Review"), _readers(progress)]
    parts.append(Text(_sentence(progress), style="dim"))
    if progress.pairs:
        parts += [Text(""), heading_text("Do the reviewers agree?"), _agreement(progress)]
        parts.append(Text("Of the answers that both have read; disputed ones were drawn more often.", style="dim"))
    else:
        parts.append(Text("No answer was read by two reviewers yet, so agreement is not known.", style="dim"))
    return Group(*parts)


def _readers(progress: Progress) -> RenderableType:
    table = plain_table()
    table.add_column("reviewer", overflow="fold")
    for name in ("read", *READINGS):
        table.add_column(name, justify="right", no_wrap=True)
    for reviewer, counts in sorted(progress.readings.items()):
        table.add_row(Text(reviewer), str(sum(counts.values())), *(str(counts[name]) for name in READINGS))
    return table


def _sentence(progress: Progress) -> str:
    said = (
        f"{progress.drawn} of {progress.answers} answers are drawn: {progress.labelled} are read, "
        f"{progress.skipped} only skipped, {progress.unseen} still to be read. "
    )
    return said + f"{progress.read_twice} of the first {progress.twice} were read by two."


def _agreement(progress: Progress) -> RenderableType:
    table = plain_table()
    table.add_column("reviewers", overflow="fold")
    for name in ("answers", "agree, %", "Cohen's κ", "Gwet's AC1"):
        table.add_column(name, justify="right", no_wrap=True)
    for (first, second), found in progress.pairs.items():
        observed = "-" if found.observed is None else percent(found.observed)
        coefficients = (_number(found.cohen_kappa), _number(found.gwet_ac1))
        table.add_row(Text(f"{first}, {second}"), str(found.items), observed, *coefficients)
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
