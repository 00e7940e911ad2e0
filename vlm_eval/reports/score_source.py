"""Where the anomaly scores of a panel come from, in words."""

from collections.abc import Sequence

import pandas as pd

from vlm_eval.errors import InputError
from vlm_eval.metrics.usable_scores import distinct_levels
from vlm_eval.reports.panel import Panel

NAMES = {
    "yes-no": "forced yes/no",
    "yes-no-after-answer": "forced yes/no after the answer",
    "votes": "share of k votes",
    "verbalised": "stated in the answer",
    "model": "baseline",
}
NO_CLAIMS = "a baseline claims nothing: it ranks the items by its score"


def score_source(asks: pd.DataFrame) -> str | None:
    """Name the source of the scores of a frame's rows; None where there are none.

    Raises:
        InputError: rows of one model hold scores of several sources.
    """
    if "score_source" not in asks:
        return NAMES["yes-no"] if asks["anomaly_score"].notna().any() else None
    held = sorted({str(name) for name in asks["score_source"].dropna().unique()})
    if len(held) > 1:
        models = ", ".join(str(name) for name in asks["model"].unique()) if "model" in asks else "One model"
        raise InputError(
            f"{models}: its scores come from several sources, {', '.join(held)}, which cannot be ranked together."
            " Choose one: vlm-eval score RUN --score-source NAME."
        )
    return NAMES.get(held[0], held[0]) if held else None


def makes_no_claims(asks: pd.DataFrame) -> bool:
    """Say whether the rows are a baseline's, which is judged by its scores, or by what it names, alone."""
    return score_source(asks) == NAMES["model"]


def without_baselines(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out every ask of a model that is a baseline."""
    if "score_source" not in frame:
        return frame
    return frame[~frame["model"].isin(frame.loc[frame["score_source"] == "model", "model"].unique())]


def judged_by_claims(frame: pd.DataFrame, named: Sequence[str | None], purpose: str) -> pd.DataFrame:
    """Leave out baselines; raise InputError where one is named, or nothing else is there.

    Args:
        frame: of a run.
        named: the models that were asked for by name.
        purpose: what it is that needs claims.
    """
    left = without_baselines(frame)
    silent = set(frame["model"]) - set(left["model"])
    if silent and (left.empty or silent.intersection(named)):
        raise InputError(
            f"{', '.join(sorted(silent))}: {NO_CLAIMS}, but {purpose} needs claims. Name another model; the AUROC "
            "of all of them stands in ablation.csv of `vlm-eval report`."
        )
    return left


def votes_note(panel: Panel) -> str | None:
    """Tell k and the number of distinct levels where the scores are shares of votes."""
    if score_source(panel.asks) != NAMES["votes"]:
        return None
    answered = panel.asks[panel.asks["status"] == "answered"]
    asked = answered.groupby(["cell", "sample_id"], sort=False).size()
    levels = [distinct_levels(arrays.score) for arrays in panel.cells.values()]
    k = _span([int(number) for number in asked])
    return (
        f"Scores are the share of k votes, k = {k} answers a question; an answer without a claim is no vote. "
        f"Distinct levels in a cell: {_span(levels)}."
    )


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers, default=0), max(numbers, default=0)
    return str(low) if low == high else f"{low} to {high}"
