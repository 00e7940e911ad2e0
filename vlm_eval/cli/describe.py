"""`vlm-eval describe`: descriptions of what answers accuse, for the scorers mapping and categories."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlm_eval.cli import flags, options

if TYPE_CHECKING:
    from vlm_eval.runs.describe import DescribePlan, DescribeResult


def describe(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    model: Annotated[
        str, typer.Option("--model", "-m", help="Who describes: openai:gpt-4o ... Pictures are not sent.")
    ],
    embed: Annotated[str, typer.Option(help="What is described: accused, sentence or whole.")] = "accused",
    dry_run: flags.DryRunFlag = False,
    local_only: Annotated[
        bool, typer.Option("--local-only", help="Refuse models that text would leave for.")
    ] = False,
    base_url: flags.BaseUrlFlag = None,
    concurrency: flags.ConcurrencyFlag = None,
    max_tokens: Annotated[int, typer.Option(help="Longest description, in tokens.")] = 64,
    prices: flags.PricesFlag = None,
    max_cost: Annotated[
        float | None, typer.Option(help="Most USD that this call may cost; needs --prices.")
    ] = None,
    max_minutes: flags.MaxMinutesFlag = None,
    prompts: options.PromptsFlag = None,
) -> None:
    """Have a model describe each distinct text that answers accuse; asked once, kept in RUN/descriptions.jsonl."""
    from vlm_eval.backends.endpoint import receiving_host
    from vlm_eval.backends.registry import parse_model
    from vlm_eval.errors import ExperimentError
    from vlm_eval.runs.describe import describe_texts, plan_descriptions
    from vlm_eval.runs.spending import set_limits
    from vlm_eval.scoring.passages import PARTS

    part = next((known for known in PARTS if known == embed), None)
    if part is None:
        raise ExperimentError(f"--embed is {embed!r}. Allowed: {', '.join(PARTS)}.")
    spec = parse_model(model, base_url=base_url, concurrency=concurrency)
    host = receiving_host(spec)
    if local_only and host:
        raise ExperimentError(
            f"--local-only is given, but {model} would send text to {host}. Choose another model."
        )
    budget = set_limits([spec], prices, max_cost, max_minutes)
    plan = plan_descriptions(run, spec, part=part, prompts=tuple(prompts or ()), max_tokens=max_tokens)
    _say_plan(plan, host)
    if dry_run:
        return
    result = describe_texts(plan, budget=budget)
    _say_result(result)
    raise typer.Exit(3 if result.open else 0)


def _say_plan(plan: "DescribePlan", host: str | None) -> None:
    typer.echo(
        f"{plan.answers} answers, {plan.without} of which accuse nothing that can be described; "
        f"{plan.distinct} distinct texts, {plan.known} of them described before, {plan.too_long} too long."
    )
    where = f"are sent to {host}" if host else "stay on this machine"
    typer.echo(f"{len(plan.requests)} texts are to be described; they {where}.")


def _say_result(result: "DescribeResult") -> None:
    typer.echo(
        f"{result.written} described, {result.failed} without a description, {result.open} still to be asked."
    )
    if result.unavailable:
        typer.secho(f"Stopped asking: {result.unavailable}", err=True, fg=typer.colors.RED)
    typer.echo("Read descriptions.jsonl, correct what is wrong, and set `checked` to true there.")
