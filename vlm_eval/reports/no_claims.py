"""What the answers without a claim do to the headline, and whether they fall on anomalous items more often."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vlm_eval.flow import Scalar
from vlm_eval.metrics.comparisons import holm
from vlm_eval.metrics.effects import Effect
from vlm_eval.metrics.no_claims import no_claim_difference
from vlm_eval.reports.panel import Panel


@dataclass(frozen=True, slots=True)
class NoClaimRow:
    """How much more often a cell makes no claim on anomalous items than on normal ones."""

    cell: str
    effect: Effect
    adjusted_p: float | None = None  # Holm, over the cells of a panel


def no_claim_rows(panel: Panel) -> list[NoClaimRow]:
    """Compare answers without a claim between anomalous and normal items in every cell."""
    rows = []
    for cell, arrays in panel.cells.items():
        here = arrays.answered
        silent = np.clip(1 - arrays.yes[here] - arrays.no[here], 0, 1)
        parts = panel.class_of_item[here]
        rows.append(
            NoClaimRow(cell, no_claim_difference(silent, panel.gold[here], parts, panel.drawn.subset(here)))
        )
    adjusted = iter(holm([row.effect.p_value for row in rows if row.effect.p_value is not None]))
    return [row if row.effect.p_value is None else replace(row, adjusted_p=next(adjusted)) for row in rows]


def no_claim_note(rows: Sequence[NoClaimRow]) -> str | None:
    """Say whether answers without a claim depend on what is true; None where every answer makes one."""
    tested = [row for row in rows if row.adjusted_p is not None]
    if not tested:
        return None
    unequal = [row for row in tested if (row.adjusted_p or 0.0) < 0.05]
    if not unequal:
        least = min(row.adjusted_p or 0.0 for row in tested)
        return f"No claim: no sign that it depends on what is true (sign-flip, smallest Holm p {least:.2f})."
    named = [f"{row.cell} {100 * (row.effect.difference.value or 0.0):+.0f} points" for row in unequal[:4]]
    more = f" and {len(unequal) - 4} more" if len(unequal) > 4 else ""
    return (
        "No claim falls unequally on anomalous and normal items (sign-flip, Holm p < 0.05): "
        f"{', '.join(named)}{more} on anomalous ones."
    )


def no_claim_table(panel: Panel, rows: Sequence[NoClaimRow]) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row a cell for the CSV file."""
    for row in rows:
        found = row.effect.difference
        yield {
            "model": panel.model,
            "dataset": panel.card,
            "cell": row.cell,
            "difference": found.value,
            "low": found.low,
            "high": found.high,
            "p": row.effect.p_value,
            "p_holm": row.adjusted_p,
            "note": found.reason,
        }
