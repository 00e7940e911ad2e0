"""Whether a run may pass: the bound of the interval is tested, not the value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vlm_eval.errors import InputError
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.reports.effects import measured_on
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.panel import Panel, read_panels
from vlm_eval.reports.score_source import judged_by_claims

SEPARATOR = "::"


@dataclass(frozen=True, slots=True)
class GateLine:
    """One limit on one cell."""

    model: str
    dataset: str
    cell: str
    measure: str  # miss, overkill
    limit: float
    found: Estimate  # an item without an answer counts as wrong
    unanswered: int

    @property
    def met(self) -> bool:
        """Say whether the upper bound of the interval keeps the limit; what is undefined does not."""
        return self.found.high is not None and self.found.high <= self.limit


def read_address(text: str) -> tuple[str, str | None, str | None]:
    """Split RUN[::MODEL[::CELL]] into its parts. Raises InputError."""
    parts = text.split(SEPARATOR)
    if not parts[0] or len(parts) > 3 or not all(parts):
        raise InputError(f"{text!r} is no address of a run. Write RUN, RUN::MODEL or RUN::MODEL::CELL.")
    model = parts[1] if len(parts) > 1 else None
    return parts[0], model, parts[2] if len(parts) > 2 else None


def check_gate(
    frame: pd.DataFrame,
    info: ReportInfo,
    limits: Mapping[str, float],
    model: str | None = None,
    cell: str | None = None,
) -> list[GateLine]:
    """Hold every addressed cell against the limits.

    Args:
        frame: as `runs.frame.read_frame` gives it.
        info: for the order of the cells.
        limits: largest miss and overkill that are allowed, by measure.
        model: name of the model; all where None.
        cell: name of the cell; all where None.

    Raises:
        InputError: there is no such model or cell, the model is a baseline, no limit is given, or one is not
            between 0 and 1.
    """
    if not limits:
        raise InputError("No limit is given. Use --max-miss, --max-overkill or both.")
    for name, limit in limits.items():
        if not 0 <= limit <= 1:
            raise InputError(f"--max-{name} is {limit}; give a fraction between 0 and 1, such as 0.02.")
    claiming = judged_by_claims(frame, [model], "a limit on miss or overkill")
    panels = read_panels(claiming, [name for name, _ in info.get("cells", ())])
    lines = [
        line
        for panel in panels
        if model in (None, panel.model)
        for name in panel.cells
        if cell in (None, name)
        for line in _lines(panel, name, limits)
    ]
    if not lines:
        raise InputError(_nothing(panels, model, cell))
    return lines


def _nothing(panels: Sequence[Panel], model: str | None, cell: str | None) -> str:
    models = ", ".join(dict.fromkeys(panel.model for panel in panels))
    cells = ", ".join(dict.fromkeys(name for panel in panels for name in panel.cells))
    wanted = SEPARATOR.join(part for part in (model, cell) if part)
    return f"The run holds no {wanted}. Its models: {models}. Its cells: {cells}."


def _lines(panel: Panel, cell: str, limits: Mapping[str, float]) -> list[GateLine]:
    arrays = panel.cells[cell]
    right = np.nan_to_num(np.where(panel.gold == 1, arrays.yes, arrays.no), nan=0.0)
    sides = measured_on(panel)
    keeps = {"miss": sides["recall"][0], "overkill": sides["overkill"][0]}
    lines = []
    for measure, limit in limits.items():
        keep = keeps[measure]
        found = simple_rate(1 - right[keep], panel.class_of_item[keep], panel.drawn.subset(keep))
        unanswered = int(np.sum(keep & ~arrays.answered))
        lines.append(GateLine(panel.model, panel.card, cell, measure, limit, found, unanswered))
    return lines


def describe(line: GateLine) -> str:
    """Say in one line what was found, what is allowed and why it is not met."""
    place = f"{line.model} on {line.dataset}, {line.cell}: {line.measure}"
    word = "met" if line.met else "NOT MET"
    if line.found.value is None or line.found.high is None:
        return f"{word}  {place}: {line.found.reason or 'undefined'}"
    value, high, limit = (f"{100 * number:.1f} %" for number in (line.found.value, line.found.high, line.limit))
    text = f"{word}  {place} {value}, at most {high} with 95 % confidence; allowed {limit}"
    if line.unanswered:
        text += f" ({line.unanswered} items have no answer and count as wrong)"
    if not line.met and line.found.value <= line.limit:
        text += ". The value itself is within the limit: more items would narrow the interval"
    return text
