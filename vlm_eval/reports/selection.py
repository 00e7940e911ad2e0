"""The candidates of one or more runs on a synthetic and on a real dataset, and which one to take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vlm_eval.errors import InputError
from vlm_eval.flow import Scalar
from vlm_eval.metrics.estimate import FloatArray, IntArray
from vlm_eval.metrics.selection import VARIANTS, Selection, Validation, Variant, areas, select
from vlm_eval.reports.files import Row, fields_of
from vlm_eval.reports.panel import check_frame, without_probes


@dataclass(frozen=True, slots=True)
class Scored:
    """The items of one dataset that every candidate scored."""

    items: Validation
    left_out: int  # items that some candidate has no score for


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is to choose from: the same candidates and tasks on the synthetic set and on the real one, if any."""

    names: tuple[str, ...]
    tasks: tuple[str, ...]
    synthetic: Scored
    real: Scored | None
    default: int | None = None  # the candidate that one would take without looking
    hardest: int | None = None  # synthetic anomalies a task, those that a candidate scores lowest
    scenes: int = 0  # real items that were left out, for synthetic pictures were made of their cluster


def read_candidates(
    frames: Sequence[pd.DataFrame],
    synthetic: str,
    real: str | None = None,
    *,
    default: str | None = None,
    hardest: int | None = None,
    task: str | None = None,
) -> Candidates:
    """Read the candidates, each a model in one cell, with a score on the same items.

    Args:
        frames: of the runs, as `runs.frame.read_frame` gives them.
        synthetic: name of the card with synthetic anomalies.
        real: name of the card with real labels, where there is one.
        default: name of the candidate to compare the choice with.
        hardest: how many synthetic anomalies a task are kept, by each candidate's own lowest scores.
        task: the one object class to look at; all by default.

    Real items whose cluster the synthetic ones were made of are left out: no choice is judged on its scenes.

    Raises:
        InputError: a card or candidate is not there, fewer than two candidates have scores, or no class has both
            normal and anomalous items.
    """
    asks = _of_task(_scored_asks(frames), task)
    named = [synthetic] if real is None else [synthetic, real]
    for card in named:
        if card not in set(asks["card"]):
            raise InputError(
                f"No answer about {card!r} has an anomaly score. Scored are: "
                f"{', '.join(dict.fromkeys(asks['card'])) or 'none'}. Give the run of it too."
            )
    parts = [asks[asks["card"] == card] for card in named]
    parts[1:], scenes = _without_scenes(parts)
    why = f" {scenes} real items were left out: the synthetic ones were made of them." if scenes else ""
    if all(part["task"].nunique() == 1 for part in parts):  # one class each is the same one, whatever its name
        parts = [part.assign(task=parts[-1]["task"].iloc[0]) for part in parts]
    names = _common(parts, "candidate")
    if len(names) < 2:
        raise InputError(
            f"There is nothing to choose from: {len(names)} candidates (a model in a cell) have scores on "
            f"{' and '.join(named)}. Run at least two models or cells on each.{why}"
        )
    tasks = [name for name in _common(parts, "task") if all(_has_both(part, name) for part in parts)]
    if not tasks:
        raise InputError(
            f"No object class has normal and anomalous items, with scores, in {' and '.join(named)}.{why}"
        )
    tables = [_scores(part, names, tasks) for part in parts]
    judged = tables[1] if real else None
    return Candidates(tuple(names), tuple(tasks), tables[0], judged, _place(default, names), hardest, scenes)


def _of_task(asks: pd.DataFrame, task: str | None) -> pd.DataFrame:
    if task is not None and task not in set(asks["task"]):
        raise InputError(
            f"No scored item is of the class {task!r}. Classes: {', '.join(sorted(set(asks['task'])))}."
        )
    return asks if task is None else asks[asks["task"] == task]


def _without_scenes(parts: Sequence[pd.DataFrame]) -> tuple[list[pd.DataFrame], int]:
    """Take from the real items those whose cluster the synthetic ones were made of, and count them."""
    made_of = set(parts[0]["group"].dropna().astype(str))
    kept = [part[~part["group"].astype(str).isin(made_of)] for part in parts[1:]]
    left = [
        part["sample_id"].nunique() - rest["sample_id"].nunique()
        for part, rest in zip(parts[1:], kept, strict=True)
    ]
    return kept, sum(left)


