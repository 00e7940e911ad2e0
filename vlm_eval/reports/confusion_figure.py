"""Confusion matrices of a model's cells as small multiples in one figure."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from vlm_eval.metrics.confusion import UNANSWERED, UNNAMED, Confusion
from vlm_eval.reports.figures import plain
from vlm_eval.reports.tables import break_name

MOST_CELLS = 12
"""Cells that one figure shows."""
MOST_TYPES = 24
"""Names beyond which a matrix cannot be read in a figure."""

_RIGHT, _WRONG, _APART = "#0072B2", "#D55E00", "#6b6b6b"
_GAP = 0.35  # of a tile, before the columns that stand apart
_NOTE = "rows: what is true; columns: what the answer claims; shade: share of the row (blue right, orange wrong,"
_NOTE += " grey without a usable claim)"


def drawable(matrices: Mapping[str, Confusion]) -> bool:
    """Say whether there is a matrix at all and all of them are small enough to read."""
    return bool(matrices) and all(len(confusion.columns) <= MOST_TYPES + 3 for confusion in matrices.values())


def confusion_figure(title: str, matrices: Mapping[str, Confusion]) -> Figure:
    """Draw up to twelve confusion matrices, shaded by the share of the row.

    The columns without a usable claim stand apart from the others, in grey. All matrices have the same rows and
    columns, which are labelled at the outer sides only.
    """
    shown = dict(list(matrices.items())[:MOST_CELLS])
    widest = max(len(confusion.columns) for confusion in shown.values())
    tallest = max(len(confusion.rows) for confusion in shown.values())
    columns = min(len(shown), max(1, min(4, 26 // widest)))
    rows = -(-len(shown) // columns)
    side = 0.66 if widest <= 3 else 0.36
    longest = max(len(name) for confusion in shown.values() for name in confusion.columns) * 0.065
    below = longest * 0.75 + 0.15  # tick labels are set at an angle
    width = max(6.5, columns * ((widest + _GAP) * side + 0.3) + longest + 0.3)
    figure = Figure(figsize=(width, rows * (tallest * side + 0.55) + below + 0.75), layout="constrained")
    more = f" (first {MOST_CELLS} of {len(matrices)} cells; the CSV has all)" if len(matrices) > MOST_CELLS else ""
    figure.suptitle(plain(title + more), x=0.01, ha="left", fontsize=11, fontweight="bold")
    figure.supxlabel(_NOTE, x=0.01, ha="left", fontsize=8, color="#555555")
    axes = figure.subplots(rows, columns, squeeze=False)
    for index, (cell, confusion) in enumerate(shown.items()):
        axis = axes[index // columns, index % columns]
        _matrix(axis, confusion, sides=index % columns == 0, bottom=index + columns >= len(shown))
        axis.set_title(plain(break_name(cell, 26)), fontsize=9, loc="left")
    for axis in axes.ravel()[len(shown) :]:
        axis.set_axis_off()
    return figure


def _matrix(axis: Axes, confusion: Confusion, sides: bool, bottom: bool) -> None:
    shares = confusion.counts / np.maximum(confusion.counts.sum(axis=1, keepdims=True), 1)
    apart = np.array([name in (UNANSWERED, UNNAMED) for name in confusion.columns])
    lefts = np.arange(apart.size) + _GAP * apart
    corners, colours = [], []
    for row, gold in enumerate(confusion.rows):
        for column, claimed in enumerate(confusion.columns):
            full = _APART if apart[column] else _RIGHT if gold == claimed else _WRONG
            left, share = float(lefts[column]), float(shares[row, column])
            corners.append([(left, row), (left + 1, row), (left + 1, row + 1), (left, row + 1)])
            colours.append(tuple(1 - share * (1 - np.array(to_rgb(full)))))
            _write_count(axis, left, row, int(confusion.counts[row, column]), share)
    axis.add_collection(PolyCollection(corners, facecolors=colours, edgecolors="#c4c4c4", linewidths=0.7))
    axis.set_xlim(-0.06, lefts[-1] + 1.06)
    axis.set_ylim(len(confusion.rows) + 0.06, -0.06)
    axis.set_aspect("equal")
    _label(axis, lefts + 0.5, confusion.columns if bottom else (), confusion.rows if sides else ())


def _write_count(axis: Axes, left: float, top: int, count: int, share: float) -> None:
    if count:  # an empty tile says zero, and a large matrix is read by what stands out
        ink = "white" if share > 0.55 else "black"
        text = axis.text(left + 0.5, top + 0.5, str(count), ha="center", va="center", fontsize=8, color=ink)
        text.set_in_layout(False)  # it lies within its tile: the layout need not measure it


def _label(axis: Axes, centres: np.ndarray, columns: Sequence[str], rows: Sequence[str]) -> None:
    axis.set_xticks(centres[: len(columns)], [plain(name) for name in columns], fontsize=8)
    for label in axis.get_xticklabels():
        label.set(rotation=40, horizontalalignment="right", rotation_mode="anchor")
    axis.set_yticks(np.arange(len(rows)) + 0.5, [plain(name) for name in rows], fontsize=8)
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
