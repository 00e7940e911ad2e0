"""`vlm-eval preview`: exactly what a model would be shown."""

from pathlib import Path
from typing import Annotated

import typer

from vlm_eval.cli import options


def preview(
    experiment: options.ExperimentFile = None,
    dataset: options.DatasetFlag = None,
    sample: Annotated[str | None, typer.Option(help="Sample id, or a part of it; by default the first.")] = None,
    cell: Annotated[str | None, typer.Option(help="Cell of the grid; by default every one.")] = None,
    ablate: options.AblateFlag = None,
    levels: options.LevelsFlag = None,
    shots: options.ShotsFlag = None,
    layout: options.LayoutFlag = None,
    seed: options.SeedFlag = None,
    reference_seed: options.ReferenceSeedFlag = None,
    root: options.RootFlag = None,
    prompts: options.PromptsFlag = None,
    datasets: options.CardsFlag = None,
    out: Annotated[Path, typer.Option(help="Contact sheet to write.")] = Path("preview.png"),
) -> None:
    """Show the exact prompt and the pictures in order for one sample, and write them as a contact sheet."""
    from vlm_eval.cli.preview_work import show_preview
    from vlm_eval.runs.plan import make_plan

    built = options.build_experiment(
        experiment,
        {
            "dataset": dataset,
            "models": None if experiment else ["scripted:yes"],
            "layout": layout,
            "seed": seed,
            "reference_seed": reference_seed,
        },
        ablate=ablate,
        levels=levels,
        shots=shots,
        root=root,
    )
    show_preview(make_plan(built, prompts=tuple(prompts or ()), datasets=tuple(datasets or ())), sample, cell, out)
