"""`vlm-eval prompts`: the templates."""

import typer

from vlm_eval.cli import options

app = typer.Typer(help="List and show the prompt templates.", no_args_is_help=True)


@app.command("list")
def list_prompts(prompts: options.PromptsFlag = None) -> None:
    """List every template and every layout."""
    from rich.console import Console
    from rich.markup import escape

    from vlm_eval.prompting.environment import open_templates
    from vlm_eval.prompting.layouts import read_layouts

    console = Console(soft_wrap=True)
    templates = open_templates(tuple(prompts or ()))
    for name, layout in sorted(read_layouts(templates).items()):
        console.print(f"[bold]{escape(name)}[/bold]  {escape(layout.about)}")
    for name in templates.names():
        console.print(escape(name), highlight=False)


@app.command("show")
def show_prompt(name: str, prompts: options.PromptsFlag = None) -> None:
    """Show a template's text and the file it comes from."""
    from vlm_eval.prompting.environment import open_templates

    templates = open_templates(tuple(prompts or ()))
    source = templates.source(name)
    typer.secho(str(templates.path(name)), err=True, dim=True)
    typer.echo(source)
