"""The work behind `run` and `report`; imported only when one of them runs."""

from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.text import Text

from vlm_eval.backends.endpoint import receiving_host
from vlm_eval.backends.prices import read_prices
from vlm_eval.cli.progress import ProgressBar
from vlm_eval.errors import ExperimentError, RunFolderError
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.run_info import read_info
from vlm_eval.reports.write import ReportFiles, write_report
from vlm_eval.runs.experiment import Experiment
from vlm_eval.runs.forecast import Forecast, forecast
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.plan import Plan, make_plan
from vlm_eval.runs.runner import RunResult, execute


def run_experiment(
    experiment: Experiment,
    folder: Path,
    *,
    prompts: tuple[Path, ...],
    cards: tuple[Path, ...],
    dry_run: bool,
    local_only: bool,
    prices: Path | None,
) -> int:
    """Run an experiment and return the exit code."""
    console = Console()
    plan = make_plan(experiment, prompts=prompts, datasets=cards)
    if local_only:
        _refuse_remote(plan)
    if dry_run:
        print_forecast(forecast(plan, folder, read_prices(prices) if prices else None), console)
        return 0
    with ProgressBar(console) as bar:
        result = execute(plan, folder, listener=bar)
    if result.answered:
        show_report(folder, None)
    _say_how_it_ended(result, folder, console)
    return 130 if result.stopped else 3 if result.open else 0


def show_report(folder: Path, out: Path | None, extra: dict[str, Any] | None = None) -> ReportFiles:
    """Print a run's tables and write its files; a run without answers gets a report that says so."""
    console = Console()
    target = out or folder / "report"
    frame = read_frame(folder)
    try:
        info = cast(ReportInfo, {**read_info(folder), **(extra or {})})
        files = write_report(frame, target, info=info, console=console)
    except OSError as error:
        raise RunFolderError(
            f"The report cannot be written to {target} ({error}). Choose another --out."
        ) from error
    console.print()
    console.print(Text.assemble("Tables and figures: ", (str(files.folder), "bold")), soft_wrap=True)
    return files


def print_forecast(found: Forecast, console: Console) -> None:
    """Print what a run would ask."""
    withdrawn = f" ({found.withdrawn} more are withdrawn, as references)" if found.withdrawn else ""
    console.print(Text(f"A dry run asks nothing. {found.samples} items{withdrawn} x {len(found.cells)} cells:"))
    for name in found.cells:
        console.print(Text(f"  {name}"))
    for model in found.models:
        console.print(
            Text.assemble((model.name, "bold"), f": {model.requests:,} requests after removing duplicates")
        )
        where = f"would be sent to {model.host}" if model.host else "would stay on this machine"
        cost = "no price is given" if model.cost is None else f"up to ${model.cost:,.2f}"
        console.print(Text(f"  answered already: {model.answered:,}; {model.images:,} pictures {where}"))
        console.print(
            Text(f"  about {model.tokens_in:,} tokens in (estimated), at most {model.tokens_out:,} out; {cost}")
        )
    for note in found.notes:
        console.print(Text(f"Note: {note}", style="yellow"))


def _refuse_remote(plan: Plan) -> None:
    for spec in plan.specs:
        host = receiving_host(spec)
        if host is not None:
            raise ExperimentError(
                f"--local-only is given, but {spec.name} would send pictures to {host}. Leave that model out."
            )


def _say_how_it_ended(result: RunResult, folder: Path, console: Console) -> None:
    for reason in result.unavailable:
        console.print(Text(f"Stopped asking {reason}", style="red"))
    parts = [f"{result.answered} answered"]
    if result.failed:
        parts.append(f"{result.failed} failed for good")
    if result.open:
        parts.append(f"{result.open} still to be asked: run the same command again")
    console.print(Text.assemble("Run folder: ", (str(folder), "bold"), f" ({'; '.join(parts)})"), soft_wrap=True)
