"""The flags that `run` and `preview` share, and how they become an experiment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vlm_eval.runs.experiment import Experiment

ExperimentFile = Annotated[Path | None, typer.Argument(help="Experiment file (YAML). Flags override it.")]
DatasetFlag = Annotated[
    list[str] | None, typer.Option("--dataset", "-d", help="Card name or path, folder or table. Repeatable.")
]
ModelFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--model", "-m", help="pocket-llava, openai:gpt-4o, llava:llava-hf/llava-1.5-7b-hf ... Repeatable."
    ),
]
AblateFlag = Annotated[
    str | None,
    typer.Option(
        help="Ingredients to switch: class,standard,reference,marks,auxiliary; to vary: wording,reference_seed,"
        "reference_kind."
    ),
]
LevelsFlag = Annotated[str | None, typer.Option(help="Prompt levels: naive,class,expert,rules.")]
ShotsFlag = Annotated[str | None, typer.Option(help="Numbers of reference pictures for --levels: 0,1.")]
LayoutFlag = Annotated[str | None, typer.Option(help="chat, vqa, json, or your own.")]
JoinFlag = Annotated[
    str | None,
    typer.Option(help="Views of an item: joint (in one prompt), or one by one: any, max, mean, majority."),
]
ViewsFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--views", help="How items are shown: plot.kind=scatter,blur or project.views=0/90,45/30. Repeatable."
    ),
]
MarksFlag = Annotated[
    str | None, typer.Option(help="Regions to mark, and parameters: grid, or slic,count=16,style=box.")
]
LimitFlag = Annotated[int | None, typer.Option(help="Items a data set: seeded, nested, even over class and gold.")]
RootFlag = Annotated[Path | None, typer.Option(help="Where the data lies, for a single --dataset.")]
PromptsFlag = Annotated[list[Path] | None, typer.Option("--prompts", help="Folder with your own templates.")]
CardsFlag = Annotated[list[Path] | None, typer.Option("--datasets", help="Folder with your own cards.")]
SeedFlag = Annotated[int | None, typer.Option(help="Seed of the choice of items.")]
ReferencesFlag = Annotated[
    str | None, typer.Option(help="seed: the same for every query; nearest: the normal pictures most like it.")
]
ReferenceKindFlag = Annotated[str | None, typer.Option(help="What references show: normal, or defect.")]
ReferenceSeedFlag = Annotated[int | None, typer.Option(help="Seed of the choice of reference pictures.")]
SupportFlag = Annotated[
    str | None, typer.Option(help="Normal pictures a class that baselines compare with: a number, or train.")
]


def build_experiment(
    file: Path | None,
    values: dict[str, Any],
    *,
    ablate: str | None = None,
    levels: str | None = None,
    shots: str | None = None,
    root: Path | None = None,
    models: dict[str, Any] | None = None,
) -> "Experiment":
    """Join an experiment file with the flags that were given; flags win.

    Raises:
        ExperimentError: neither names a data set and a model, or a value is not allowed.
    """
    from vlm_eval.errors import ExperimentError
    from vlm_eval.prompting.cells import ablation_levels
    from vlm_eval.runs.experiment import parse_experiment, read_experiment

    data = read_experiment(file).model_dump(exclude_unset=True) if file else {}
    generation = {**(data.get("generation") or {}), **(values.get("generation") or {})}
    data |= {name: value for name, value in values.items() if value is not None}
    data["generation"] = generation
    if ablate is not None and (levels is not None or shots is not None):
        raise ExperimentError("--ablate makes a grid of its own; leave out --levels and --shots, or leave it out.")
    if ablate is not None:
        data |= {"grid": ablation_levels(_split(ablate)), "levels": None, "shots": None}
    if levels is not None or shots is not None:
        data["grid"] = None
        data |= {"levels": _split(levels)} if levels is not None else {}
        data |= {"shots": _numbers(shots)} if shots is not None else {}
    marked = values.get("marks") is not None
    if marked and not any(data.get(name) for name in ("grid", "levels", "shots")):
        data["grid"] = ablation_levels(["marks"])
    if models:
        data["models"] = [_with_settings(entry, models) for entry in data.get("models", [])]
    if root is not None:
        data["roots"] = {str(name): str(root) for name in data.get("dataset", [])}
    for name in ("dataset", "models"):
        if not data.get(name):
            flag = name.removesuffix("s")
            raise ExperimentError(f"No {flag} is given. Name an experiment file, or use --{flag}.")
    experiment = parse_experiment(data, str(file) if file else "The command line")
    if marked and not any(cell.ingredients.marks for cell in experiment.cells()):
        raise ExperimentError(
            "--marks is given, but no cell shows marks. Add marks to --ablate, or marks: [off, on] to the grid."
        )
    return experiment


def run_name(file: Path | None, dataset: str) -> str:
    """Name a run after its experiment file, or after its first data set."""
    path = file or Path(dataset)
    name = path.resolve().stem if path.exists() else path.stem
    return "".join(character if character.isalnum() or character in "._-" else "-" for character in name) or "run"


def _with_settings(entry: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Add flags such as --concurrency to a model; revision, dtype and quantization are not options."""
    model: dict[str, Any] = {"model": entry} if isinstance(entry, str) else dict(entry)
    known = {name: value for name, value in settings.items() if value is not None}
    identity = {name: known.pop(name) for name in ("revision", "dtype", "quantization") if name in known}
    return model | identity | {"options": {**model.get("options", {}), **known}}


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in _split(text)]
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} must be whole numbers, such as 0,1", param_hint="--shots") from error
