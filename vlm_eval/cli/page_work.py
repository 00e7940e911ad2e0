"""The work behind `report` where there are several runs, a page or further formats; imported only then."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from vlm_eval.backends.prices import read_prices
from vlm_eval.errors import ExperimentError
from vlm_eval.reports.exports import check_formats, export
from vlm_eval.reports.html_write import write_page
from vlm_eval.reports.published import read_published
from vlm_eval.reports.whole import show_report
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.human import read_human
from vlm_eval.runs.review_verdicts import read_reviews
from vlm_eval.runs.spending import stored_prices


def read_extra(
    runs: Sequence[Path],
    settings: Mapping[str, Any],
    *,
    prices: Path | None,
    published: Path | None,
    human: Path | None,
) -> dict[str, Any]:
    """Read the files that a report takes beside its runs; return them with those settings that were given."""
    extra = {name: value for name, value in settings.items() if value is not None}
    if prices is not None:
        extra["prices"] = _prices(runs, prices)
    if published is not None:
        extra["published"] = read_published(published)
    if human is not None:
        if len(runs) > 1:
            raise ExperimentError(f"--human holds labels of one run; {len(runs)} runs are given. Report it alone.")
        reviewed = human == Path("review") and not human.is_file()
        frame = read_frame(runs[0], join=extra.get("join"))
        extra["human"] = read_reviews(runs[0]) if reviewed else read_human(human, frame)
    return extra


def _prices(runs: Sequence[Path], path: Path) -> dict[str, tuple[float, float]]:
    read = read_prices(path)
    found = {name: price for run in runs for name, price in stored_prices(run, read).items()}
    if not found:
        raise ExperimentError(
            f"{path} prices none of the models of {', '.join(map(str, runs))}; it names {', '.join(read.root)}. "
            "Add a line for a model as it was asked for, like 'openai:gpt-4o', or its checkpoint."
        )
    return found


def show_pages(runs: Sequence[Path], html: Path | None, folder: Path | None, extra: dict[str, Any]) -> None:
    """Write the report of runs as one file, as a folder, or both, and say in short what is in it."""
    console = Console()
    for target, lazy in ((html, False), (folder, True)):
        if target is None:
            continue
        page = write_page(runs, target, lazy=lazy, extra=extra)
        for text in page.summaries:
            console.print(Text(text))
        for note in page.left_out:
            console.print(Text(f"Note: {note}", style="yellow"))
        size = f"({page.size / 1e6:.1f} MB, {page.answers:,} questions)"
        console.print(Text.assemble("Page: ", (str(page.path), "bold"), f" {size}"), soft_wrap=True)


def show_reports(runs: Sequence[Path], out: Path | None, extra: dict[str, Any], formats: str | None) -> None:
    """Print the tables of each run and write its files, in further formats where they are asked for."""
    if out is not None and len(runs) > 1:
        raise ExperimentError(f"--out takes the files of one run; {len(runs)} are given. Leave it out.")
    wanted = check_formats(formats or "")
    for run in runs:
        files = show_report(run, out, extra)
        if wanted:
            written = export(run, files.folder, wanted, extra)
            Console().print(Text(f"{len(written)} files as {', '.join(wanted)}."))
