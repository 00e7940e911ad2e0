"""`vlm-eval merge`: join the shards of one experiment."""

from pathlib import Path
from typing import Annotated

import typer


def merge(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of `vlm-eval run --shard`.")],
    out: Annotated[Path, typer.Option(help="The new run folder.")],
) -> None:
    """Join run folders of one experiment into a new one, which reports as if it had never been divided."""
    from vlm_eval.runs.merge import merge_runs

    merged = merge_runs(runs, out)
    for note in merged.notes:
        typer.secho(f"Note: {note}", fg=typer.colors.YELLOW)
    parts = [f"{merged.answered} answered"]
    if merged.repeated:
        parts.append(f"{merged.repeated} of them more than once, and alike")
    if merged.failed:
        parts.append(f"{merged.failed} failed for good")
    if merged.open:
        parts.append(f"{merged.open} still to be asked: `vlm-eval run {out / 'experiment.yaml'} --out {out}`")
    typer.echo(f"Run folder: {out} ({'; '.join(parts)})")
    typer.echo(f"Tables and figures: vlm-eval report {out}")
    raise typer.Exit(3 if merged.open else 0)
