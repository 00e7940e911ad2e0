"""The progress bar of a run."""

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from vlm_eval.backends.budget import Budget
from vlm_eval.flow import Answer, Outcome
from vlm_eval.runs.store import Growth


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Show requests a second."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s")


class ProgressBar:
    """Shows answered, failed, requests a second, the time left and the cost so far, a line a model."""

    def __init__(self, console: Console, budget: Budget | None = None) -> None:
        self.console = console
        self._budget = budget
        cost = TextColumn("{task.fields[cost]}", table_column=Column(no_wrap=True))
        self.progress = Progress(
            TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=10),
            TextColumn(
                "[green]{task.fields[answered]} answered[/] [red]{task.fields[failed]} failed[/] "
                "of {task.total:.0f}",
                table_column=Column(no_wrap=True),
            ),
            _Rate(),
            TimeRemainingColumn(),
            *([] if self._cost() is None else [cost]),
            console=console,
            expand=True,
        )
        self._task: dict[str, int] = {}
        self._tally: dict[str, list[int]] = {}

    def __enter__(self) -> "ProgressBar":
        self.progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.progress.stop()

    def planned(self, growth: Growth, open_requests: int) -> None:
        """Say how much is planned and how much of it is new."""
        known = growth.total - growth.added
        grown = f", {growth.added} of them new" if known and growth.added else ""
        self.console.print(Text(f"{growth.total} asks planned{grown}; {open_requests} requests to send"))
        if growth.revised:
            said = "items say something else than when they were first planned; their answers are judged again"
            self.console.print(Text(f"{growth.revised} {said}", style="yellow"))

    def model_started(self, name: str, open_requests: int) -> None:
        """Add a model's line."""
        self._tally[name] = [0, 0]
        self._task[name] = self.progress.add_task(
            escape(name), total=open_requests, answered=0, failed=0, cost=self._cost()
        )

    def arrived(self, name: str, outcome: Outcome) -> None:
        """Move a model's line on."""
        tally = self._tally[name]
        tally[0 if isinstance(outcome, Answer) else 1] += 1
        cost = self._cost()
        self.progress.update(self._task[name], advance=1, answered=tally[0], failed=tally[1], cost=cost)  # type: ignore[arg-type]

    def stopping(self) -> None:
        """Say what the first Ctrl-C does, as what is in flight may take minutes."""
        said = "Stopping: what is in flight is waited for. Ctrl-C again leaves it; what is answered is kept."
        self.console.print(Text(said, style="yellow"))

    def _cost(self) -> str | None:
        """Return what the run folder has cost, of how much; None where no price is known."""
        budget = self._budget
        if budget is None or budget.prices is None:
            return None
        most = "" if budget.max_cost is None else f" of ${budget.max_cost:g}"
        return f"${budget.spent:.2f}{most}"
