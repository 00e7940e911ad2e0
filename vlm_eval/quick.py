"""The same as the command line, from Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlm_eval.errors import VlmEvalError
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import Listener, OpenBackend, execute
from vlm_eval.runs.spending import open_budget

if TYPE_CHECKING:
    import pandas as pd

    from vlm_eval.reports.write import ReportFiles


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder, to look at."""

    folder: Path

    def frame(self) -> "pd.DataFrame":
        """Return one row an ask: gold, answer, verdict, scores. Columns: vlm_eval.runs.frame.COLUMNS."""
        return read_frame(self.folder)

    def table(self, *measures: str) -> "pd.DataFrame":
        """Return one row a cell with the named measures, by default the headline ones, as fractions.

        The measures are the columns of `ablation.csv`, such as accuracy, accuracy_low, recall, overkill, auroc.
        """
        import pandas as pd

        from vlm_eval.reports.files import ablation_rows
        from vlm_eval.reports.measures import measure
        from vlm_eval.reports.panel import read_panels
        from vlm_eval.reports.run_info import read_info

        info = read_info(self.folder)
        panels = read_panels(self.frame(), [name for name, _ in info.get("cells", ())])
        rows = [
            row
            for panel in panels
            for row in ablation_rows(panel, [measure(panel, cell) for cell in panel.cells], info)
        ]
        wanted = measures or (
            "items",
            "coverage",
            "accuracy",
            "accuracy_low",
            "accuracy_high",
            "recall",
            "overkill",
        )
        return pd.DataFrame(rows)[["model", "cell", *wanted]]

    def report(self, out: Path | str | None = None) -> "ReportFiles":
        """Print the tables and write tables and figures, by default under `report/` in the run folder."""
        from vlm_eval.reports.whole import show_report

        return show_report(self.folder, Path(out) if out else None)


def run(
    dataset: str | Path | Sequence[str | Path],
    models: str | Sequence[str | dict[str, Any]],
    *,
    out: str | Path,
    prompts: Sequence[str | Path] = (),
    datasets: Sequence[str | Path] = (),
    listener: Listener | None = None,
    open_with: OpenBackend | None = None,
    **experiment: Any,
) -> Run:
    """Ask models about data; calling it again with the same `out` asks only for what is missing.

    Args:
        dataset: a card's name or path, a folder, a table; or several.
        models: such as "pocket-llava" or "openai:gpt-4o"; or several.
        out: the run folder.
        prompts: folders with your own templates.
        datasets: folders with your own cards.
        listener: hears of progress.
        open_with: builds the backend of a model; for backends of your own.
        experiment: every other key of an experiment file: levels, shots, grid, layout, limit, seed ...

    Raises:
        InputError: the experiment cannot be asked; nothing was spent.
        VlmEvalError: a model could not be asked; what was answered is kept in the run folder.
    """
    named = [dataset] if isinstance(dataset, str | Path) else list(dataset)
    keys = {
        "dataset": [str(name) for name in named],
        "models": [models] if isinstance(models, str) else list(models),
        **experiment,
    }
    plan = make_plan(
        parse_experiment(keys, "The experiment"),
        prompts=[Path(folder) for folder in prompts],
        datasets=[Path(folder) for folder in datasets],
    )
    extra = {"open_with": open_with} if open_with else {}
    result = execute(plan, Path(out), listener=listener, budget=open_budget(plan), **extra)
    if result.unavailable and not result.answered:
        raise VlmEvalError("Nothing could be asked: " + "; ".join(result.unavailable))
    return Run(Path(out))


def open_run(folder: str | Path) -> Run:
    """Open an existing run folder."""
    return Run(Path(folder))
