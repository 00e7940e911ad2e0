"""The probes of a run for a page: what each changes, what that shows, and the answers that changed."""

from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from vlm_eval.reports.effects_table import p_text
from vlm_eval.reports.html_svg import whisker
from vlm_eval.reports.html_text import minus
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.probes import ProbeRow, probe_rows
from vlm_eval.reports.probes_table import change_points, summary_note
from vlm_eval.reports.tables import with_interval
from vlm_eval.runs.probes import PROBES, base_name, probe_name

_WIDTH = 110
_GROUPS = {"look": "Does it look?", "read": "Does it read?"}


@dataclass(frozen=True, slots=True)
class ProbeView:
    """One probe as the page shows it."""

    group: str | None  # a heading, with the first probe of its group
    probe: str
    cell: str
    base: str
    kind: str  # yes, no, undecided: whether the model does what the probe asks about
    words: str
    changed: int  # answers whose claim differs from that of the base, which the page lists
    pairs: int  # answers in both
    share: str
    chart: Markup
    recall: str
    overkill: str
    auroc: str
    p_value: str


@dataclass(frozen=True, slots=True)
class Probes:
    """The probes of one model on one data set."""

    rows: list[ProbeView]
    blind: str | None  # what the model scores without seeing anything
    margin: str  # in percent
    asks: pd.DataFrame  # of the probes alone


def read_probes(panel: Panel, info: ReportInfo) -> Probes | None:
    """Prepare the probes of a panel that holds them and their bases; None where none can be compared."""
    rows = probe_rows(panel, info)
    if not rows:
        return None
    cells = {(probe_name(cell), base_name(cell)): cell for cell in panel.cells}
    claims = _claims(panel)
    views: list[ProbeView] = []
    for row in rows:
        group = PROBES[row.probe].group
        new = not views or PROBES[views[-1].probe].group != group
        views.append(_view(row, cells[row.probe, row.base], _GROUPS.get(group, group) if new else None, claims))
    asked = panel.asks[panel.asks["cell"].isin([view.cell for view in views])]
    margin = f"{100 * rows[0].change.few_flips.margin:g}"
    blind = summary_note(rows)
    return Probes(views, blind and minus(blind), margin, asked)


def _claims(panel: Panel) -> dict[str, "pd.Series[str]"]:
    """Return the claim of every answer about an item of known gold by cell, indexed by item and repeat."""
    asks = panel.asks[(panel.asks["status"] == "answered") & panel.asks["gold"].isin(("yes", "no"))]
    claim = asks["verdict"].where(asks["verdict"].notna(), "none")
    keyed = asks.assign(claim=claim).set_index(["sample_id", "repeat"])
    return {str(cell): own["claim"] for cell, own in keyed.groupby("cell", sort=False)}


def _view(row: ProbeRow, cell: str, group: str | None, claims: dict[str, "pd.Series[str]"]) -> ProbeView:
    empty: pd.Series[str] = pd.Series(dtype=object)
    base, own = (claims.get(name, empty) for name in (row.base, cell))
    shared = base.index.intersection(own.index)
    change = row.change
    return ProbeView(
        group=group,
        probe=row.probe,
        cell=cell,
        base=row.base,
        kind=row.finding.kind,
        words=minus(row.finding.words),
        changed=int((base.loc[shared] != own.loc[shared]).sum()),
        pairs=len(shared),
        share=with_interval(change.flips.difference),
        chart=whisker(change.flips.difference, 0, 1, _WIDTH, None, "none"),
        recall=minus(change_points(change.recall.difference)),
        overkill=minus(change_points(change.overkill.difference)),
        auroc=minus(change_points(change.auroc)),
        p_value=p_text(row.adjusted_p),
    )
