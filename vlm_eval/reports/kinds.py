"""The measures of every defect type by itself, each against all normal items: logical and structural apart."""

from collections.abc import Iterator, Mapping

import numpy as np

from vlm_eval.flow import Scalar
from vlm_eval.metrics.jackknife import macro_auroc
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.reports.effects import outcome
from vlm_eval.reports.files import fields_of
from vlm_eval.reports.measures import refused
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.score_source import makes_no_claims

UNTYPED = "untyped"
"""The type of anomalous items whose type the data set does not tell."""


def type_rows(panel: Panel) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row a cell and defect type, where there are two types at least.

    AUROC takes the items of one type and all normal ones, so the types do not weigh on each other. Overkill is not
    told: it is one number for all of them.
    """
    known = panel.asks[panel.asks["gold"].isin(("yes", "no"))].drop_duplicates("sample_id")
    types = known["defect_type"].where(known["defect_type"].notna(), UNTYPED).astype(str).to_numpy()
    anomalous = panel.gold == 1
    names = sorted(set(types[anomalous]))
    silent = makes_no_claims(panel.asks)
    for cell in panel.cells if len(names) > 1 else ():
        arrays = panel.cells[cell]
        right = outcome(panel, cell, wrong=False)
        for name in names:
            own = anomalous & (types == name)
            answered = own & arrays.answered
            row: dict[str, Scalar] = {"model": panel.model, "dataset": panel.card, "cell": cell}
            row |= {"defect_type": name, "items": int(answered.sum())}
            if not silent:
                parts = np.zeros(int(answered.sum()), dtype=np.int64)
                row |= fields_of("recall", simple_rate(right[answered], parts, panel.drawn.subset(answered)))
            scored = (own | (panel.gold == 0)) & ~np.isnan(arrays.score)
            if scored.any() and refused(arrays, scored) is None:
                parts = np.zeros(int(scored.sum()), dtype=np.int64)
                area = macro_auroc(panel.gold[scored], arrays.score[scored], parts, panel.drawn.subset(scored))
                row |= fields_of("auroc", area)
            yield row
