"""What an answer takes: seconds, tokens and dollars by cell; failed and open asks are counted apart."""

from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np
import pandas as pd

from vlm_eval.flow import Scalar
from vlm_eval.metrics.estimate import FloatArray
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.panel import Panel

ALL_CELLS = "all cells"
_NEEDED = ("cell", "status", "latency", "prompt_tokens", "completion_tokens")
_QUANTILES = {"p50": 0.5, "p95": 0.95}


def cost_rows(panel: Panel, info: ReportInfo) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row for all cells and one a cell: how long an answer took, and its mean tokens and dollars.

    Seconds are an answer's `latency` as its backend measured it; quantiles interpolate linearly. A failed or open
    ask has no seconds: it is counted, and enters no quantile. What nobody recorded is empty.
    """
    asks = panel.asks[[name for name in _NEEDED if name in panel.asks]]
    price = info.get("prices", {}).get(panel.model)
    for cell, own in chain([(ALL_CELLS, asks)], asks.groupby("cell", sort=False)):
        yield {"model": panel.model, "dataset": panel.card, "cell": str(cell)} | _row(own, price)


def _row(asks: pd.DataFrame, price: tuple[float, float] | None) -> dict[str, Scalar]:
    answered = asks["status"] == "answered"
    row: dict[str, Scalar] = {
        "answered": int(answered.sum()),
        "failed": int((asks["status"] == "failed").sum()),
        "open": int((asks["status"] == "open").sum()),
    }
    seconds = _numbers(asks, "latency", answered)
    row |= {f"seconds_{name}": _quantile(seconds, share) for name, share in _QUANTILES.items()}
    row["seconds_mean"] = _mean(seconds)
    read, written = (_numbers(asks, f"{kind}_tokens", answered) for kind in ("prompt", "completion"))
    dollars = None if price is None else _mean((read * price[0] + written * price[1]) / 1e6)
    return row | {"prompt_tokens": _mean(read), "completion_tokens": _mean(written), "dollars": dollars}


def _numbers(asks: pd.DataFrame, name: str, answered: "pd.Series[bool]") -> FloatArray:
    """Return a column of the answers; NaN where nobody recorded a number."""
    if name not in asks:
        return np.full(int(answered.sum()), np.nan)
    return asks[name][answered].to_numpy(dtype=np.float64)


def _quantile(values: FloatArray, share: float) -> float | None:
    known = values[~np.isnan(values)]
    return _rounded(float(np.quantile(known, share))) if known.size else None


def _mean(values: FloatArray) -> float | None:
    known = values[~np.isnan(values)]
    return _rounded(float(known.mean())) if known.size else None


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def cost_note(panel: Panel, info: ReportInfo) -> str | None:
    """Tell p50 and p95 of the seconds an answer took; None where nobody recorded any."""
    row = next(cost_rows(panel, info))
    if row["seconds_p50"] is None:
        return None
    return (
        f"Seconds an answer: p50 {row['seconds_p50']:.3g}, p95 {row['seconds_p95']:.3g}"
        f" ({row['answered']:,} answers; by cell, and with failed asks counted apart, in cost.csv)."
    )
