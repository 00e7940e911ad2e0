"""`vlm-eval gate`: may this model pass? Exit code 0 if every limit is met, 1 if not."""

from pathlib import Path
from typing import Annotated

import typer


def gate(
    run: Annotated[str, typer.Argument(help="RUN, RUN::MODEL or RUN::MODEL::CELL.")],
    max_miss: Annotated[float | None, typer.Option(help="Largest share of missed anomalies: 0.02.")] = None,
    max_overkill: Annotated[float | None, typer.Option(help="Largest share of false alarms: 0.05.")] = None,
) -> None:
    """Hold the upper bound of the 95 % interval of miss and overkill against limits; every cell must keep them."""
    from vlm_eval.reports.gate import check_gate, describe, read_address
    from vlm_eval.reports.run_info import read_info
    from vlm_eval.runs.frame import read_frame

    folder, model, cell = read_address(run)
    given = {"miss": max_miss, "overkill": max_overkill}
    limits = {name: limit for name, limit in given.items() if limit is not None}
    lines = check_gate(read_frame(Path(folder)), read_info(Path(folder)), limits, model, cell)
    for line in lines:
        typer.secho(describe(line), fg=typer.colors.GREEN if line.met else typer.colors.RED)
    if not all(line.met for line in lines):
        raise typer.Exit(1)
