"""The work behind `judge`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vlm_eval.backends.endpoint import receiving_host
from vlm_eval.backends.prices import Prices, read_prices
from vlm_eval.backends.registry import check
from vlm_eval.errors import ExperimentError
from vlm_eval.flow import BackendSpec
from vlm_eval.reports.gate import read_address
from vlm_eval.reports.judge_table import forecast_lines, grade_table, paired_lines, validation
from vlm_eval.runs.judge import (
    COMPARE,
    RUBRIC,
    CellAddress,
    Rubric,
    comparison_asks,
    find_cell,
    judge_folder,
    open_rubric,
    rubric_asks,
    stored_answers,
)
from vlm_eval.runs.judge_grades import agreement_with_people, compare_pairs, keep_grades, read_grades_of
from vlm_eval.runs.judge_replies import JudgeResult, forecast_judging, run_judge
from vlm_eval.runs.spending import set_limits
from vlm_eval.runs.store import Ask
from vlm_eval.scoring.human import read_human_verdicts
from vlm_eval.scoring.judge_reading import CRITERIA, Criterion

_PARTS: Mapping[str, Criterion] = {
    "verdict": "verdict",
    "defect": "named_defect",
    "place": "place",
    "reason": "reason",
}


@dataclass(frozen=True, slots=True)
class Order:
    """Who judges, and how."""

    spec: BackendSpec
    rubric: Path | None
    pictures: bool
    max_tokens: int
    limit: int | None
    prompts: tuple[Path, ...]
    prices: Path | None
    dry_run: bool
    local_only: bool
    max_cost: float | None = None
    max_minutes: float | None = None

    @property
    def name(self) -> str:
        """Return the judge's name."""
        return self.spec.name or self.spec.model.name

    def open_rubric(self, name: str, criteria: tuple[Criterion, ...] = CRITERIA) -> Rubric:
        """Read the words that the judge is asked with. Raises PromptError."""
        return open_rubric(
            name,
            file=self.rubric,
            prompts=self.prompts,
            criteria=criteria,
            pictures=self.pictures,
            max_tokens=self.max_tokens,
        )


def grade_run(run: str, order: Order, parts: str, human: Path | None) -> int:
    """Grade a run's answers, keep the grades as judgements, print them; return the exit code."""
    folder, model, _ = read_address(run)
    if model is not None:
        raise ExperimentError(
            f"{run} is a cell. Give a run folder to grade all of its answers, or a second cell to compare with."
        )
    criteria = read_parts(parts)
    if human is not None and "verdict" not in criteria:
        raise ExperimentError("--human says what answers claim: name verdict among --parts.")
    rubric = order.open_rubric(RUBRIC, criteria)
    path = Path(folder)
    names = {stored.sample.id for stored in stored_answers(path)}
    people = read_human_verdicts(human, known=names) if human else []
    kept = judge_folder(path, order.name, rubric.digest)
    result = _ask(kept, order, lambda: rubric_asks(path, order.spec, rubric, limit=order.limit))
    if result is None:
        return 0
    grades = read_grades_of(kept, criteria)
    keep_grades(path, order.name, rubric, grades)
    found = agreement_with_people(path, grades, people) if people else None
    console = Console()
    console.print(validation(order.name, found), soft_wrap=True)
    console.print(grade_table(grades, criteria, _groups(path)))
    console.print(Text("Percent met [95 % interval], of those that the judge did not abstain on.", style="dim"))
    return _say_end(result, kept, order, console)


def read_parts(parts: str) -> tuple[Criterion, ...]:
    """Read --parts. Raises ExperimentError."""
    names = [name.strip() for name in parts.split(",") if name.strip()]
    unknown = [name for name in names if name not in _PARTS]
    if unknown or not names:
        raise ExperimentError(f"--parts is {parts!r}. Allowed, by comma: {', '.join(_PARTS)}.")
    return tuple(criterion for name, criterion in _PARTS.items() if name in names)


def compare_cells(one: str, other: str, order: Order, human: Path | None) -> int:
    """Have a judge compare two cells' answers in both orders; return the exit code."""
    if human is not None:
        raise ExperimentError("--human labels are about single answers; they cannot validate a comparison.")
    first, second = _cell(one), _cell(other)
    rubric = order.open_rubric(COMPARE)
    kept = judge_folder(first.run, order.name, rubric.digest, str(first), str(second))
    result = _ask(kept, order, lambda: comparison_asks(first, second, order.spec, rubric, limit=order.limit))
    if result is None:
        return 0
    console = Console()
    for line in paired_lines(first, second, compare_pairs(kept)):
        console.print(Text(line), soft_wrap=True)
    console.print(validation(order.name, None, paired=True), soft_wrap=True)
    return _say_end(result, kept, order, console)


def _cell(text: str) -> CellAddress:
    folder, model, cell = read_address(text)
    return find_cell(Path(folder), model, cell)


def _ask(kept: Path, order: Order, asks: Callable[[], Iterable[Ask]]) -> JudgeResult | None:
    """Say what would be asked; then ask, unless this is a dry run."""
    host = receiving_host(order.spec)
    if order.local_only and host:
        raise ExperimentError(
            f"--local-only is given, but {order.name} would send answers to {host}. Choose another judge."
        )
    budget = set_limits([order.spec], order.prices, order.max_cost, order.max_minutes)
    console = Console()
    if order.dry_run:
        console.print(Text("A dry run asks nothing."))
    for line in forecast_lines(forecast_judging(kept, order.spec, asks(), budget.prices)):
        console.print(Text(line), soft_wrap=True)
    if order.dry_run:
        return None
    check(order.spec)
    return run_judge(kept, order.spec, asks(), budget=budget)


def _prices(order: Order) -> Prices | None:
    return read_prices(order.prices) if order.prices else None


def _groups(run: Path) -> dict[str, str]:
    return {stored.sample.id: stored.sample.group for stored in stored_answers(run)}


def _say_end(result: JudgeResult, kept: Path, order: Order, console: Console) -> int:
    if result.unavailable:
        console.print(Text(f"Stopped asking: {result.unavailable}", style="red"), soft_wrap=True)
    cost = result.cost(order.spec, _prices(order))
    spent = "" if cost is None else f", ${cost:,.4f}"
    console.print(
        Text(
            f"The judge took {result.prompt_tokens:,} tokens in and {result.completion_tokens:,} out{spent}; "
            "this is no part of the run's cost."
        ),
        soft_wrap=True,
    )
    ended = f"{result.answered} answered, {result.failed} failed for good; a failed call is an abstention."
    again = f" {result.open} still to be asked: run the same command again." if result.open else ""
    console.print(Text(f"{ended}{again} Replies: {kept}"), soft_wrap=True)
    return 3 if result.open else 0
