"""`vlm-eval synthesize`: make a data set of synthetic anomalies with controls."""

from pathlib import Path
from typing import Annotated

import typer


def synthesize(
    file: Annotated[Path, typer.Argument(help="Synthesis file (YAML); its paths are relative to its own folder.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to make; `synthetic/NAME` by default. An old one is continued.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Scenes at most; may grow later.")] = None,
    no_probe: Annotated[
        bool, typer.Option("--no-probe", help="Do not test whether the edit itself gives items away.")
    ] = False,
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV with the columns candidate and good (yes, no): tells how right the filter is."),
    ] = None,
) -> None:
    """Put anomalies into normal pictures, and make the controls that show what the edit itself gives away.

    The folder holds a card, so that `vlm-eval run --dataset FOLDER` takes it at once, and a log with every
    candidate, those that were rejected too. Interrupted, it goes on where it was.
    """
    from vlm_eval.cli.synthesize_work import synthesize_to

    synthesize_to(file, out, limit, not no_probe, labels)
