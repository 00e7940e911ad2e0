"""`vlm-eval datasets`: the cards and the data behind them."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from vlm_eval.cli import options

app = typer.Typer(help="List, show and check data sets.", no_args_is_help=True)


@app.command("list")
def list_datasets(datasets: options.CardsFlag = None) -> None:
    """List every card, with what it holds and its licence."""
    from rich.console import Console

    from vlm_eval.cli.datasets_work import card_table
    from vlm_eval.data.cards import list_cards, load_card

    search = tuple(datasets or ())
    Console().print(card_table([load_card(name, search) for name in list_cards(search)]))


@app.command("show")
def show_dataset(
    name: str,
    as_file: Annotated[bool, typer.Option("--yaml", help="Print the card's file, to copy and change it.")] = False,
    datasets: options.CardsFlag = None,
) -> None:
    """Show a card: where its data is, its licence, what to beware of, classes and normal standards."""
    from rich.console import Console

    from vlm_eval.cli.datasets_work import print_card
    from vlm_eval.data.cards import find_card, load_card

    search = tuple(datasets or ())
    if as_file:
        typer.echo(find_card(name, search).read_text(encoding="utf-8"), nl=False)
    else:
        print_card(load_card(name, search), Console())


@app.command("check")
def check_dataset(
    name: str,
    root: Annotated[Path | None, typer.Option(help="Where the data lies.")] = None,
    datasets: options.CardsFlag = None,
) -> None:
    """Check the files and labels of a data set; exit code 2 when there are errors."""
    from rich.console import Console
    from rich.text import Text

    from vlm_eval.data.check import check_dataset as check
    from vlm_eval.data.loading import load_dataset

    findings = check(load_dataset(name, root=root, search=tuple(datasets or ())))
    console = Console(soft_wrap=True)
    styles = {"error": "red", "warning": "yellow", "info": "default"}
    for finding in findings:
        where = f"{finding.sample_id}: " if finding.sample_id else ""
        console.print(Text.assemble((finding.level, styles[finding.level]), f"  {where}{finding.message}"))
    counts = Counter(finding.level for finding in findings)
    errors = counts["error"]
    told = (f"{counts[level]} {level}{'' if counts[level] == 1 else 's'}" for level in ("error", "warning"))
    console.print(Text(", ".join(told)))
    raise typer.Exit(2 if errors else 0)
