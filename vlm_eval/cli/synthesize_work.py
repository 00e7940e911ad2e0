"""The work behind `synthesize`; imported only when it runs."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from vlm_eval.synthetic.acceptance import acceptance_rate, filter_quality, read_labels, tally
from vlm_eval.synthetic.control_probe import Probe, probe_controls
from vlm_eval.synthetic.generate import Made
from vlm_eval.synthetic.interpolate import interpolate
from vlm_eval.synthetic.settings import Interpolation, Synthesis, read_synthesis
from vlm_eval.synthetic.summary import Summary, shortfalls, show, verdict, write_summary
from vlm_eval.synthetic.synthesise import synthesise


def synthesize_to(file: Path, out: Path | None, limit: int | None, probe: bool, labels: Path | None) -> None:
    """Make a data set, print what it holds and whether its edits give themselves away."""
    settings = read_synthesis(file)
    if limit is not None:
        scenes = settings.scenes.model_copy(update={"limit": limit})
        settings = settings.model_copy(update={"scenes": scenes})
    folder = out or Path("synthetic") / settings.name
    console = Console()
    made = _make(settings, file.parent, folder, console)
    marked = read_labels(labels) if labels else None
    summary = Summary(
        tally(made.records),
        acceptance_rate(made.records),
        probe_controls(folder, made.records) if probe else (),
        None if marked is None else filter_quality(made.records, marked),
        made.notes,
    )
    write_summary(folder, summary)
    _print(console, summary, probe)
    console.print(Text(f"Now: vlm-eval run --dataset {folder} --model ..."), soft_wrap=True)


def _make(settings: Synthesis | Interpolation, here: Path, folder: Path, console: Console) -> Made:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(settings.name, total=None)

        def show_progress(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        if isinstance(settings, Interpolation):
            return interpolate(settings, here, folder, show_progress)
        return synthesise(settings, here, folder, show_progress)


def _print(console: Console, summary: Summary, probe: bool) -> None:
    made = Table("kind", "jobs", "items", "candidates", "failed")
    for one in summary.tallies:
        made.add_row(one.kind, str(one.jobs), str(one.items), str(one.candidates), str(one.failed))
    console.print(made)
    console.print(Text(f"Accepted: {show(summary.acceptance)} of the candidates"))
    if summary.quality is not None:
        console.print(
            Text(f"Filter: precision {show(summary.quality.precision)}, recall {show(summary.quality.recall)}")
        )
    for line in shortfalls(summary):
        console.print(Text(line, style="yellow"), soft_wrap=True)
    if probe:
        console.print(_probe_table(summary.probes))
        console.print(Text(verdict(summary.probes), style="bold"), soft_wrap=True)


def _probe_table(probes: tuple[Probe, ...]) -> Table:
    table = Table("control", "seen", "features", "AUROC of edit against untouched", "changed")
    for probe in probes:
        style = "red" if probe.over else ""
        changed = f"{probe.changed} of {probe.pairs}"
        table.add_row(probe.control, probe.area, probe.features, Text(show(probe.auroc), style=style), changed)
    return table
