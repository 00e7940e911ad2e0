"""The numbers of one cell: every measure as an estimate with its interval, or the reason why it has none."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vlm_eval.metrics.calibration import expected_calibration_error, squared_errors
from vlm_eval.metrics.detection import DEFECT_RATE, detection, precision_at
from vlm_eval.metrics.estimate import BoolArray, Estimate, FloatArray, IntArray, undefined
from vlm_eval.metrics.jackknife import jackknife, macro_auroc
from vlm_eval.metrics.ranking import average_precision, average_precision_of_sorted, f1_max, undefined_reason
from vlm_eval.metrics.rates import rate, simple_rate
from vlm_eval.metrics.sampling import Sampling
from vlm_eval.metrics.usable_scores import refuse_scores
from vlm_eval.reports.panel import CellArrays, Panel
from vlm_eval.reports.score_source import NO_CLAIMS, makes_no_claims, score_source
from vlm_eval.reports.unanswerable import abstains_rightly


@dataclass(frozen=True, slots=True)
class CellResult:
    """One row of the ablation table."""

    cell: str
    items: int  # with an answer and a known gold
    measures: dict[str, Estimate]  # by name, rates in [0, 1]
    score_source: str | None = None  # where the anomaly scores come from, in words; None where there are none


@dataclass(frozen=True, slots=True)
class _Answered:
    """The items of a cell that have an answer."""

    gold: IntArray
    yes: FloatArray
    no: FloatArray
    part: IntArray  # class
    drawn: Sampling

    def where(self, keep: BoolArray) -> "_Answered":
        drawn = self.drawn.subset(keep)
        return _Answered(self.gold[keep], self.yes[keep], self.no[keep], self.part[keep], drawn)


def measure(panel: Panel, cell: str, defect_rate: float = DEFECT_RATE) -> CellResult:
    """Compute every measure of one cell. The headline counts an item without a claim as wrong.

    Args:
        panel: items of one model and dataset.
        cell: name of the cell.
        defect_rate: share of anomalous items at which precision is told beside the one observed.
    """
    arrays = panel.cells[cell]
    here = arrays.answered
    if not here.any():
        reason = "no item has an answer" if panel.gold.size else "no item has a known gold verdict"
        nothing = {name: undefined(reason) for name in MEASURES}
        return CellResult(cell, 0, nothing | {"abstains_rightly": abstains_rightly(panel, cell)}, None)
    answered = _Answered(panel.gold, arrays.yes, arrays.no, panel.class_of_item, panel.drawn).where(here)
    measures = _verdict_measures(answered) | _score_measures(panel, arrays)
    measures |= _detection_measures(answered, measures, defect_rate)
    measures["abstains_rightly"] = abstains_rightly(panel, cell)
    measures["words"] = simple_rate(arrays.words[here], answered.part, answered.drawn)
    if measures["words"].value is None:
        measures["words"] = undefined("the words scorer judged no answer of this cell")
    if makes_no_claims(panel.asks):
        names_things = panel.asks["text"].fillna("").astype(str).str.strip().ne("").any()
        kept = (*_SCORED, "prevalence", *(("words",) if names_things else ()))
        measures = {name: measures[name] if name in kept else undefined(NO_CLAIMS) for name in MEASURES}
    source = score_source(panel.asks)
    return CellResult(cell, int(here.sum()), {name: measures[name] for name in MEASURES}, source)


MEASURES = [
    "accuracy",
    "accuracy_pooled",
    "accuracy_if_anomalous",
    "accuracy_if_normal",
    "accuracy_answered",
    "coverage",
    "balanced_accuracy",
    "recall",
    "overkill",
    "miss",
    "precision",
    "f1",
    "yes_rate",
    "prevalence",
    "auroc",
    "auroc_pooled",
    "aupr",
    "aupr_pooled",
    "f1_max",
    "brier",
    "calibration_error",
    "auroc_as_published",
    "d_prime",
    "criterion",
    "precision_at_defect_rate",
    "abstains_rightly",
    "words",
]
_SCORED = ("auroc", "auroc_pooled", "aupr", "aupr_pooled", "f1_max", "brier", "calibration_error")
_AS_PUBLISHED = "AUROC of hard labels, as some papers print it: the pooled balanced accuracy, no ranking"


def _verdict_measures(items: _Answered) -> dict[str, Estimate]:
    right = np.where(items.gold == 1, items.yes, items.no)
    one = np.ones(items.gold.size)
    pooled = np.zeros_like(items.part)
    as_anomalous = np.where(items.gold == 1, 1 - items.no, items.no)
    as_normal = np.where(items.gold == 1, items.yes, 1 - items.yes)
    found = np.where(items.gold == 1, items.yes, 0.0)
    part, drawn = items.part, items.drawn
    return {
        "accuracy": rate(right, one, part, drawn),
        "accuracy_pooled": rate(right, one, pooled, drawn),
        "accuracy_if_anomalous": rate(as_anomalous, one, part, drawn),
        "accuracy_if_normal": rate(as_normal, one, part, drawn),
        "accuracy_answered": _named(rate(right, items.yes + items.no, part, drawn), "no answer makes a claim"),
        "coverage": rate(items.yes + items.no, one, part, drawn),
        "balanced_accuracy": _balanced(items, right),
        "recall": _among(items, 1, right, "no anomalous items"),
        "miss": _among(items, 1, 1 - right, "no anomalous items"),
        "overkill": _among(items, 0, 1 - right, "no normal items"),
        "precision": _named(rate(found, items.yes, part, drawn), "no item is called anomalous"),
        "f1": _named(rate(2 * found, items.yes + items.gold, part, drawn), "nothing is anomalous or called so"),
        "yes_rate": rate(items.yes, one, part, drawn),
        "prevalence": rate(items.gold.astype(np.float64), one, part, drawn),
    }


def _named(estimate: Estimate, reason: str) -> Estimate:
    return undefined(reason) if estimate.value is None else estimate


def _among(items: _Answered, gold: int, values: FloatArray, reason: str) -> Estimate:
    keep = items.gold == gold
    return _named(simple_rate(values[keep], items.part[keep], items.drawn.subset(keep)), reason)


def _balanced(items: _Answered, right: FloatArray) -> Estimate:
    """Average the macro true positive and true negative rates, each over the classes that have such items."""
    if len(np.unique(items.gold)) < 2:
        return undefined("no normal items" if items.gold.all() else "no anomalous items")
    part = 2 * items.part + items.gold
    weights = np.zeros(int(part.max()) + 1)
    for gold in (0, 1):
        present = np.unique(part[items.gold == gold])
        weights[present] = 0.5 / present.size
    return rate(right, np.ones(right.size), part, items.drawn, weights)


def _detection_measures(
    items: _Answered, measures: dict[str, Estimate], defect_rate: float
) -> dict[str, Estimate]:
    """Tell d', criterion, the balanced accuracy that some call AUROC, and precision at a defect rate."""
    right = np.where(items.gold == 1, items.yes, items.no)
    pooled = replace(items, part=np.zeros_like(items.part))
    found = detection(
        _among(pooled, 1, right, "no anomalous items"),
        _among(pooled, 0, 1 - right, "no normal items"),
        int(items.gold.sum()),
        int(np.sum(items.gold == 0)),
    )
    published = _balanced(pooled, right)
    return {
        "d_prime": found.d_prime,
        "criterion": found.criterion,
        "auroc_as_published": replace(published, reason=published.reason or _AS_PUBLISHED),
        "precision_at_defect_rate": precision_at(defect_rate, measures["recall"], measures["overkill"]),
    }


