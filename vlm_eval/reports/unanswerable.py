"""Items that nobody can answer from the pictures: abstaining is right, and a claim is wrong."""

from vlm_eval.metrics.estimate import Estimate, undefined
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.metrics.sampling import sampling
from vlm_eval.reports.panel import Panel

ABSTAINS = ("hedged", "refused")
"""Reasons for no claim that are an abstention; an answer that is off topic, empty or cut off is none."""


def abstains_rightly(panel: Panel, cell: str) -> Estimate:
    """Estimate the share of unanswerable items on which a cell abstains, as the mean over classes."""
    unanswerable = panel.asks["gold"] == "unanswerable"
    if not unanswerable.any():
        return undefined("no unanswerable items")
    asks = panel.asks[unanswerable & (panel.asks["cell"] == cell) & (panel.asks["status"] == "answered")]
    if asks.empty:
        return undefined("no unanswerable item has an answer")
    abstained = asks["verdict"].isna() & asks["verdict_reason"].isin(ABSTAINS)
    table = asks.assign(abstained=abstained.astype(float)).groupby("sample_id", sort=False)
    items = table.agg({"abstained": "mean", "object_class": "first", "group": "first"})
    names = items["object_class"].astype(str)
    drawn = sampling(list(items["group"].astype(str)), list(names))
    parts = names.astype("category").cat.codes.to_numpy().astype("int64")
    return simple_rate(items["abstained"].to_numpy(dtype="float64"), parts, drawn)
