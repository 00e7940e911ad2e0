"""Figures as PNG, drawn without matplotlib's global state. Colours: Okabe and Ito (2008), safe for colour blindness."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vlm_eval.metrics.confusion import UNANSWERED, UNNAMED, Confusion
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.reports.measures import SCORE_SOURCE, CellResult
from vlm_eval.reports.tables import break_name

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
MOST_CELLS = 12
"""Cells that one confusion figure shows."""

_PANELS = (
    ("recall", "recall (true positive rate)", None),
    ("overkill", "overkill (false positive rate)", None),
    ("auroc", f"AUROC ({SCORE_SOURCE})", 0.5),
)
_DOTS_PER_INCH = 150


def plain(text: str) -> str:
    """Keep matplotlib from reading dollar signs in a name as mathematics."""
    return text.replace("$", r"\$")


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG."""
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=_DOTS_PER_INCH, facecolor="white")
    return path


def ablation_figure(title: str, results: Mapping[str, Sequence[CellResult]]) -> Figure:
    """Draw recall, overkill and AUROC of every cell as dots with 95 % whiskers; one colour and marker a model."""
    cells = list(dict.fromkeys(result.cell for rows in results.values() for result in rows))
    names = [plain(break_name(cell, 34)) for cell in cells]
    height = 1.5 + len(cells) * max(0.34, 0.16 * len(results)) + 0.2 * len(results)
    figure = Figure(figsize=(10, height), layout="constrained")
    figure.suptitle(plain(title), x=0.01, ha="left", fontsize=12, fontweight="bold")
    axes = figure.subplots(1, len(_PANELS), sharey=True, squeeze=False)[0]
    for axis, (measure, label, chance) in zip(axes, _PANELS, strict=True):
        _decorate(axis, label, chance, len(cells))
        for index, rows in enumerate(results.values()):
            _whiskers(axis, rows, measure, cells, index, len(results))
    axes[0].set_yticks(range(len(cells)), names, fontsize=9)
    axes[0].set_ylim(len(cells) - 0.4, -0.6)
    if len(results) > 1:
        handles, _ = axes[0].get_legend_handles_labels()
        labels = [plain(model) for model in results]
        figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)), frameon=False)
    return figure


def _decorate(axis: Axes, label: str, chance: float | None, cells: int) -> None:
    axis.set_title(label, fontsize=10, loc="left")
    axis.set_xlim(-0.03, 1.03)
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
    axis.grid(axis="x", color="#dddddd", linewidth=0.8)
    axis.set_axisbelow(True)
    for row in range(0, cells, 2):
        axis.axhspan(row - 0.5, row + 0.5, color="#f5f5f5", zorder=0, linewidth=0)
    if chance is not None:
        axis.axvline(chance, color="#888888", linestyle="--", linewidth=1)
    axis.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def _whiskers(
    axis: Axes, rows: Sequence[CellResult], measure: str, cells: Sequence[str], index: int, models: int
) -> None:
    offset = (index - (models - 1) / 2) * min(0.22, 0.7 / models)
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    axis.plot([], [], color=colour, marker=marker, linestyle="-", label="model")  # legend, even without a value
    for result in rows:
        row = cells.index(result.cell) + offset
        _whisker(axis, result.measures[measure], row, colour, marker)


def _whisker(axis: Axes, estimate: Estimate, row: float, colour: str, marker: str) -> None:
    if estimate.value is None:
        axis.text(0.5, row, "undefined", color="#666666", fontsize=8, ha="center", va="center", style="italic")
        return
    if estimate.low is not None and estimate.high is not None:
        axis.plot([estimate.low, estimate.high], [row, row], color=colour, linewidth=2, solid_capstyle="butt")
    axis.plot([estimate.value], [row], color=colour, marker=marker, markersize=6.5, markeredgecolor="white")


def confusion_figure(title: str, matrices: Mapping[str, Confusion]) -> Figure:
    """Draw up to twelve confusion matrices as small multiples, shaded by the share of the row.

    The columns without a usable claim stand apart from the others and have their own colour.
    """
    shown = dict(list(matrices.items())[:MOST_CELLS])
    widest = max(len(confusion.columns) for confusion in shown.values())
    tallest = max(len(confusion.rows) for confusion in shown.values())
    columns = min(len(shown), 4 if widest <= 3 else 3 if widest <= 6 else 2)
    rows = -(-len(shown) // columns)
    side = 0.62 if widest <= 3 else 0.5
    size = (columns * (widest * side + 1.45) + 0.4, rows * (tallest * side + 1.55) + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    more = f" (first {MOST_CELLS} of {len(matrices)} cells; the CSV has all)" if len(matrices) > MOST_CELLS else ""
    figure.suptitle(plain(title + more), x=0.01, ha="left", fontsize=11, fontweight="bold")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (cell, confusion) in zip(axes, shown.items(), strict=False):
        _matrix(axis, confusion)
        axis.set_title(plain(break_name(cell, 30)), fontsize=9, loc="left")
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    return figure


def _matrix(axis: Axes, confusion: Confusion) -> None:
    totals = np.maximum(confusion.counts.sum(axis=1, keepdims=True), 1)
    shares = confusion.counts / totals
    apart = [name in (UNANSWERED, UNNAMED) for name in confusion.columns]
    gap = 0.35
    lefts = np.arange(len(apart)) + gap * np.array(apart)
    for row in range(len(confusion.rows)):
        for column, left in enumerate(lefts):
            same = confusion.rows[row] == confusion.columns[column]
            _tile(axis, left, row, confusion.counts[row, column], shares[row, column], apart[column], same)
    axis.set_xlim(-0.1, lefts[-1] + 1.1)
    axis.set_ylim(len(confusion.rows) + 0.1, -0.1)
    axis.set_aspect("equal")
    many = len(confusion.columns) > 3
    axis.set_xticks(lefts + 0.5, [plain(name) for name in confusion.columns], fontsize=8)
    axis.tick_params(axis="x", rotation=45 if many else 30)
    for label in axis.get_xticklabels():
        label.set_horizontalalignment("right")
        label.set_rotation_mode("anchor")
    axis.set_yticks(np.arange(len(confusion.rows)) + 0.5, [plain(name) for name in confusion.rows], fontsize=8)
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _tile(axis: Axes, left: float, top: int, count: int, share: float, apart: bool, same: bool) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Rectangle

    full = np.array(to_rgb("#6b6b6b" if apart else "#0072B2" if same else "#D55E00"))
    colour = 1 - share * (1 - full)
    frame = {"edgecolor": "#bbbbbb", "linewidth": 0.8}
    tile = Rectangle((left, top), 1, 1, facecolor=tuple(colour), hatch="///" if apart and share else None, **frame)
    axis.add_patch(tile)
    dark = share > 0.55
    ink = "white" if dark else "black" if count else "#999999"
    axis.text(left + 0.5, top + 0.5, str(count), ha="center", va="center", fontsize=9, color=ink)
