"""From numbers to what the templates print: texts, small charts and tiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from markupsafe import Markup

from vlm_eval.flow import Scalar
from vlm_eval.metrics.agreement import agreement
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.reports.baseline import baseline_table
from vlm_eval.reports.effects_table import contrast_name, effect_notes, p_text, points
from vlm_eval.reports.html_confusion import MOST_NAMES, TITLES, Matrix, drawn_matrix
from vlm_eval.reports.html_curves import Curves, draw_curves
from vlm_eval.reports.html_panel import Numbers, Spent
from vlm_eval.reports.html_plain import PlainTable, plain_tables
from vlm_eval.reports.html_probes import Probes
from vlm_eval.reports.html_svg import axis_below, whisker
from vlm_eval.reports.html_text import minus
from vlm_eval.reports.html_words import most_accurate, summary
from vlm_eval.reports.interactions import InteractionRow
from vlm_eval.reports.score_source import score_source
from vlm_eval.reports.tables import percent, with_interval

BARS = (("accuracy", "accuracy"), ("recall", "recall"), ("overkill", "overkill"), ("auroc", "AUROC"))
_WIDTH = 110
_FOREST = 300
_ROOM = 0.1  # least half width of the forest plot, as a difference of rates
MOST_INTERACTIONS = 60


@dataclass(frozen=True, slots=True)
class Rated:
    """A rate as text and as a whisker."""

    text: str
    interval: str
    chart: Markup
    reason: str | None


@dataclass(frozen=True, slots=True)
class CellRow:
    """One row of the ablation table."""

    cell: str
    tied: bool
    items: int
    coverage: str
    bars: list[Rated]
    balanced: str
    words: str
    spent: Spent


@dataclass(frozen=True, slots=True)
class Difference:
    """One row of a forest plot."""

    name: str
    first: bool  # of its ingredient
    measure: str
    text: str
    chart: Markup
    p_value: str
    sure: bool
    pairs: int


@dataclass(frozen=True, slots=True)
class Detail:
    """One cell in detail."""

    cell: str
    matrices: list[Matrix]
    curves: Curves
    classes: list[list[str]]


@dataclass(frozen=True, slots=True)
class PanelView:
    """What the template prints of one model on one data set."""

    number: int
    run: str
    model: str
    data: str
    licence: str | None
    summary: list[tuple[str, str]]
    tiles: list[tuple[str, str, str]]
    best: str | None  # the cell whose rates the tiles show
    cells: list[CellRow]
    axis: Markup
    has_dollars: bool
    score: str | None  # where the anomaly scores come from
    effects: list[Difference]
    forest_axis: Markup
    tests: str
    interactions: list[list[str]]
    more_interactions: int
    notes: list[str]
    verdicts: list[Matrix]
    details: list[Detail]
    kinds: dict[str, str]
    too_many: list[str]
    ledger_columns: list[str]
    ledger: list[tuple[str, list[int]]]
    baseline: PlainTable | None  # in place of the ablation, of a model that makes no claims
    effect_notes: list[str]
    tables: list[PlainTable]
    probes: Probes | None


def panel_view(numbers: Numbers) -> PanelView:
    """Prepare one panel for the template."""
    matrices = {kind: one for kind, one in numbers.placed.items() if len(one.columns) <= MOST_NAMES}
    details = [_detail(numbers, cell, list(matrices)) for cell in numbers.detailed]
    rows = numbers.interactions
    used = [index for index, total in enumerate(_totals(numbers)) if total]
    effects, axis = forest([(contrast_name(row), row.measure, row.effect.difference, row.adjusted_p,
                             len(row.contrast.pairs)) for row in numbers.effects])  # fmt: skip
    return PanelView(
        number=numbers.number,
        run=numbers.folder.name,
        model=numbers.panel.model,
        data=numbers.data,
        licence=numbers.info.get("licences", {}).get(numbers.panel.card),
        summary=summary(numbers),
        tiles=_tiles(numbers),
        best=best.cell if (best := most_accurate(numbers)) else None,
        cells=_cells(numbers),
        axis=axis_below(0, 1, ((0, "0"), (0.5, "50"), (1, "100")), _WIDTH),
        has_dollars=any(spent.dollars is not None for spent in numbers.spent.values()),
        score=score_source(numbers.asks),
        effects=effects,
        forest_axis=axis,
        tests=_tests(numbers),
        interactions=[_interaction(row) for row in rows[:MOST_INTERACTIONS]],
        more_interactions=max(0, len(rows) - MOST_INTERACTIONS),
        notes=numbers.notes,
        verdicts=[_matrix(numbers, "verdict", cell) for cell in numbers.detailed if "verdict" in matrices],
        details=details,
        kinds={kind: TITLES[kind] for kind in matrices},
        too_many=[TITLES[kind] for kind in numbers.placed if kind not in matrices],
        ledger_columns=[_outcome(numbers, numbers.ledger.columns[index]) for index in used],
        ledger=[(cell, [counts[index] for index in used]) for cell, counts in numbers.ledger.rows],
        baseline=_baseline(numbers),
        effect_notes=[minus(note) for note in effect_notes(numbers.effects)],
        tables=numbers.tables,
        probes=numbers.probes,
    )


def _outcome(numbers: Numbers, name: str) -> str:
    return "scored" if numbers.silent and name == "empty" else name


def _baseline(numbers: Numbers) -> PlainTable | None:
    if not numbers.silent:
        return None
    (table,) = plain_tables([baseline_table(numbers.panel, numbers.results, numbers.info)])
    return replace(table, title="How well its scores rank the items")


def _tiles(numbers: Numbers) -> list[tuple[str, str, str]]:
    items = numbers.asks["sample_id"].nunique()
    cells = "1 cell" if numbers.all_cells == 1 else f"{numbers.all_cells:,} cells"
    tiles = [("items", f"{items:,}", f"{len(numbers.asks):,} questions in {cells}")]
    best = numbers.results[0] if numbers.silent and numbers.results else most_accurate(numbers)
    if best:
        for name, label in (*BARS, ("aupr", "AUPR")) if numbers.silent else BARS:
            estimate = best.measures[name]
            if estimate.value is not None:
                interval = "" if estimate.low is None else f"95 %: {_limits(estimate, name)}"
                tiles.append((label, _tile(estimate.value, name), interval))
    answered = numbers.asks[numbers.asks["status"] == "answered"]
    if len(answered) and not numbers.silent:
        silent = int(answered["verdict"].isna().sum())
        tiles.append(
            ("no claim", f"{100 * silent / len(answered):.1f} %", f"{silent:,} of {len(answered):,} answers")
        )
    return tiles


def _tile(value: float, name: str) -> str:
    whole = percent(value)
    return f"{int(whole) / 100:.2f}" if name in ("auroc", "aupr") else f"{whole} %"


def _limits(estimate: Estimate, name: str) -> str:
    low, high = (_tile(limit or 0.0, name).removesuffix(" %") for limit in (estimate.low, estimate.high))
    return f"{low} to {high}"


def _cells(numbers: Numbers) -> list[CellRow]:
    named = numbers.choice
    tied = {named.cells[index] for index in named.choice.tied} if named else set()
    nothing = Spent(None, None, None)
    rows = []
    for result in numbers.results:
        found = result.measures
        prevalence = found["prevalence"].value
        marks = {"accuracy": prevalence, "auroc": 0.5}
        rows.append(
            CellRow(
                cell=result.cell,
                tied=result.cell in tied,
                items=result.items,
                coverage=with_interval(found["coverage"], interval=False),
                bars=[rated(found[name], marks.get(name), name) for name, _ in BARS],
                balanced=with_interval(found["balanced_accuracy"], interval=False),
                words=with_interval(found["words"], interval=False),
                spent=numbers.spent.get(result.cell, nothing),
            )
        )
    return rows


def rated(estimate: Estimate, mark: float | None, name: str) -> Rated:
    """Write a rate in percent, its limits, and draw both."""
    if estimate.value is None:
        return Rated("–", "", Markup(""), estimate.reason)
    limits = (
        ""
        if estimate.low is None or estimate.high is None
        else f"[{percent(estimate.low)}, {percent(estimate.high)}]"
    )
    return Rated(percent(estimate.value), limits, whisker(estimate, 0, 1, _WIDTH, mark, name), estimate.reason)


def forest(rows: Sequence[tuple[str, str, Estimate, float | None, int]]) -> tuple[list[Difference], Markup]:
    """Draw differences of rates around zero on one axis: (name, measure, difference, Holm p, pairs)."""
    limits = [
        abs(limit)
        for _, _, estimate, _, _ in rows
        for limit in (estimate.value, estimate.low, estimate.high)
        if limit is not None
    ]
    room = min(1.0, max([_ROOM, *limits]) * 1.05)
    drawn, previous = [], None
    for name, measure, estimate, p_value, pairs in rows:
        sure = p_value is not None and p_value < 0.05
        colour = f"{_side(measure, estimate)}{'' if sure else ' unsure'}"
        chart = whisker(estimate, -room, room, _FOREST, 0.0, colour)
        drawn.append(
            Difference(
                name, name != previous, measure, minus(points(estimate)), chart, p_text(p_value), sure, pairs
            )
        )
        previous = name
    step = next(step for step in (0.05, 0.1, 0.2, 0.25, 0.5) if step >= room / 2.2 or step == 0.5)
    ticks = [(index * step, minus(f"{100 * index * step:+.0f}") if index else "0") for index in (-2, -1, 0, 1, 2)]
    shown = [(value, text) for value, text in ticks if abs(value) <= room]
    return drawn, axis_below(-room, room, shown, _FOREST)


def _side(measure: str, estimate: Estimate) -> str:
    gain = (estimate.value or 0.0) * (-1 if measure == "overkill" else 1)
    return "gain" if gain > 1e-9 else "loss" if gain < -1e-9 else "none"


def _tests(numbers: Numbers) -> str:
    tests = sorted({row.effect.test for row in numbers.effects if row.effect.test})
    tested = sum(row.adjusted_p is not None for row in numbers.effects)
    return f"{' and '.join(tests) or 'no test'}; Holm's correction over {tested} tests"


def _interaction(row: InteractionRow) -> list[str]:
    log_odds = row.found.log_odds
    text = "–" if log_odds.value is None else f"{log_odds.value:+.2f}"
    if log_odds.value is not None and log_odds.low is not None and log_odds.high is not None:
        text += f" [{log_odds.low:+.2f}, {log_odds.high:+.2f}]"
    pair = f"{row.first.ingredient} × {row.second.ingredient}"
    levels = f"{row.first.level}, {row.second.level}"
    name = pair if levels == "1, 1" else f"{pair} ({levels})"
    return [name, row.measure, minus(points(row.found.risk)), minus(text), "yes" if row.found.disagree else ""]


def _matrix(numbers: Numbers, kind: str, cell: str) -> Matrix:
    asks = numbers.asks.index[numbers.asks["cell"] == cell]
    return drawn_matrix(kind, cell, numbers.placed[kind].matrix(asks))


def _detail(numbers: Numbers, cell: str, kinds: Sequence[str]) -> Detail:
    result = next(one for one in numbers.results if one.cell == cell)
    return Detail(
        cell,
        [_matrix(numbers, kind, cell) for kind in kinds if kind != "verdict"],
        draw_curves(numbers.panel, cell, result),
        [_class_row(row, numbers.silent) for row in numbers.classes.get(cell, [])],
    )


def _class_row(row: Mapping[str, Scalar], silent: bool) -> list[str]:
    shown = [str(row["object_class"]), str(row["items"]), str(row["anomalous"])]
    return [*shown, *(_limited(row, name) for name, _ in BARS[-1 if silent else 0 :])]


def _limited(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return (
        "–" if value is None else with_interval(Estimate(value, row.get(f"{name}_low"), row.get(f"{name}_high")))
    )


def _totals(numbers: Numbers) -> list[int]:
    return [
        sum(counts[index] for _, counts in numbers.ledger.rows) for index in range(len(numbers.ledger.columns))
    ]


def agreement_rows(readings: Sequence[Mapping[str, str]]) -> list[list[str]]:
    """Compare every two readings on the answers where both make a claim: number, share that agrees, kappa, AC1."""
    names = list(dict.fromkeys(name for reading in readings for name in reading))
    rows = []
    for first, second in combinations(names, 2):
        both = [reading for reading in readings if first in reading and second in reading]
        found = agreement([one[first] for one in both], [one[second] for one in both])
        if found.observed is not None:
            numbers = (found.cohen_kappa, found.gwet_ac1)
            coefficients = ["–" if value is None else f"{value:.2f}" for value in numbers]
            rows.append([first, second, str(found.items), percent(found.observed), *coefficients])
    return rows
