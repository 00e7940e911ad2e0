"""The CSV files beside the main ones: by class, by cluster, interactions, choice, decisions and curves."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlm_eval.metrics.variance_shares import VarianceShare
from vlm_eval.reports import (
    choice,
    classes,
    cost,
    decisions,
    files,
    human_rate,
    interactions,
    kinds,
    ledger,
    no_claims,
)
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.score_source import makes_no_claims, votes_note

_OF_SCORES = (
    "outcomes_by_class",
    "cost",
    "classes",
    "operating_points",
    "triage",
    "defect_types",
    "by_defect_type",
)
"""Files that a baseline is in; the others are about claims."""


@dataclass(frozen=True, slots=True)
class More:
    """What a report says of one model on one dataset beside its main tables."""

    interactions: list[interactions.InteractionRow]
    choice: choice.NamedChoice | None
    no_claims: list[no_claims.NoClaimRow]
    variance: list[VarianceShare]
    human: list[human_rate.HumanRate]


def read_more(panel: Panel, info: ReportInfo) -> More:
    """Compute what is told beside the main tables; of a baseline nothing, as it is all about claims."""
    if makes_no_claims(panel.asks):
        return More([], None, [], [], [])
    return More(
        interactions.interaction_rows(panel, info),
        choice.best_cell(panel),
        no_claims.no_claim_rows(panel),
        choice.variance_of(panel, info),
        human_rate.human_rates(panel, info.get("human", ())),
    )


def notes_of(panel: Panel, more: More, info: ReportInfo) -> list[str]:
    """List the sentences that belong under the main tables; none where there is nothing to say."""
    notes = [choice.choice_note(more.choice), choice.left_out_note(panel), choice.variance_note(more.variance)]
    notes += [*interactions.interaction_notes(more.interactions), *interactions.absent_notes(panel, info)]
    notes += [no_claims.no_claim_note(more.no_claims), _repeats(panel)]
    notes.append(decisions.operating_note(panel, _most_accurate(panel, more.choice)))
    notes += [votes_note(panel), cost.cost_note(panel, info)]
    return [note for note in notes if note]


def _most_accurate(panel: Panel, named: choice.NamedChoice | None) -> str | None:
    if named is None:
        return next(iter(panel.cells)) if len(panel.cells) == 1 else None
    return None if named.choice.best is None else named.cells[named.choice.best]


def _repeats(panel: Panel) -> str | None:
    found = [row.unanimous.value for row in decisions.repeatabilities(panel).values()]
    known = [value for value in found if value is not None]
    if not known:
        return None
    low, high = (f"{100 * value:.0f}" for value in (min(known), max(known)))
    share = low if low == high else f"{low} to {high}"
    return f"All repeats of a question say the same on {share} % of the items (repeatability.csv)."


def write_more(parts: Sequence[tuple[Panel, More]], folder: Path, info: ReportInfo) -> tuple[Path, ...]:
    """Write each file that has rows; a file of an earlier report that has none now is removed."""
    rows_of: dict[str, Callable[[Panel, More], Iterable[files.Row]]] = {
        "outcomes_by_class": lambda panel, _: files.class_ledger_rows(panel, ledger.class_ledger(panel)),
        "no_claims": lambda panel, more: no_claims.no_claim_table(panel, more.no_claims),
        "classes": lambda panel, _: classes.class_rows(panel, info),
        "clusters": lambda panel, _: classes.cluster_rows(panel),
        "human_accuracy": lambda panel, more: human_rate.human_rows(panel, more.human),
        "interactions": lambda panel, more: interactions.interaction_table(panel, more.interactions),
        "variance": lambda panel, more: choice.variance_rows(panel, more.variance),
        "choice": lambda panel, more: choice.choice_rows(panel, more.choice),
        "cost": lambda panel, _: cost.cost_rows(panel, info),
        "defect_types": lambda panel, _: decisions.kind_rows(panel),
        "by_defect_type": lambda panel, _: kinds.type_rows(panel),
        "operating_points": lambda panel, _: decisions.operating_rows(panel, info),
        "triage": lambda panel, _: decisions.triage_rows(panel),
        "risk_coverage": lambda panel, _: decisions.risk_rows(panel),
        "repeatability": lambda panel, _: decisions.repeat_rows(panel),
    }
    written = []
    for name, function in rows_of.items():
        told = [part for part in parts if name in _OF_SCORES or not makes_no_claims(part[0].asks)]
        rows = [row for panel, more in told for row in function(panel, more)]
        path = folder / f"{name}.csv"
        path.unlink(missing_ok=True)
        if rows:
            written.append(files.write_rows(path, rows))
    return tuple(written)
