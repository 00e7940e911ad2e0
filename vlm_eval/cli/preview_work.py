"""The work behind `preview`."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Sample
from vlm_eval.prompting.cells import Cell
from vlm_eval.runs.plan import Plan
from vlm_eval.views.sheet import SheetRow, contact_sheet


def show_preview(plan: Plan, sample_name: str | None, cell_name: str | None, out: Path) -> None:
    """Print prompts and write the contact sheet. Raises ExperimentError for an unknown sample or cell."""
    sample = _find_sample(plan, sample_name)
    rows = []
    console = Console(soft_wrap=True)
    for cell in _find_cells(plan, cell_name):
        ask = next(ask for ask in plan.asks_about(plan.specs[0], sample, cell) if ask.purpose == "answer")
        prompt = ask.request.prompt
        console.print(Text.assemble((cell.name, "bold"), f"  {sample.id}"))
        for number, view in enumerate(prompt.views, 1):
            console.print(Text(f"  picture {number} ({view.role}): {view.path.name}", style="dim"))
        console.print(Text(prompt.text), "")
        rows.append(SheetRow(f"{cell.name}   {sample.id}", prompt))
    try:
        contact_sheet(rows).save(out)
    except (OSError, ValueError) as error:
        raise ExperimentError(f"The contact sheet {out} cannot be written ({error}). Name a .png file.") from error
    console.print(Text.assemble("Contact sheet: ", (str(out), "bold")))


def _find_sample(plan: Plan, name: str | None) -> Sample:
    found = [sample for sample in plan.samples if name is None or name in sample.id]
    if not found:
        raise ExperimentError(f"No sample id contains {name!r}. The first is {plan.samples[0].id!r}.")
    exact = [sample for sample in found if sample.id == name]
    return (exact or found)[0]


def _find_cells(plan: Plan, name: str | None) -> list[Cell]:
    found = [cell for cell in plan.cells if name in (None, cell.name)]
    if not found:
        raise ExperimentError(
            f"There is no cell {name!r}. Allowed: {', '.join(cell.name for cell in plan.cells)}."
        )
    return found
