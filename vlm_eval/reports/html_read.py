"""What a page reads from one run folder: the frame, the ids of its asks, categories, and how the run was made."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vlm_eval.flow import Judgement
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.run_info import read_info
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.judging import read_judgement
from vlm_eval.runs.store import Store

CATEGORY_SCORERS = ("categories", "categories:via-classes")


@dataclass(frozen=True, slots=True)
class RunData:
    """One run as a page needs it. The frame also has `ask`, of joined views `views`, and both categories."""

    folder: Path
    frame: pd.DataFrame
    info: ReportInfo
    meta: dict[str, Any]  # what the run recorded of itself, by name
    models: dict[str, dict[str, Any]]  # what identifies each model, by name
    experiment: str  # the resolved experiment as YAML; empty where the folder holds none
    join: str | None = None  # another rule for views that were asked one by one than the run's own


def read_run(folder: Path, join: str | None = None) -> RunData:
    """Read a run folder.

    Args:
        folder: the run folder.
        join: the rule by which views that were asked one by one are joined; by default the run's own.

    Raises:
        RunFolderError: it holds no readable run.
        ExperimentError: there is no such rule, or nothing to join.
    """
    frame = read_frame(folder, join=join, asks=True)
    with Store(folder) as store:
        _add_categories(store, frame)
        names = [name for (name,) in store.connection.execute("SELECT name FROM meta")]
        meta = {name: store.get_meta(name) for name in names}
        models = {
            name: json.loads(spec) for name, spec in store.connection.execute("SELECT name, spec FROM model")
        }
    experiment = folder / "experiment.yaml"
    written = experiment.read_text(encoding="utf-8") if experiment.is_file() else ""
    return RunData(folder, frame, read_info(folder, join), meta, models, written, join)


def _add_categories(store: Store, frame: pd.DataFrame) -> None:
    found: dict[int, Judgement] = {}
    for scorer in CATEGORY_SCORERS:
        rows = store.connection.execute(
            "SELECT ask, version, data FROM judgement WHERE scorer = ?", (scorer,)
        ).fetchall()
        if rows:
            newest = max(version for _, version, _ in rows)
            found = {ask: read_judgement(data) for ask, version, data in rows if version == newest}
            break
    judged = [found.get(ask) for ask in frame["ask"]]
    frame["category"] = pd.Series([one and one.value for one in judged], dtype=object, index=frame.index)
    gold = [one and one.details.get("gold") for one in judged]
    frame["gold_category"] = pd.Series(gold, dtype=object, index=frame.index)
