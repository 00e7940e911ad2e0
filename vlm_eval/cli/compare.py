"""`vlm-eval compare`: two runs, models or cells on the same items."""

from pathlib import Path
from typing import Annotated

import typer


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="RUN, RUN::MODEL or RUN::MODEL::CELL.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The same; an empty MODEL means any.")],
    html: Annotated[Path | None, typer.Option(help="Write a page with both answers side by side.")] = None,
) -> None:
    """Tell the paired difference between two runs or cells, with its test, and the items that flipped."""
    from vlm_eval.cli.compare_work import show_comparison

    show_comparison(first, second, html)
