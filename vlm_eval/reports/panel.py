"""From the frame of a run to arrays: one panel for each model and dataset, its cells aligned on the same items.

Repeats are averaged within an item here, once. Items of unknown or unanswerable gold enter no panel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from vlm_eval.errors import InputError
from vlm_eval.metrics.estimate import BoolArray, FloatArray, IntArray
from vlm_eval.metrics.sampling import Sampling, sampling

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
        frame: as `runs.frame.read_frame` gives it.
        cell_order: names of the cells in grid order; cells that are not named follow in order of appearance.
    """
    check_frame(frame)
    panels = []
    for (model, card), asks in frame.groupby(["model", "card"], sort=False):
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
    means = _means(answered, items.index.get_indexer(pd.Index(answered["sample_id"])))
    return Panel(
        model=model,
        card=card,
        gold=(items["gold"] == "yes").to_numpy().astype(np.int64),
        classes=tuple(str(name) for name in names),
        class_of_item=class_of_item.astype(np.int64),
        drawn=sampling(list(items["group"].astype(str)), list(items["object_class"].astype(str))),
        cells={cell: _cell(means, cell, len(items)) for cell in cells},
        asks=asks,
        groups=tuple(str(name) for name in np.unique(items["group"].astype(str).to_numpy())),
    )


def _means(answered: pd.DataFrame, item: npt.NDArray[np.intp]) -> pd.DataFrame:
    values = pd.DataFrame(
        {
            "cell": answered["cell"],
            "item": item,
            "yes": (answered["verdict"] == "anomalous").astype(float),
            "no": (answered["verdict"] == "normal").astype(float),
            "words": answered["words"].map({True: 1.0, False: 0.0}).astype(float),
            "score": answered["anomaly_score"].astype(float),
            "mass": answered["yes_no_mass"].astype(float),
        }
    )
    return values.groupby(["cell", "item"], sort=False).mean()


def _cell(means: pd.DataFrame, cell: str, items: int) -> CellArrays:
    columns = {name: np.full(items, np.nan) for name in ("yes", "no", "words", "score", "mass")}
    if cell in means.index.get_level_values("cell"):
        own = means.loc[cell]
        for name, values in columns.items():
            values[own.index.to_numpy()] = own[name].to_numpy(dtype=np.float64)
    return CellArrays(**columns)
