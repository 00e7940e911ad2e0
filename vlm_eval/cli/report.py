"""`vlm-eval report`: tables and figures from a run folder alone."""

from pathlib import Path
from typing import Annotated, Any

import typer


def report(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; by default RUN/report.")] = None,
    defect_rate: Annotated[
        float | None, typer.Option(help="Share of defective items in use, for the precision: 0.01 by default.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="An ingredient that changes a rate by less does nothing: 0.05 by default.")
    ] = None,
    costs: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Cost of a miss and of a false alarm, for the operating point."),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="Price file (YAML): USD per million tokens by model.")
    ] = None,
    published: Annotated[Path | None, typer.Option(help="CSV of published numbers, shown beside ours.")] = None,
) -> None:
    """Rebuild the tables and figures of a run; the data and the models are not needed."""
    from vlm_eval.cli.run_work import show_report

    extra: dict[str, Any] = {"defect_rate": defect_rate, "margin": margin, "costs": costs}
    if prices is not None:
        from vlm_eval.backends.prices import read_prices

        extra["prices"] = {name: (price.input, price.output) for name, price in read_prices(prices).root.items()}
    if published is not None:
        from vlm_eval.reports.published import read_published

        extra["published"] = read_published(published)
    show_report(run, out, {name: value for name, value in extra.items() if value is not None})