def _score_measures(panel: Panel, arrays: CellArrays) -> dict[str, Estimate]:
    scored = ~np.isnan(arrays.score)
    source = score_source(panel.asks)
    refusal = refused(arrays, scored)
    if source and not source.startswith("forced yes/no") and not scored.any():
        refusal = f"no scores: no answer of this cell gives one (source: {source})"
    gold, score = panel.gold[scored], arrays.score[scored]
    refusal = refusal or undefined_reason(gold, score)
    if refusal:
        return {name: undefined(refusal, score.size) for name in _SCORED}
    order = np.flatnonzero(scored)[np.argsort(-score, kind="stable")]  # sorted once, for the jackknife sorts again
    gold, score, part = panel.gold[order], arrays.score[order], panel.class_of_item[order]
    everything = panel.drawn.subset(scored)
    place = np.cumsum(scored) - 1
    drawn = Sampling(everything.cluster_of_item[place[order]], everything.stratum_of_cluster)
    best = f1_max(gold, score)
    probable = bool(score.min() >= 0 and score.max() <= 1)  # a model's own score need not be a probability
    error = expected_calibration_error(gold, score) if probable else None
    unlikely = undefined("the scores leave [0, 1]: they are no probabilities", score.size)
    return {
        "auroc": macro_auroc(gold, score, part, drawn),
        "auroc_pooled": macro_auroc(gold, score, np.zeros_like(part), drawn),
        "aupr": jackknife(_macro_aupr(gold, score, part), drawn, score.size),
        "aupr_pooled": Estimate(average_precision(gold, score), items=score.size, reason="pooled: no interval"),
        "f1_max": Estimate(
            best.value if best else None, items=score.size, reason="threshold chosen on these items"
        ),
        "brier": simple_rate(squared_errors(gold, score), part, drawn) if probable else unlikely,
        "calibration_error": Estimate(error, items=score.size, reason="biased upwards: no interval")
        if probable
        else unlikely,
    }


def refused(arrays: CellArrays, scored: BoolArray) -> str | None:
    """Say why the scores of a cell are refused, or return None."""
    if not scored.any():
        return "no scores: the forced yes/no follow-up was not asked, or the model cannot answer it"
    return refuse_scores(arrays.score, arrays.mass)


def _macro_aupr(gold: IntArray, score: FloatArray, part: IntArray) -> Callable[[BoolArray], float | None]:
    """Return MAP over classes as a function of the items to keep; scores in falling order, taken apart once."""
    classes = [np.flatnonzero(part == own) for own in np.unique(part)]
    apart = [(own, gold[own], score[own]) for own in classes]

    def statistic(keep: BoolArray) -> float | None:
        values = [average_precision_of_sorted(golds[keep[own]], scores[keep[own]]) for own, golds, scores in apart]
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    return statistic
