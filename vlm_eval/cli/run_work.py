"""The work behind `run` and `report`; imported only when one of them runs."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vlm_eval.backends.endpoint import receiving_host
from vlm_eval.backends.registry import open_backend
from vlm_eval.cli.progress import ProgressBar
from vlm_eval.errors import ExperimentError, MissingExtraError
from vlm_eval.reports.failures import show_failures
from vlm_eval.reports.whole import show_report
from vlm_eval.runs.experiment import Experiment
from vlm_eval.runs.forecast import Forecast, forecast
from vlm_eval.runs.plan import Plan, make_plan
from vlm_eval.runs.runner import OpenBackend, RunResult, execute
from vlm_eval.runs.shard import parse_shard
from vlm_eval.runs.spending import open_budget, stored_prices


def run_experiment(
    experiment: Experiment,
    folder: Path,
    *,
    prompts: tuple[Path, ...],
    cards: tuple[Path, ...],
    shard: str | None = None,
    executor: str = "here",
    workers: int | None = None,
    worker_gpus: float = 0.0,
    dry_run: bool,
    local_only: bool,
    prices: Path | None,
) -> int:
    """Run an experiment and return the exit code."""
    console = Console()
    share = parse_shard(shard) if shard else None
    plan = replace(make_plan(experiment, prompts=prompts, datasets=cards), shard=share)
    if local_only:
        _refuse_remote(plan)
    budget = open_budget(plan, prices)
    if dry_run:
        print_forecast(forecast(plan, folder, budget.prices), console)
        return 0
    opening = _open_executor(executor, workers, worker_gpus)
    with opening as open_with, ProgressBar(console, budget) as bar:
        result = execute(plan, folder, listener=bar, open_with=open_with, budget=budget)
    if result.answered:
        show_report(folder, extra={"prices": stored_prices(folder, budget.prices)} if budget.prices else None)
    else:
        show_failures(folder, None, console)
    _say_how_it_ended(result, folder, console)
    return 130 if result.stopped else 3 if result.open else 0


def _open_executor(name: str, workers: int | None, gpus: float) -> AbstractContextManager[OpenBackend]:
    """Say where models run: in this process, or in a pool of Ray workers."""
    if name == "here":
        return nullcontext(open_backend)
    if name != "ray":
        raise ExperimentError(f"There is no executor {name!r}. Use here, or ray.")
    if find_spec("ray") is None:
        raise MissingExtraError("ray", "ray", "--executor ray")
    from vlm_eval.backends.ray_pool import PoolSettings, RayExecutor

    return RayExecutor(PoolSettings(workers=workers, gpus=gpus))


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
