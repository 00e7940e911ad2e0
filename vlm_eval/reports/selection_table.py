"""The choice among candidates for the terminal, and as a figure: synthetic against real AUROC."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.selection import Selection, Variant
from vlm_eval.reports.figures import COLOURS, plain
from vlm_eval.reports.selection import Candidates, synthetic_means
from vlm_eval.reports.tables import heading_text, percent, plain_table, with_interval

TITLES: dict[Variant, str] = {
    "rest": "one-vs-rest",
    "average": "one-vs-one average",
    "closest": "one-vs-one closest",
}
_STRATEGIES = (  # name, share of tasks in which it is best, real AUROC, regret
    ("synthetic anomalies", "matches", "auroc_chosen", "regret"),
    ("at random (expected)", "matches_random", "auroc_average", "regret_random"),
    ("default", "matches_default", "auroc_default", "regret_default"),
    ("best over all tasks (oracle)", "matches_global_best", None, None),
    ("best of each task (oracle)", None, "auroc_best", None),
    ("worst of each task (oracle)", None, "auroc_worst", None),
)


def candidates_table(candidates: Candidates, found: Mapping[Variant, Selection]) -> RenderableType:
    """Draw the candidates in the order of their AUROC on the synthetic items, one-vs-rest."""
    table = plain_table()
    table.add_column("candidate", overflow="fold")
    table.add_column("synthetic", no_wrap=True)
    selection = found.get("rest")
    if selection is None:
        for value, name in sorted(zip(-synthetic_means(candidates), candidates.names, strict=True)):
            table.add_row(Text(name), percent(-value))
        return Group(heading_text("AUROC on synthetic anomalies, in percent, best first"), table)
    table.add_column("real", no_wrap=True)
    table.add_column("rank", justify="right")
    ranks = _ranks(selection.real)
    for row in sorted(range(len(candidates.names)), key=lambda one: -(selection.synthetic[one].value or 0)):
        estimates = (selection.synthetic[row], selection.real[row])
        table.add_row(Text(candidates.names[row]), *map(with_interval, estimates), str(ranks[row]))
    return Group(heading_text("AUROC in percent, best on synthetic anomalies first; rank: on real ones"), table)


def _ranks(estimates: tuple[Estimate, ...]) -> list[int]:
    values = [one.value or 0 for one in estimates]
    return [1 + sum(other > value for other in values) for value in values]


def strategies_table(selection: Selection, variant: Variant) -> RenderableType:
    """Draw what choosing by synthetic anomalies is worth beside other ways of choosing."""
    table = plain_table()
    for heading in ("chosen by", "is best of its task", "AUROC", "regret"):
        table.add_column(
            heading, overflow="fold" if heading == "chosen by" else "ellipsis", no_wrap=heading != "chosen by"
        )
    for name, *measures in _STRATEGIES:
        told = [selection.statistics.get(str(one)) for one in measures]
        if any(told):
            table.add_row(name, *("" if one is None else with_interval(one) for one in told))
    return Group(heading_text(f"{TITLES[variant]}, percent [95 %]"), table)


def notes(candidates: Candidates, found: Mapping[Variant, Selection]) -> list[str]:
    """Say in plain words whether the choice was right, on what, and what was left out."""
    lines = [_verdict(candidates, found[variant], variant) for variant in found]
    synthetic = candidates.synthetic
    sizes = [f"{synthetic.items.gold.size} synthetic"]
    left = [f"{synthetic.left_out} synthetic"] if synthetic.left_out else []
    if candidates.real is not None:
        sizes.append(f"{candidates.real.items.gold.size} real")
        left += [f"{candidates.real.left_out} real"] if candidates.real.left_out else []
    kept = f"; of each task's synthetic anomalies the {candidates.hardest} lowest" if candidates.hardest else ""
    lines.append(
        f"{len(candidates.names)} candidates on {' and '.join(sizes)} items of {len(candidates.tasks)} tasks"
        f"{kept}. AUROC: mean over tasks, chosen task by task; regret: of one candidate for all tasks, against "
        "the best. Intervals: resampled clusters, the tasks fixed."
    )
    if len(found) == 1:
        lines.append("Every class has one kind of anomaly, so the one-vs-one figures are the same.")
    if candidates.scenes:
        lines.append(
            f"Left out of the real set: {candidates.scenes} items of which the synthetic pictures were made."
        )
    if left:
        lines.append(f"Left out, for a candidate has no score on them: {' and '.join(left)} items.")
    return lines


def _verdict(candidates: Candidates, selection: Selection, variant: Variant) -> str:
    chosen, best = (candidates.names[row] for row in (selection.chosen, selection.best))
    correlation, regret = selection.statistics["rank_correlation"], selection.statistics["regret"]
    rank = _ranks(selection.real)[selection.chosen]
    said = (
        "which is the best on the real ones too"
        if regret.value == 0
        else f"on the real ones rank {rank}; best: {best}"
    )
    return (
        f"{TITLES[variant]}: the synthetic anomalies choose {chosen}, {said}. Rank correlation "
        f"{_number(correlation)}, regret {with_interval(regret)} points."
    )


def _number(estimate: Estimate) -> str:
    if estimate.value is None:
        return "undefined"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:+.2f}"
    return f"{estimate.value:+.2f} [{estimate.low:+.2f}, {estimate.high:+.2f}]"


def selection_figure(candidates: Candidates, found: Mapping[Variant, Selection]) -> Figure:
    """Draw real against synthetic AUROC of every candidate with 95 % intervals, one panel a variant."""
    figure = Figure(figsize=(3.6 * len(found) + 2.6, 4.2), layout="constrained")
    axes = figure.subplots(1, len(found), squeeze=False)[0]
    for axis, (variant, selection) in zip(axes, found.items(), strict=True):
        for row in range(len(candidates.names)):
            _draw(axis, row, selection)
        correlation = _number(selection.statistics["rank_correlation"])
        axis.set_title(f"{TITLES[variant]}\nrank correlation {correlation}", fontsize=9)
        axis.set_xlabel("AUROC on real anomalies", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.3, linewidth=0.5)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("AUROC on synthetic anomalies", fontsize=8)
    names = [plain(f"{row}  {name}") for row, name in enumerate(candidates.names, start=1)]
    handles = [Line2D([], [], linestyle="none") for _ in names]
    title = "orange: chosen; lines: 95 % intervals"
    figure.legend(
        handles,
        names,
        loc="outside right upper",
        frameon=False,
        fontsize=7,
        title=title,
        title_fontsize=7,
        handlelength=0,
        handletextpad=0,
    )
    return figure


def _draw(axis: Axes, row: int, selection: Selection) -> None:
    real, synthetic = selection.real[row], selection.synthetic[row]
    if real.value is None or synthetic.value is None:
        return
    colour = COLOURS[1] if row == selection.chosen else COLOURS[0]
    place, reach = (real.value, synthetic.value), (_reach(real), _reach(synthetic))
    axis.errorbar(*place, xerr=reach[0], yerr=reach[1], fmt="none", color=colour, elinewidth=0.5, alpha=0.6)
    axis.text(
        *place,
        str(row + 1),
        fontsize=7,
        color="white",
        ha="center",
        va="center",
        bbox={"boxstyle": "circle,pad=0.2", "facecolor": colour, "edgecolor": "white", "linewidth": 0.5},
    )


def _reach(estimate: Estimate) -> list[list[float]] | None:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    return [[estimate.value - estimate.low], [estimate.high - estimate.value]]
