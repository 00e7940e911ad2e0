"""What a page tells of a whole run beside its models: how they compare, pixels, mappings, people, failures."""

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from vlm_eval.errors import InputError
from vlm_eval.reports.beside import recipe_tables
from vlm_eval.reports.drift import drift_table, read_drifts
from vlm_eval.reports.failures import failure_lines
from vlm_eval.reports.html_plain import PlainTable, plain_tables
from vlm_eval.reports.html_read import RunData
from vlm_eval.reports.html_tables import Difference, forest
from vlm_eval.reports.models import compare_models, comparison_notes
from vlm_eval.reports.review_table import progress_table
from vlm_eval.reports.scored_tables import read_scored
from vlm_eval.reports.views_shown import read_shown
from vlm_eval.runs.review_verdicts import read_progress
from vlm_eval.runs.store import Store

MOST_MODELS = 60
"""Rows of the comparison of models; models.csv has all."""


@dataclass(frozen=True, slots=True)
class ComparedView:
    """The models of a run on one data set, each pair on the same items."""

    data: str
    rows: list[Difference]
    axis: Markup
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Beside:
    """What a run's stored judgements, its reviewers and its failures say."""

    tables: list[PlainTable]  # of mappings, multiple choice, score maps, views, time, drift and recipes
    review: list[PlainTable]  # who read how much, and how far reviewers agree; empty without a review
    failures: list[str]


def compared_view(run: RunData) -> list[ComparedView]:
    """Compare the models of a run on each data set; empty where there is one model."""
    views = []
    for found in compare_models(run.frame, run.info):
        shown = found.rows[:MOST_MODELS]
        told = [(f"{row.contrast.baseline} → {row.contrast.level}", row.measure, row.effect.difference,
                 row.adjusted_p, len(row.contrast.pairs)) for row in shown]  # fmt: skip
        rows, axis = forest(told)
        notes = comparison_notes(found)
        if len(shown) < len(found.rows):
            notes.append(f"The first {MOST_MODELS} of {len(found.rows):,} rows; models.csv has all.")
        card = found.panel.card
        views.append(ComparedView(run.info.get("datasets", {}).get(card, card), rows, axis, notes))
    return views


def read_beside(run: RunData) -> Beside:
    """Read what stands beside the models of a run."""
    with Store(run.folder) as store:
        scored = list(read_scored(store).tables())
        failures = failure_lines(store)
    drifts, sentinels = read_drifts(run.folder)
    drift = [drift_table(drifts)] if sentinels else []
    views = read_shown(run.folder, run.join).tables()
    recipe = recipe_tables(run.folder, run.frame)
    return Beside(list(plain_tables([*scored, *views, *drift, *recipe])), _review(run.folder), failures)


def _review(folder: Path) -> list[PlainTable]:
    try:
        progress = read_progress(folder)
    except InputError:
        return []  # nobody has begun one
    return list(plain_tables([progress_table(progress)]))
