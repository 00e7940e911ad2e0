"""The work behind `preview`."""

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Recipe, Sample, View
from vlm_eval.prompting.cells import Cell
from vlm_eval.runs.plan import Plan
from vlm_eval.runs.store import Ask
from vlm_eval.views.sheet import SheetRow, contact_sheet

_TILE = 448  # pixels of a picture on the sheet: about what a model is shown
_UNTOLD = ("digest",)  # parameters that no person writes


def choose_sample(samples: list[Sample], name: str | None) -> list[Sample]:
    """Return the one sample that a name means: its id, or the first whose id holds it. Raises ExperimentError."""
    found = [sample for sample in samples if name is None or name in sample.id]
    if not found and samples:
        raise ExperimentError(f"No sample id contains {name!r}. The first is {samples[0].id!r}.")
    exact = [sample for sample in found if sample.id == name]
    return (exact or found)[:1]


def show_preview(plan: Plan, cell_name: str | None, out: Path) -> None:
    """Print the prompts of a plan's first sample and write the contact sheet. Raises ExperimentError."""
    sample = plan.samples[0]
    rows = []
    console = Console(soft_wrap=True)
    console.print(Text.assemble((sample.id, "bold"), f"  {say_gold(sample)}"))
    for cell in _find_cells(plan, cell_name):
        for ask in _asks(plan, sample, cell):
            prompt = ask.request.prompt
            view = "" if ask.question.view is None else f", view {ask.question.view + 1} alone"
            console.print(Text.assemble((f"{cell.name}{view}", "bold")))
            for number, shown in enumerate(prompt.views, 1):
                console.print(Text(f"  picture {number}: {say_view(shown)}", style="dim"))
            console.print(Text(prompt.text), "")
            rows.append(SheetRow(f"{cell.name}{view}   {sample.id}", prompt))
    try:
        contact_sheet(rows, tile=_TILE).save(out)
    except (OSError, ValueError) as error:
        raise ExperimentError(f"The contact sheet {out} cannot be written ({error}). Name a .png file.") from error
    console.print(Text.assemble("Contact sheet: ", (str(out), "bold")))


def say_view(view: View) -> str:
    """Say what a picture is: its role, file, size in pixels and the steps that draw it."""
    size = f"{view.size[0]} x {view.size[1]}" if all(view.size) else "cannot be read"
    steps = say_recipe(view.recipe)
    return f"{view.role}, {view.path.name}, {size}" + (f", {steps}" if steps else ", as it is")


def say_recipe(recipe: Recipe) -> str:
    """Write steps as `--views` takes them: `plot.kind=scatter,blur`."""
    told = []
    for step in recipe:
        parameters = [(name, value) for name, value in step.parameters if name not in _UNTOLD]
        told += [f"{step.operation}.{name}={value}" for name, value in parameters] or [step.operation]
    return ",".join(told)


def say_gold(sample: Sample) -> str:
    """Say what is true of a sample, and which of its marks lie on the anomaly."""
    gold = sample.gold
    told = {"yes": gold.defect_type or "anomalous", "no": "normal"}.get(gold.anomalous, gold.anomalous)
    say = _say_date if sample.metadata.get("time_unit") == "date" else "{:g}".format
    when = ", ".join(f"{say(start)} to {say(end)}" for start, end in gold.intervals)
    marks = ", ".join(map(str, gold.marks))
    facts = [
        f"gold: {told}",
        gold.place and f"at {gold.place}",
        when and f"from {when}",
        marks and f"marks {marks}",
    ]
    iou = sample.metadata.get("marks_iou")
    facts.append(f"best IoU of marks {iou:.2f}" if isinstance(iou, float) else "")
    return ", ".join(fact for fact in facts if fact)


def _say_date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _asks(plan: Plan, sample: Sample, cell: Cell) -> list[Ask]:
    """Return what is asked in a cell: once, or once a view."""
    asks = plan.asks_about(plan.specs[0], sample, cell)
    return [ask for ask in asks if ask.purpose == "answer" and ask.question.repeat == 0]


def _find_cells(plan: Plan, name: str | None) -> list[Cell]:
    found = [cell for cell in plan.cells if name in (None, cell.name)]
    if not found:
        raise ExperimentError(
            f"There is no cell {name!r}. Allowed: {', '.join(cell.name for cell in plan.cells)}."
        )
    return found
