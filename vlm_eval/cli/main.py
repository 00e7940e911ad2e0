"""The command line: `vlm-eval COMMAND`."""

import sys

import typer

from vlm_eval.cli import (
    compare,
    datasets,
    describe,
    gate,
    judge,
    merge,
    models,
    power,
    preview,
    prompts,
    report,
    review,
    run,
    score,
    select,
    synthesize,
)
from vlm_eval.errors import BackendUnavailable, VlmEvalError

app = typer.Typer(
    name="vlm-eval",
    help="Measures how well vision-language models find, name, locate and explain anomalies.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("run")(run.run)
app.command("preview")(preview.preview)
app.command("score")(score.score)
app.command("merge")(merge.merge)
app.command("gate")(gate.gate)
app.command("power")(power.power)
app.command("describe")(describe.describe)
app.command("judge")(judge.judge)
app.command("report")(report.report)
app.command("review")(review.review)
app.command("compare")(compare.compare)
app.command("synthesize")(synthesize.synthesize)
app.command("select")(select.select)
app.add_typer(datasets.app, name="datasets")
app.add_typer(prompts.app, name="prompts")
app.add_typer(models.app, name="models")


def main() -> None:
    """Run the command line; a problem that we foresaw is one message on stderr, not a traceback.

    Exit codes: 0 every request has an answer or a final failure; 3 some are still to be asked; 2 bad input;
    1 a gate is not met; 130 stopped.
    """
    try:
        app()
    except BackendUnavailable as error:
        typer.secho(f"The model cannot be asked: {error}", err=True, fg=typer.colors.RED)
        sys.exit(3)
    except VlmEvalError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        sys.exit(2)
