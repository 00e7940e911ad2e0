"""`vlm-eval models`: what can be asked."""

import typer

app = typer.Typer(help="List the models and families that can be asked.", no_args_is_help=True)


@app.command("list")
def list_models() -> None:
    """List the shipped models and the families; the checkpoint is up to you."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from vlm_eval.backends.checkpoints import shipped_models
    from vlm_eval.backends.registry import list_families

    table = Table(title="Families: write family:checkpoint", title_justify="left")
    for column in ("family", "what it is", "example"):
        table.add_column(column, overflow="fold")
    for family in list_families():
        table.add_row(Text(family.name, "bold"), Text(family.description), Text(family.example))
    console = Console()
    console.print(table)
    for name in sorted(shipped_models()):
        console.print(Text(f"{name}  ships with vlm-eval: a toy for tests and the demo, no judge of real parts"))
