"""The accuracy that people would find, from automatic verdicts of all answers and human ones of a few."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from vlm_eval.metrics.estimate import Estimate, undefined
from vlm_eval.metrics.prediction_powered import prediction_powered
from vlm_eval.reports.panel import Panel

HumanVerdict = tuple[Literal["anomalous", "normal"] | None, float | None]
"""What people say that an answer claims (None: no claim), and the probability with which it was drawn for them."""


def human_accuracy(panel: Panel, cell: str, verdicts: Mapping[str, HumanVerdict]) -> Estimate:
    """Estimate a cell's pooled accuracy as people would read its answers (prediction-powered inference).

    Args:
        panel: items of one model and dataset.
        cell: name of the cell.
        verdicts: by sample id; one whose drawing probability was not recorded never enters.
    """
    known = panel.asks[panel.asks["gold"].isin(("yes", "no"))].drop_duplicates("sample_id")["sample_id"]
    arrays = panel.cells[cell]
    here = arrays.answered
    if not here.any():
        return undefined("no item has an answer")
    read = [verdicts.get(str(sample)) for sample in known]
    claims = {1: "anomalous", 0: "normal"}
    said = [
        np.nan if one is None else float(one[0] == claims[int(gold)])
        for one, gold in zip(read, panel.gold, strict=True)
    ]
    drawn_with = pd.to_numeric(pd.Series([None if one is None else one[1] for one in read], dtype=object))
    probability = drawn_with.to_numpy(dtype=np.float64)
    right = np.where(panel.gold == 1, arrays.yes, arrays.no)
    return prediction_powered(
        right[here], np.array(said, dtype=np.float64)[here], probability[here], panel.drawn.subset(here)
    )
