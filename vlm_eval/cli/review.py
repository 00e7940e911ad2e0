"""`vlm-eval review`: people read a sample of the answers, on a page of this machine."""

from pathlib import Path
from typing import Annotated

import typer


def review(
    run: Annotated[Path, typer.Argument(help="Run folder; the run may still be going on.")],
    reviewer: Annotated[str, typer.Option(help="Who reads; by default the name of the login.")] = "",
    sample: Annotated[
        int | None, typer.Option(min=1, help="Answers to draw, on average: 200 by default. It may grow later.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the draw; 0 by default.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 0,
    show_model: Annotated[bool, typer.Option("--show-model", help="Show which model and cell answered.")] = False,
    show_gold: Annotated[bool, typer.Option("--show-gold", help="Show what is true of the item.")] = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Print the link, and open no browser.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Print progress and agreement, and stop.")] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write the verdicts as CSV with their drawing probabilities, and stop.")
    ] = None,
) -> None:
    """Say of drawn answers whether they claim an anomaly: keys y, n, h (hedged), s (skip), u (undo).

    Answers on which scorers disagree are drawn five times as likely. Two reviewers read the first 50, so that
    their agreement can be told. Each keystroke is saved at once. `report RUN --human review` then
    corrects the accuracy.
    """
    from vlm_eval.cli.review_work import Order, export_reviews, serve_review, show_status

    if export is not None:
        export_reviews(run, export)
    if status:
        show_status(run)
    if export is None and not status:
        serve_review(run, Order(reviewer, sample, seed, port, show_model, show_gold, not no_open))
