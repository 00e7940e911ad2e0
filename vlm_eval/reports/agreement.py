"""Agreement between scorers that read the same answers, and the answers on which they disagree."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from vlm_eval.flow import Judgement
from vlm_eval.metrics.agreement import Agreement, agreement, disagreements
from vlm_eval.metrics.estimate import BoolArray, Estimate, undefined
from vlm_eval.metrics.jackknife import jackknife
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.metrics.sampling import Sampling, sampling
from vlm_eval.runs.readings import Reading

Readings = Mapping[int, Reading]
"""What one scorer says, by the id of the ask."""

Kind = Literal["claim", "hit", "name"]
NOTHING_TO_READ = frozenset(
    [
        *("no-accepted-answers", "no-accepted-names", "no-labels", "no-marks", "no-options", "normal-item"),
        *("no-gold", "no-gold-intervals", "no-gold-marks", "no-gold-place", "gold-unreadable", "not-labelled"),
    ]
)
"""Reasons of abstentions that say something of the item and not of the answer: such a pair is not compared."""


@dataclass(frozen=True, slots=True)
class Pair:
    """How far two scorers agree. Intervals hold for clustered items; those of the coefficients are jackknifed."""

    first: str
    second: str
    model: str  # "all models" where there are several
    answers: int  # compared
    left_out: int  # judged by one of them only, or nothing was to be read
    observed: Estimate
    cohen_kappa: Estimate
    gwet_ac1: Estimate
    disagreeing: tuple[tuple[Reading, Reading], ...] = ()


def kind_of(readings: Readings) -> Kind | None:
    """Tell what a scorer's values are: claims, right or wrong, or names; None where it always abstained."""
    values = {one.judgement.value for one in readings.values() if one.judgement.value is not None}
    if not values:
        return None
    if all(isinstance(value, bool) for value in values):
        return "hit"
    return "claim" if values <= {"anomalous", "normal"} else "name"


def comparable(scorers: Mapping[str, Readings]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the pairs of scorers whose values mean the same, and a sentence for each that is in no pair."""
    kinds = {name: kind_of(readings) for name, readings in scorers.items()}
    pairs = [(one, other) for one, other in combinations(scorers, 2) if kinds[one] == kinds[other] is not None]
    words = {"claim": "claims", "hit": "right or wrong", "name": "names", None: "nothing, it always abstains"}
    alone = [name for name in scorers if not any(name in pair for pair in pairs)]
    return pairs, [f"{name} is compared with none of the others: it gives {words[kinds[name]]}." for name in alone]


def compare(first: str, second: str, ones: Readings, others: Readings) -> list[Pair]:
    """Compare two scorers for each model, and over all models where there are several."""
    models = list(dict.fromkeys(one.model for one in ones.values()))
    parts: list[tuple[str, Readings, Readings]] = [
        (model, _of(ones, model), _of(others, model)) for model in models
    ]
    if len(models) > 1:
        parts.append(("all models", ones, others))
    return [_pair(first, second, *part) for part in parts]


def _of(readings: Readings, model: str) -> dict[int, Reading]:
    return {ask: one for ask, one in readings.items() if one.model == model}


def _pair(first: str, second: str, model: str, ones: Readings, others: Readings) -> Pair:
    asks = [ask for ask in ones if ask in others and not (_empty(ones[ask]) or _empty(others[ask]))]
    left_out = len({*ones, *others}) - len(asks)
    labels = [ones[ask].judgement.value for ask in asks], [others[ask].judgement.value for ask in asks]
    differ = disagreements(dict(zip(asks, labels[0], strict=True)), dict(zip(asks, labels[1], strict=True)))
    estimates = _estimates(*labels, [ones[ask] for ask in asks])
    found = tuple((ones[ask], others[ask]) for ask in (one.key for one in differ) if isinstance(ask, int))
    return Pair(first, second, model, len(asks), left_out, *estimates, disagreeing=found)


def _empty(reading: Reading) -> bool:
    judgement = reading.judgement
    return judgement.value is None and judgement.reason in NOTHING_TO_READ


def _estimates(
    ones: Sequence[object], others: Sequence[object], places: Sequence[Reading]
) -> tuple[Estimate, Estimate, Estimate]:
    if not places:
        nothing = undefined("no answer was read by both")
        return nothing, nothing, nothing
    drawn = sampling([one.sample.group for one in places], [one.sample.object_class for one in places])
    same = np.array([one == other for one, other in zip(ones, others, strict=True)], dtype=np.float64)
    observed = simple_rate(same, np.zeros(same.size, dtype=np.int64), drawn)
    codes = {label: code for code, label in enumerate(dict.fromkeys((*ones, *others)))}
    coded = np.array([[codes[one] for one in ones], [codes[other] for other in others]])
    kappa = _coefficient(coded, drawn, len(codes), lambda found: found.cohen_kappa)
    return observed, kappa, _coefficient(coded, drawn, len(codes), lambda found: found.gwet_ac1)


def _coefficient(
    coded: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]",
    drawn: Sampling,
    labels: int,
    take: Callable[[Agreement], float | None],
) -> Estimate:
    """Estimate a coefficient in [-1, 1], which the jackknife takes as a statistic in [0, 1]."""

    def statistic(keep: BoolArray) -> float | None:
        kept = coded[:, keep]
        value = take(agreement(kept[0].tolist(), kept[1].tolist(), range(labels)))
        return None if value is None else (value + 1) / 2

    if labels < 2:
        return undefined("both say the same of every answer: chance agreement is 1", coded.shape[1])
    found = jackknife(statistic, drawn, coded.shape[1])
    value, low, high = (None if one is None else 2 * one - 1 for one in (found.value, found.low, found.high))
    return Estimate(value, low, high, found.items, found.clusters, found.reason)


def said(judgement: Judgement) -> str:
    """Write a value, or the reason of the abstention in brackets."""
    return f"({judgement.reason or 'none'})" if judgement.value is None else str(judgement.value)


def agreement_rows(pairs: Sequence[Pair]) -> Iterator[dict[str, str | int | float | bool | None]]:
    """Yield one row a pair and model."""
    for pair in pairs:
        row: dict[str, str | int | float | bool | None] = {
            "first": pair.first,
            "second": pair.second,
            "model": pair.model,
            "answers": pair.answers,
            "left_out": pair.left_out,
            "clusters": pair.observed.clusters,
            "disagreements": len(pair.disagreeing),
        }
        measures = {"agreement": pair.observed, "cohen_kappa": pair.cohen_kappa, "gwet_ac1": pair.gwet_ac1}
        for name, estimate in measures.items():
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
            row[f"{name}_note"] = estimate.reason
        yield row


def disagreement_rows(pairs: Sequence[Pair]) -> Iterator[dict[str, str | int | float | bool | None]]:
    """Yield one row an answer to read, contradictions first and rare ones before common ones."""
    for pair in pairs:
        for one, other in pair.disagreeing if pair.model != "all models" else ():
            yield {
                "first": pair.first,
                "second": pair.second,
                "first_says": said(one.judgement),
                "second_says": said(other.judgement),
                "gold": one.sample.gold.anomalous,
                "model": one.model,
                "cell": one.cell,
                "sample_id": one.sample.id,
                "round": one.round,
                "repeat": one.repeat,
                "answer": one.text,
            }