def _scored_asks(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    for frame in frames:
        check_frame(frame)
    asks = pd.concat([without_probes(frame) for frame in frames], ignore_index=True)
    asks = asks[asks["gold"].isin(("yes", "no")) & asks["anomaly_score"].notna() & (asks["round"] == 0)]
    asks = asks.assign(candidate=_candidate_names(asks), task=asks["object_class"].astype(str))
    return asks[np.isfinite(asks["anomaly_score"].astype(float))]


def _candidate_names(asks: pd.DataFrame) -> "pd.Series[str]":
    """Name each row's candidate by its model and cell, or by what tells candidates apart."""
    models, cells = asks["model"].astype(str), asks["cell"].astype(str)
    if cells.nunique() <= 1:
        return models
    return cells if models.nunique() <= 1 else models + "::" + cells


def _common(parts: Sequence[pd.DataFrame], column: str) -> list[str]:
    first = list(dict.fromkeys(parts[0][column]))
    return [name for name in first if all((part[column] == name).any() for part in parts[1:])]


def _has_both(part: pd.DataFrame, task: str) -> bool:
    return part.loc[part["task"] == task, "gold"].nunique() == 2


def _place(default: str | None, names: Sequence[str]) -> int | None:
    if default is None:
        return None
    if default not in names:
        raise InputError(f"--default {default!r} is no candidate. Candidates: {', '.join(names)}.")
    return names.index(default)


def _scores(part: pd.DataFrame, names: Sequence[str], tasks: Sequence[str]) -> Scored:
    part = part[part["candidate"].isin(names) & part["task"].isin(tasks)]
    table = part.pivot_table(index="sample_id", columns="candidate", values="anomaly_score", aggfunc="mean")
    complete = table[list(names)].dropna()
    facts = part.drop_duplicates("sample_id").set_index("sample_id").loc[complete.index]
    lacking = [name for name in tasks if facts.loc[facts["task"] == name, "gold"].nunique() < 2]
    if lacking:
        raise InputError(
            f"No normal or no anomalous item of {', '.join(lacking)} has a score from every candidate. Resume the "
            "run, or leave out the candidate that lacks them."
        )
    items = Validation(
        score=np.ascontiguousarray(complete.to_numpy(dtype=np.float64).T),
        gold=(facts["gold"] == "yes").to_numpy().astype(np.int64),
        kind=_codes(facts["defect_type"].fillna("").astype(str)),
        task=np.array([tasks.index(name) for name in facts["task"]], dtype=np.int64),
        cluster=_codes(facts["task"] + "\n" + facts["group"].astype(str)),
    )
    return Scored(items, len(table) - len(complete))


def _codes(names: "pd.Series[str]") -> IntArray:
    return np.unique(names.to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)


def selections(candidates: Candidates) -> Mapping[Variant, Selection]:
    """Judge the choice on the real items, for every variant of the AUROC; nothing without real items."""
    if candidates.real is None:
        return {}
    default, hardest = candidates.default, candidates.hardest
    pair = candidates.synthetic.items, candidates.real.items
    return {variant: select(*pair, variant, default=default, hardest=hardest) for variant in VARIANTS}


def one_kind(candidates: Candidates) -> bool:
    """Tell whether every task has one kind of anomaly on both sides, so that the variants are the same."""
    scored = [candidates.synthetic] + ([] if candidates.real is None else [candidates.real])
    for items in (one.items for one in scored):
        wrong = items.gold == 1
        kinds = np.unique(np.stack([items.task[wrong], items.kind[wrong]]), axis=1)
        if kinds.shape[1] > len(candidates.tasks):
            return False
    return True


def synthetic_means(candidates: Candidates, variant: Variant = "rest") -> FloatArray:
    """Return the mean AUROC over tasks of every candidate on the synthetic items."""
    means: FloatArray = areas(candidates.synthetic.items, variant, candidates.hardest).mean(axis=1)
    return means


def candidate_rows(candidates: Candidates, found: Mapping[Variant, Selection]) -> list[Row]:
    """List one row a candidate and variant for selection_candidates.csv, best on the synthetic items first."""
    rows: list[Row] = []
    for variant, selection in found.items():
        order = sorted(range(len(candidates.names)), key=lambda row: -(selection.synthetic[row].value or 0))
        for rank, row in enumerate(order, start=1):
            line: dict[str, Scalar] = {"variant": variant, "candidate": candidates.names[row], "rank": rank}
            line |= fields_of("auroc_synthetic", selection.synthetic[row])
            line |= fields_of("auroc_real", selection.real[row])
            rows.append(line | {"chosen": row == selection.chosen, "best": row == selection.best})
    if not found:
        means = synthetic_means(candidates)
        for rank, row in enumerate(np.argsort(-means, kind="stable"), start=1):
            rows.append(
                {
                    "variant": "rest",
                    "candidate": candidates.names[row],
                    "rank": rank,
                    "auroc_synthetic": means[row],
                }
            )
    return rows


def statistic_rows(found: Mapping[Variant, Selection]) -> list[Row]:
    """List one row a variant and statistic, named as `metrics.selection.statistics_of` does."""
    rows: list[Row] = []
    for variant, selection in found.items():
        for name, estimate in selection.statistics.items():
            line: dict[str, Scalar] = {"variant": variant, "statistic": name, "items": estimate.items}
            rows.append(line | fields_of("value", estimate))
    return rows


def task_rows(candidates: Candidates, found: Mapping[Variant, Selection]) -> list[Row]:
    """List one row a variant and task for selection_tasks.csv: what was chosen for it and what is best for it."""
    return [
        {"variant": variant, "task": task, "chosen": candidates.names[own], "best": candidates.names[best]}
        for variant, selection in found.items()
        for task, own, best in zip(candidates.tasks, selection.chosen_by_task, selection.best_by_task, strict=True)
    ]
