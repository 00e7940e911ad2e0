"""`vlm-eval select`: the best candidate by synthetic anomalies, and what that choice is worth on real ones."""

from pathlib import Path
from typing import Annotated

import typer


def select(
    runs: Annotated[list[Path], typer.Argument(help="Run folders that hold the candidates: models, prompts.")],
    synthetic: Annotated[str, typer.Option(help="Card of the synthetic anomalies that choose.")],
    real: Annotated[str | None, typer.Option(help="Card with real labels, to judge the choice.")] = None,
    default: Annotated[
        str | None, typer.Option(help="The candidate that you would take without looking, as the table names it.")
    ] = None,
    hardest: Annotated[
        int | None, typer.Option(min=1, help="Keep so many synthetic anomalies a class, the lowest scored.")
    ] = None,
    object_class: Annotated[str | None, typer.Option(help="Look at this object class alone.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for tables and figure; default: report/ of the first run.")
    ] = None,
) -> None:
    """Rank candidates without labels; where labels exist, say whether the choice was right."""
    from vlm_eval.cli.select_work import show_selection

    show_selection(runs, synthetic, real, default, hardest, object_class, out)
