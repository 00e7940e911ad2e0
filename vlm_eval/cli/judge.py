"""`vlm-eval judge`: an LLM judge grades a run's answers, or compares two cells."""

from pathlib import Path
from typing import Annotated

import typer

from vlm_eval.cli import flags, options


def judge(
    run: Annotated[str, typer.Argument(help="Run folder; RUN::MODEL::CELL to compare that cell with another.")],
    other: Annotated[str | None, typer.Argument(help="RUN::MODEL::CELL: compare with this cell.")] = None,
    against: Annotated[str | None, typer.Option(help="The same as the second argument.")] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="The judge: openai:gpt-4o ...")] = "",
    rubric: Annotated[
        Path | None,
        typer.Option(help="Your own words (Jinja); default: judge/rubric.jinja or judge/compare.jinja."),
    ] = None,
    parts: Annotated[
        str, typer.Option(help="What is graded, by comma: verdict, defect, place, reason.")
    ] = "verdict,defect,place,reason",
    human: Annotated[
        Path | None, typer.Option(help="CSV of what people say the answers claim; validates the judge.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Items; all their answers are judged.")] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Show the judge what the model was shown.")
    ] = False,
    dry_run: flags.DryRunFlag = False,
    local_only: Annotated[
        bool, typer.Option("--local-only", help="Refuse a judge that answers would leave for.")
    ] = False,
    concurrency: flags.ConcurrencyFlag = None,
    base_url: flags.BaseUrlFlag = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest reply; more for judges that reason.")] = 256,
    prices: flags.PricesFlag = None,
    max_cost: Annotated[
        float | None, typer.Option(help="Most USD that these replies may cost; needs --prices.")
    ] = None,
    max_minutes: flags.MaxMinutesFlag = None,
    prompts: options.PromptsFlag = None,
) -> None:
    """Have a model grade stored answers by a rubric, or say which of two answers is better, in both orders.

    A failed call is an abstention. What the judge costs is kept apart from the run; the same command goes on.
    """
    from vlm_eval.backends.registry import parse_model
    from vlm_eval.cli.judge_work import Order, compare_cells, grade_run
    from vlm_eval.errors import ExperimentError

    if not model:
        raise ExperimentError("No judge is given. Name one with --model, such as openai:gpt-4o.")
    if other and against:
        raise ExperimentError("The second cell is given twice: as an argument and with --against. Leave one out.")
    order = Order(
        parse_model(model, base_url=base_url, concurrency=concurrency),
        rubric,
        pictures,
        max_tokens,
        limit,
        tuple(prompts or ()),
        prices,
        dry_run,
        local_only,
        max_cost,
        max_minutes,
    )
    second = other or against
    code = compare_cells(run, second, order, human) if second else grade_run(run, order, parts, human)
    raise typer.Exit(code)
