"""The work behind `compare`; imported only when it runs."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from vlm_eval.reports.compare import compare, parse_address
from vlm_eval.reports.compare_table import comparison_table, flips_table
from vlm_eval.reports.html_compare import write_comparison
from vlm_eval.reports.html_read import read_run


def show_comparison(first: str, second: str, html: Path | None) -> None:
    """Print the comparison of two addresses, and write it as a page where one is asked for."""
    console = Console()
    one, other = parse_address(first), parse_address(second)
    runs = (read_run(one.run), read_run(other.run))
    found = compare(runs[0].frame, runs[1].frame, one, other)
    for name, text in (("A", first), ("B", second)):
        console.print(Text(f"{name}: {text}"), soft_wrap=True)
    console.print()
    console.print(comparison_table(found))
    flips = flips_table(found.pairs)
    if flips is not None:
        console.print()
        console.print(flips)
    if html is not None:
        path = write_comparison(found, runs, (one, other), html)
        console.print(Text.assemble("Page: ", (str(path), "bold")), soft_wrap=True)
