"""`vlm-eval preview`: exactly what a model would be shown."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from vlm_eval.cli import options, step_flags


def preview(
    experiment: options.ExperimentFile = None,
    dataset: options.DatasetFlag = None,
    sample: Annotated[str | None, typer.Option(help="Sample id, or a part of it; by default the first.")] = None,
    cell: Annotated[str | None, typer.Option(help="Cell of the grid; by default every one.")] = None,
    ablate: options.AblateFlag = None,
    levels: options.LevelsFlag = None,
    shots: options.ShotsFlag = None,
    layout: options.LayoutFlag = None,
    join: options.JoinFlag = None,
    views: options.ViewsFlag = None,
    marks: options.MarksFlag = None,
    seed: options.SeedFlag = None,
    reference_seed: options.ReferenceSeedFlag = None,
    references: options.ReferencesFlag = None,
    reference_kind: options.ReferenceKindFlag = None,
    root: options.RootFlag = None,
    prompts: options.PromptsFlag = None,
    datasets: options.CardsFlag = None,
    out: Annotated[Path, typer.Option(help="Contact sheet to write.")] = Path("preview.png"),
) -> None:
    """Show the exact prompt and the pictures in order for one sample, and write them as a contact sheet."""
    from vlm_eval.cli.preview_work import choose_sample, show_preview
    from vlm_eval.runs.plan import make_plan

    built = options.build_experiment(
        experiment,
        {
            "dataset": dataset,
            "models": None if experiment else ["scripted:yes"],
            "layout": layout,
            "join": join,
            "views": step_flags.parse_views(views),
            "marks": step_flags.parse_marks(marks),
            "seed": seed,
            "reference_seed": reference_seed,
            "references": references,
            "reference_kind": reference_kind,
        },
        ablate=ablate,
        levels=levels,
        shots=shots,
        root=root,
    )
    cards, templates = tuple(datasets or ()), tuple(prompts or ())
    plan = make_plan(built, prompts=templates, datasets=cards, choose=partial(choose_sample, name=sample))
    show_preview(plan, cell, out)
