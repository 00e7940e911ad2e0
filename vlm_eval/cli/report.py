"""`vlm-eval report`: tables and figures, or a page to look at, from run folders alone."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vlm_eval.cli import flags


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folder, or several.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; by default RUN/report.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write one page, with every picture in it: report.html.")
    ] = None,
    html_dir: Annotated[
        Path | None, typer.Option(help="The same as a folder, for runs whose pictures are too much for one file.")
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format", help="Also as: parquet,json,md,latex (tables), svg,pdf (figures), dataset (items)."
        ),
    ] = None,
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
    prices: flags.PricesFlag = None,
    human: Annotated[
        Path | None,
        typer.Option(
            help="CSV of human labels: sample_id, verdict, probability[, cell, model, reviewer]; or `review`: "
            "those that `vlm-eval review` took."
        ),
    ] = None,
    join: Annotated[
        str | None,
        typer.Option(help="Join views that were asked one by one by another rule: any, max, mean, majority."),
    ] = None,
    published: Annotated[Path | None, typer.Option(help="CSV of published numbers, shown beside ours.")] = None,
) -> None:
    """Rebuild the tables and figures of a run; the data and the models are not needed.

    With --html or --html-dir the page alone, unless --out or --format asks for the files too.
    """
    from vlm_eval.cli.page_work import read_extra, show_pages, show_reports

    settings: dict[str, Any] = {"defect_rate": defect_rate, "margin": margin, "costs": costs, "join": join}
    extra = read_extra(runs, settings, prices=prices, published=published, human=human)
    if html or html_dir:
        show_pages(runs, html, html_dir, extra)
    if out or formats or not (html or html_dir):
        show_reports(runs, out, extra, formats)
