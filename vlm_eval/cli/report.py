"""`vlm-eval report`: tables and figures from a run folder alone."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; by default RUN/report.")] = None,
) -> None:
    """Rebuild the tables and figures of a run; the data and the models are not needed."""
    from vlm_eval.cli.run_work import show_report

    show_report(run, out)
