"""`vlm-eval datasets`: the cards and the data behind them."""

from pathlib import Path
from typing import Annotated

import typer

from vlm_eval.cli import options

app = typer.Typer(help="List, show and check data sets.", no_args_is_help=True)


@app.command("list")
def list_datasets(datasets: options.CardsFlag = None) -> None:
    """List every card, with what it holds and its licence."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from vlm_eval.data.cards import list_cards, load_card

    search = tuple(datasets or ())
    table = Table(title="Data sets", title_justify="left")
    for column in ("name", "what it is", "classes", "domain", "licence"):
        table.add_column(column, overflow="fold", justify="right" if column == "classes" else "left")
    for name in list_cards(search):
        card = load_card(name, search)
        classes = str(len(card.classes)) if card.classes else "-"
        table.add_row(Text(card.name, "bold"), Text(card.title), classes, Text(card.domain), Text(card.licence))
    Console().print(table)


@app.command("show")
def show_dataset(name: str, datasets: options.CardsFlag = None) -> None:
    """Show a card: where its data is, its licence, classes and normal standards."""
    import yaml

    from vlm_eval.data.cards import load_card

    card = load_card(name, tuple(datasets or ()))
    content = card.model_dump(mode="json", exclude_defaults=True)
    typer.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100))


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
    errors = sum(finding.level == "error" for finding in findings)
    console.print(Text(f"{errors} errors, {sum(finding.level == 'warning' for finding in findings)} warnings"))
    raise typer.Exit(2 if errors else 0)
