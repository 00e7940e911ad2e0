"""From the frame of a run to arrays: one panel for each model and dataset, its cells aligned on the same items.

Repeats are averaged within an item here, once. Items of unknown or unanswerable gold enter no panel.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vlm_eval.errors import InputError
from vlm_eval.metrics.estimate import BoolArray, FloatArray, IntArray
from vlm_eval.metrics.sampling import Sampling, sampling
from vlm_eval.reports.rounds import rounds_apart
from vlm_eval.runs.probes import probe_name

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


def read_panels(frame: pd.DataFrame, cell_order: Sequence[str], *, probes: bool = False) -> list[Panel]:
    """Split a frame into panels, models and datasets in the order in which they first appear.

    Args:
        frame: as `runs.frame.read_frame` gives it; a later round becomes a cell of its own.
        cell_order: names of the cells in grid order; cells that are not named follow in order of appearance.
        probes: keep the cells of probes, which no table of the grid holds.
    """
    check_frame(frame)
    if not probes:
        frame = without_probes(frame)
    panels = []
    for model, card, asks in _parts(rounds_apart(frame)):
        present = list(dict.fromkeys(asks["cell"]))
        ordered = [cell for cell in cell_order if cell in present]
        ordered += [cell for cell in present if cell not in ordered]
        panels.append(_panel(model, card, asks, ordered))
    return panels


def _parts(frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    if frame.empty:
        return
    model, card = frame["model"].iloc[0], frame["card"].iloc[0]
    if (frame["model"] == model).all() and (frame["card"] == card).all():
        yield str(model), str(card), frame.copy(deep=False)  # a group would be a deep copy
        return
    for (model, card), asks in frame.groupby(["model", "card"], sort=False):
        yield str(model), str(card), asks


def without_probes(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out the cells of probes; the same frame where there are none."""
    cells = frame["cell"].unique()
    asked = [cell for cell in cells if probe_name(str(cell)) is not None]
    return frame[~frame["cell"].isin(asked)] if asked else frame


def _panel(model: str, card: str, asks: pd.DataFrame, cells: Sequence[str]) -> Panel:
    known = asks["gold"].isin(("yes", "no")).to_numpy()
    first = np.flatnonzero(known)[~asks["sample_id"][known].duplicated().to_numpy()]
    items = asks[["sample_id", "object_class", "group", "gold"]].iloc[first].set_index("sample_id")
    names, class_of_item = np.unique(items["object_class"].astype(str).to_numpy(), return_inverse=True)
    answered = known & (asks["status"] == "answered").to_numpy()
    item = items.index.get_indexer(pd.Index(asks["sample_id"][answered])).astype(np.int64)
    return Panel(
        model=model,
        card=card,
        gold=(items["gold"] == "yes").to_numpy().astype(np.int64),
        classes=tuple(str(name) for name in names),
        class_of_item=class_of_item.astype(np.int64),
        drawn=sampling(list(items["group"].astype(str)), list(items["object_class"].astype(str))),
        cells=_cells(asks, answered, item, len(items), cells),
        asks=asks,
        groups=tuple(str(name) for name in np.unique(items["group"].astype(str).to_numpy())),
    )


def _cells(
    asks: pd.DataFrame, answered: BoolArray, item: IntArray, items: int, cells: Sequence[str]
) -> dict[str, CellArrays]:
    """Average the repeats of every item in every cell; `item` is the place of each answer's item.

    Column by column: of a million answers a copy of all columns would take 200 MB.
    """
    shape = (len(cells), items)
    place = pd.Index(cells).get_indexer(pd.Index(asks["cell"][answered])) * items + item

    def mean(values: pd.Series) -> FloatArray:
        numbers = values.to_numpy(dtype=np.float64)
        known = ~np.isnan(numbers)
        sums = np.bincount(place[known], weights=numbers[known], minlength=shape[0] * shape[1])
        counts = np.bincount(place[known], minlength=shape[0] * shape[1])
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).reshape(shape)

    columns = {
        "yes": mean(asks["verdict"][answered] == "anomalous"),
        "no": mean(asks["verdict"][answered] == "normal"),
        "words": mean(asks["words"][answered].map({True: 1.0, False: 0.0}).astype(float)),
        "score": mean(asks["anomaly_score"][answered].astype(float)),
        "mass": mean(asks["yes_no_mass"][answered].astype(float)),
    }
    return {
        cell: CellArrays(**{name: values[row] for name, values in columns.items()})
        for row, cell in enumerate(cells)
    }
