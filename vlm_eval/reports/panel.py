"""From the frame of a run to arrays: one panel for each model and dataset, its cells aligned on the same items.

Repeats are averaged within an item here, once. Items of unknown or unanswerable gold enter no panel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vlm_eval.errors import InputError
from vlm_eval.metrics.estimate import BoolArray, FloatArray, IntArray
from vlm_eval.metrics.sampling import Sampling, sampling
from vlm_eval.reports.rounds import rounds_apart

NEEDED = [
    "model",
    "cell",
    "card",
    "sample_id",
    "object_class",
    "group",
    "gold",
    "defect_type",
    "repeat",
    "status",
    "failure",
    "text",
    "verdict",
    "verdict_reason",
    "words",
    "label",
    "anomaly_score",
    "yes_no_mass",
]


@dataclass(frozen=True, slots=True)
class CellArrays:
    """What one cell said of the panel's items, shape (items,): means over repeats; NaN without an answer."""

    yes: FloatArray  # share of the repeats that claim an anomaly
    no: FloatArray  # share of the repeats that claim normality
    words: FloatArray  # share of the repeats whose words hit; NaN where the scorer abstained
    score: FloatArray  # anomaly score in [0, 1]; NaN without a forced yes/no follow-up
    mass: FloatArray  # probability of yes and no together; NaN likewise

    @property
    def answered(self) -> BoolArray:
        """Mark the items that have an answer, with or without a claim."""
        return ~np.isnan(self.yes)


@dataclass(frozen=True, slots=True)
class Panel:
    """The items of one model on one dataset, and its cells in grid order."""

    model: str
    card: str
    gold: IntArray  # 1 anomalous, 0 normal
    classes: tuple[str, ...]  # names of the object classes
    class_of_item: IntArray
    drawn: Sampling
    cells: dict[str, CellArrays]
    asks: pd.DataFrame  # every ask of this model and dataset, whatever its status and gold
    groups: tuple[str, ...]  # names of the clusters, in the order of their codes


def check_frame(frame: pd.DataFrame) -> None:
    """Raise InputError where the frame cannot be a run's."""
    absent = [name for name in NEEDED if name not in frame.columns]
    if absent:
        raise InputError(f"The frame lacks the columns {', '.join(absent)}. Read it with runs.frame.read_frame.")
    if frame.empty:
        raise InputError("The run holds no asks: there is nothing to report. Plan it with `vlm-eval run` first.")


def read_panels(frame: pd.DataFrame, cell_order: Sequence[str]) -> list[Panel]:
    """Split a frame into panels, models and datasets in the order in which they first appear.

    Args:
        frame: as `runs.frame.read_frame` gives it; a later round becomes a cell of its own.
        cell_order: names of the cells in grid order; cells that are not named follow in order of appearance.
    """
    check_frame(frame)
    panels = []
    for (model, card), asks in rounds_apart(frame).groupby(["model", "card"], sort=False):
        present = list(dict.fromkeys(asks["cell"]))
        ordered = [cell for cell in cell_order if cell in present]
        ordered += [cell for cell in present if cell not in ordered]
        panels.append(_panel(str(model), str(card), asks, ordered))
    return panels


def _panel(model: str, card: str, asks: pd.DataFrame, cells: Sequence[str]) -> Panel:
    known = asks[asks["gold"].isin(("yes", "no"))]
    items = known.drop_duplicates("sample_id").set_index("sample_id")
    names, class_of_item = np.unique(items["object_class"].astype(str).to_numpy(), return_inverse=True)
    answered = known[known["status"] == "answered"]
    item = items.index.get_indexer(pd.Index(answered["sample_id"])).astype(np.int64)
    return Panel(
        model=model,
        card=card,
        gold=(items["gold"] == "yes").to_numpy().astype(np.int64),
        classes=tuple(str(name) for name in names),
        class_of_item=class_of_item.astype(np.int64),
        drawn=sampling(list(items["group"].astype(str)), list(items["object_class"].astype(str))),
        cells=_cells(answered, item, len(items), cells),
        asks=asks,
        groups=tuple(str(name) for name in np.unique(items["group"].astype(str).to_numpy())),
    )


def _cells(answered: pd.DataFrame, item: IntArray, items: int, cells: Sequence[str]) -> dict[str, CellArrays]:
    """Average the repeats of every item in every cell; `item` is the place of each answer's item."""
    shape = (len(cells), items)
    place = pd.Index(cells).get_indexer(pd.Index(answered["cell"])) * items + item

    def mean(values: pd.Series) -> FloatArray:
        numbers = values.to_numpy(dtype=np.float64)
        known = ~np.isnan(numbers)
        sums = np.bincount(place[known], weights=numbers[known], minlength=shape[0] * shape[1])
        counts = np.bincount(place[known], minlength=shape[0] * shape[1])
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).reshape(shape)

    columns = {
        "yes": mean(answered["verdict"] == "anomalous"),
        "no": mean(answered["verdict"] == "normal"),
        "words": mean(answered["words"].map({True: 1.0, False: 0.0}).astype(float)),
        "score": mean(answered["anomaly_score"].astype(float)),
        "mass": mean(answered["yes_no_mass"].astype(float)),
    }
    return {
        cell: CellArrays(**{name: values[row] for name, values in columns.items()})
        for row, cell in enumerate(cells)
    }
