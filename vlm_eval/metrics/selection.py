"""Choosing among candidates (detectors, models, prompts) on synthetic anomalies, judged on real ones.

After seed 001, sections 4.1 to 4.3. A task is one object class; a candidate's AUROC in a task is one-vs-rest (all
anomalies), the one-vs-one average (the mean over kinds of anomaly) or the one-vs-one closest (the lowest of them).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from vlm_eval.metrics.estimate import Estimate, FloatArray, IntArray
from vlm_eval.metrics.ranking import wins

Variant = Literal["rest", "average", "closest"]
VARIANTS: tuple[Variant, ...] = ("rest", "average", "closest")
RESAMPLES = 500
ENOUGH = 0.5
"""Share of resamples that must define a statistic, for its interval to be told."""


@dataclass(frozen=True, slots=True)
class Validation:
    """What every candidate says of the same items."""

    score: FloatArray  # shape (candidates, items), higher is more anomalous, finite
    gold: IntArray  # 1 anomalous, 0 normal, shape (items,)
    kind: IntArray  # code of the kind of anomaly; of normal items not read
    task: IntArray  # code of the task, from 0 on
    cluster: IntArray  # code of what is drawn together: object, patient; of no more than one task

    def take(self, items: IntArray) -> "Validation":
        """Return some of the items, with repetitions."""
        return Validation(
            self.score[:, items], self.gold[items], self.kind[items], self.task[items], self.cluster[items]
        )


def areas(items: Validation, variant: Variant, hardest: int | None = None) -> FloatArray:
    """Return the AUROC of every candidate in every task, shape (candidates, tasks); NaN where it is undefined.

    Args:
        items: scores of all candidates.
        variant: which anomalies are compared with the normal items of the task.
        hardest: of each task's anomalies only so many, those that the candidate itself scores lowest.
    """
    found = np.full((len(items.score), int(items.task.max(initial=-1)) + 1), np.nan)
    for task in np.unique(items.task):
        normal = (items.task == task) & (items.gold == 0)
        anomalous = np.flatnonzero((items.task == task) & (items.gold == 1))
        if not normal.any() or not anomalous.size:
            continue
        for row, score in enumerate(items.score):
            own = anomalous[np.argsort(score[anomalous], kind="stable")[:hardest]] if hardest else anomalous
            beaten = wins(score[own], score[normal]) / np.count_nonzero(normal)
            found[row, task] = _of_kinds(beaten, items.kind[own], variant)
    return found


def _of_kinds(beaten: FloatArray, kind: IntArray, variant: Variant) -> float:
    if variant == "rest":
        return float(beaten.mean())
    _, own = np.unique(kind, return_inverse=True)
    means = np.bincount(own, weights=beaten) / np.bincount(own)
    return float(means.mean() if variant == "average" else means.min())


@dataclass(frozen=True, slots=True)
class Selection:
    """What choosing by the synthetic anomalies is worth on the real ones; AUROCs in [0, 1]."""

    synthetic: tuple[Estimate, ...]  # mean over tasks, by candidate
    real: tuple[Estimate, ...]
    chosen: int  # candidate with the highest mean on the synthetic anomalies
    best: int  # on the real ones
    statistics: Mapping[str, Estimate]  # see `statistics_of`
    chosen_by_task: tuple[int, ...]
    best_by_task: tuple[int, ...]


def statistics_of(synthetic: FloatArray, real: FloatArray, default: int | None = None) -> dict[str, float]:
    """Compare choosing by synthetic AUROCs with other ways of choosing.

    Args:
        synthetic: shape (candidates, tasks), without NaN.
        real: the same shape.
        default: the candidate that one would take without looking.

    Returns:
        `rank_correlation`: Spearman's over the means of the candidates; NaN where all are equal.
        `regret`, `regret_*`: real mean AUROC lost against the best candidate, by this choice, by one at random
        (expected), by the default.
        `matches`, `matches_*`: share of tasks whose own best candidate is chosen, task by task: by this choice, at
        random, by the default, by the candidate that is best over all tasks.
        `auroc_*`: real mean AUROC of choosing task by task, of the mean over candidates, of the default, of the
        worst and of the best choice.
        A candidate that ties with the best of its task counts as the best.
    """
    best_of_task, tasks = real.max(axis=0), np.arange(real.shape[1])
    means = real.mean(axis=1)
    picked = real[synthetic.argmax(axis=0), tasks]
    tied = real == best_of_task
    found = {
        "rank_correlation": _spearman(synthetic.mean(axis=1), means),
        "regret": float(means.max() - means[synthetic.mean(axis=1).argmax()]),
        "regret_random": float(means.max() - means.mean()),
        "matches": float(np.mean(picked == best_of_task)),
        "matches_random": float(tied.mean(axis=0).mean()),
        "matches_global_best": float(np.mean(tied[means.argmax()])),
        "auroc_chosen": float(picked.mean()),
        "auroc_average": float(means.mean()),
        "auroc_worst": float(real.min(axis=0).mean()),
        "auroc_best": float(best_of_task.mean()),
    }
    if default is not None:
        found["regret_default"] = float(means.max() - means[default])
        found["matches_default"] = float(np.mean(tied[default]))
        found["auroc_default"] = float(means[default])
    return found


def _spearman(first: FloatArray, second: FloatArray) -> float:
    one, other = rankdata(first), rankdata(second)
    if first.size < 2 or not np.ptp(one) or not np.ptp(other):
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def select(
    synthetic: Validation,
    real: Validation,
    variant: Variant = "rest",
    *,
    default: int | None = None,
    hardest: int | None = None,
    seed: int = 0,
) -> Selection:
    """Choose by the synthetic items and judge on the real ones.

    Intervals are percentiles of resampled clusters, those of each task and gold apart, the tasks themselves fixed;
    the oracle is chosen anew in each resample. They are too narrow with fewer than about 15 clusters.

    Raises:
        ValueError: the two do not hold the same candidates and tasks, or a task lacks normal or anomalous items.
    """
    parts = (areas(synthetic, variant, hardest), areas(real, variant))
    if parts[0].shape != parts[1].shape or np.isnan(parts[0]).any() or np.isnan(parts[1]).any():
        raise ValueError(
            f"synthetic AUROCs of shape {parts[0].shape} and real ones of {parts[1].shape} do not match: give the "
            "same candidates and tasks to both, and normal and anomalous items to every task"
        )
    drawn = [
        (areas(synthetic.take(one), variant, hardest), areas(real.take(other), variant))
        for one, other in zip(_resamples(synthetic, seed), _resamples(real, seed + 1), strict=True)
    ]
    told = statistics_of(*parts, default)
    again = [
        statistics_of(*pair, default)
        for pair in drawn
        if not np.isnan(pair[0]).any() and not np.isnan(pair[1]).any()
    ]
    return Selection(
        synthetic=_means(parts[0], [pair[0] for pair in drawn], synthetic),
        real=_means(parts[1], [pair[1] for pair in drawn], real),
        chosen=int(parts[0].mean(axis=1).argmax()),
        best=int(parts[1].mean(axis=1).argmax()),
        statistics={
            name: _interval(value, np.array([one[name] for one in again]), real) for name, value in told.items()
        },
        chosen_by_task=tuple(int(row) for row in parts[0].argmax(axis=0)),
        best_by_task=tuple(int(row) for row in parts[1].argmax(axis=0)),
    )


def _resamples(items: Validation, seed: int) -> Iterator[IntArray]:
    """Yield the items of resampled clusters, drawn within each task, and within its gold where clusters allow."""
    generator = np.random.default_rng(seed)
    _, cluster = np.unique(items.cluster, return_inverse=True)
    members = [np.flatnonzero(cluster == code) for code in range(int(cluster.max()) + 1)]
    strata: dict[tuple[int, float], list[int]] = {}
    for code, own in enumerate(members):
        strata.setdefault((int(items.task[own[0]]), float(items.gold[own].mean())), []).append(code)
    groups = [np.array(codes) for codes in strata.values()]
    for _ in range(RESAMPLES):
        codes = np.concatenate([generator.choice(group, group.size) for group in groups])
        yield np.concatenate([members[code] for code in codes])


def _means(value: FloatArray, drawn: list[FloatArray], items: Validation) -> tuple[Estimate, ...]:
    again = np.array([one.mean(axis=1) for one in drawn])
    return tuple(_interval(float(own), again[:, row], items) for row, own in enumerate(value.mean(axis=1)))


def _interval(value: float, drawn: FloatArray, items: Validation) -> Estimate:
    size, clusters = items.gold.size, np.unique(items.cluster).size
    if np.isnan(value):
        return Estimate(None, items=size, clusters=clusters, reason="all candidates are equal")
    known = drawn[~np.isnan(drawn)]
    if known.size < ENOUGH * RESAMPLES:
        return Estimate(value, items=size, clusters=clusters, reason="too few resamples define it: no interval")
    low, high = np.quantile(known, (0.025, 0.975))
    return Estimate(value, float(min(low, value)), float(max(high, value)), size, clusters)
