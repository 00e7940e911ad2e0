"""The ablation figure and what all figures share: no global matplotlib state, colours of Okabe and Ito (2008)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vlm_eval.metrics.estimate import Estimate
from vlm_eval.reports.measures import CellResult
from vlm_eval.reports.tables import break_name

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")

_PANELS = (
    ("recall", "recall (true positive rate)", None),
    ("overkill", "overkill (normal items not passed)", None),
    ("auroc", "AUROC ({source})", 0.5),
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
    only = f"{next(iter(results))} on " if len(results) == 1 else ""
    figure.suptitle(plain(only + title), x=0.01, ha="left", fontsize=12, fontweight="bold")
    axes = figure.subplots(1, len(_PANELS), sharey=True, squeeze=False)[0]
    sources = {row.score_source: None for rows in results.values() for row in rows if row.score_source}
    for axis, (measure, label, chance) in zip(axes, _PANELS, strict=True):
        _decorate(axis, label.replace("{source}", "; ".join(sources) or "-"), chance, len(cells))
        for index, rows in enumerate(results.values()):
            _whiskers(axis, rows, measure, cells, index, len(results))
    axes[0].set_yticks(range(len(cells)), names, fontsize=9)
    axes[0].set_ylim(len(cells) - 0.4, -0.6)
    axes[0].set_xlabel("dot: estimate; line: 95 % interval", fontsize=8, color="#555555", loc="left")
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
        axis.text(0.02, row, "undefined", color=colour, fontsize=7, va="center", style="italic")
        return
    if estimate.low is not None and estimate.high is not None:
        axis.plot([estimate.low, estimate.high], [row, row], color=colour, linewidth=2, solid_capstyle="butt")
    axis.plot([estimate.value], [row], color=colour, marker=marker, markersize=6.5, markeredgecolor="white")
