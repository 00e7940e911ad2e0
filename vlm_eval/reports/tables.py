"""The tables for the terminal: what fits the width is shown, the CSV files have the rest.

Names of models, cells and data sets are the user's: they are set as Text, never as markup.
"""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from vlm_eval.metrics.estimate import Estimate
from vlm_eval.reports.effects import EffectRow
from vlm_eval.reports.info import TOY_NOTE, ReportInfo, is_toy
from vlm_eval.reports.measures import SCORE_SOURCE, CellResult
from vlm_eval.reports.panel import Panel

_COLUMNS = {  # in order of display: heading, whether the interval is shown
    "coverage": ("cov.", False),
    "accuracy": ("accuracy", True),
    "balanced_accuracy": ("bal.", False),
    "recall": ("recall", False),
    "overkill": ("overkill", False),
    "miss": ("miss", False),
    "yes_rate": ("yes", False),
    "auroc": ("AUROC", True),
    "words": ("words", False),
}
_PRIORITY = "accuracy recall overkill auroc coverage balanced_accuracy yes_rate words miss".split()
_LONGEST_NAME = 24  # characters of a cell's name on one line
_PADDING = 2


def percent(value: float) -> str:
    """Write a rate in whole percent; 99.6 does not become 100."""
    rounded = round(100 * value)
    return f"{min(max(rounded, 1 if value > 0 else 0), 99 if value < 1 else 100)}"


def with_interval(estimate: Estimate, interval: bool = True) -> str:
    """Write an estimate in percent with its interval; a dash where it is undefined."""
    if estimate.value is None:
        return "-"
    if not interval or estimate.low is None or estimate.high is None:
        return percent(estimate.value)
    return f"{percent(estimate.value)} [{percent(estimate.low)}, {percent(estimate.high)}]"


def break_name(name: str, longest: int = _LONGEST_NAME) -> str:
    """Break a cell's name into lines before a plus sign where it is too long for one."""
    lines = [""]
    for index, piece in enumerate(name.split("+")):
        piece = piece if index == 0 else f"+{piece}"
        if lines[-1] and cell_len(lines[-1] + piece) > longest:
            lines.append(f" {piece}")
        else:
            lines[-1] += piece
    return "\n".join(lines)


def ablation_table(panel: Panel, results: Sequence[CellResult], info: ReportInfo, width: int) -> RenderableType:
    """Draw one row a cell with as many columns as the width holds, and what the numbers mean below."""
    names = [break_name(result.cell) for result in results]
    same_size = len({result.items for result in results}) == 1
    name_width = max(cell_len(line) for name in names for line in name.split("\n"))
    texts = {
        key: [with_interval(result.measures[key], interval) for result in results]
        for key, (_, interval) in _COLUMNS.items()
    }
    room = width - max(name_width, 4) - _PADDING - (0 if same_size else 5 + _PADDING)
    shown = _columns_that_fit(texts, room)
    table = Table(box=SIMPLE_HEAD, title=_title(panel, info), title_justify="left", title_style="bold")
    table.padding, table.pad_edge, table.show_edge = (0, _PADDING, 0, 0), False, False
    table.add_column("cell", overflow="fold")
    if not same_size:
        table.add_column("n", justify="right")
    for key in shown:
        table.add_column(_COLUMNS[key][0], justify="left" if _COLUMNS[key][1] else "right", no_wrap=True)
    for index, result in enumerate(results):
        count = [] if same_size else [str(result.items)]
        table.add_row(Text(names[index]), *count, *(texts[key][index] for key in shown))
    hidden = [_COLUMNS[key][0].rstrip(".") for key in _COLUMNS if key not in shown]
    notes = [_caption(panel, results, same_size), *_reasons(results)]
    if hidden:
        notes.append(f"Not shown at this width, but in ablation.csv: {', '.join(hidden)}.")
    return Group(table, *(Text(note, style="dim") for note in notes))


def _columns_that_fit(texts: dict[str, list[str]], room: int) -> list[str]:
    chosen = set()
    for key in _PRIORITY:
        if all(text == "-" for text in texts[key]) and key not in _PRIORITY[:4]:
            continue
        needed = max(cell_len(text) for text in [*texts[key], _COLUMNS[key][0]]) + _PADDING
        if needed > room:
            break
        room -= needed
        chosen.add(key)
    return [key for key in _COLUMNS if key in chosen]


def _title(panel: Panel, info: ReportInfo) -> Text:
    return Text(f"{panel.model} on {info.get('datasets', {}).get(panel.card, panel.card)}")


def _caption(panel: Panel, results: Sequence[CellResult], same_size: bool) -> str:
    prevalence = next((r.measures["prevalence"].value for r in results if r.items), None)
    size = f"{results[0].items}" if same_size else f"up to {max(result.items for result in results)}"
    clusters = "" if panel.drawn.clusters == panel.gold.size else f" in {panel.drawn.clusters} clusters"
    classes = f"mean over {len(panel.classes)} classes" if len(panel.classes) > 1 else "one class"
    always = "" if prevalence is None else f" Anomalous: {percent(prevalence)} %, what always saying yes scores."
    return (
        f"n = {size} items{clusters}; {classes}; in percent, with 95 % interval.{always} An answer without a claim"
        " counts as wrong. recall: true positive rate; overkill: false positive rate; miss: 100 - recall; yes: says"
        f" anomalous; bal.: balanced accuracy; cov.: makes a claim; AUROC: from {SCORE_SOURCE}; words: names the"
        " defect."
    )


def _reasons(results: Sequence[CellResult]) -> list[str]:
    """Say why AUROC, recall or overkill is undefined or lacks an interval: each reason once, with its cells."""
    cells: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for key in ("accuracy", "recall", "overkill", "auroc"):
            reason = result.measures[key].reason
            if reason:
                cells.setdefault((_COLUMNS[key][0], reason), []).append(result.cell)
    lines = []
    for (heading, reason), named in cells.items():
        where = "" if len(named) == len(results) else f" ({', '.join(named)})"
        lines.append(f"{heading}{where}: {reason}.")
    return lines


def effects_table(panel: Panel, rows: Sequence[EffectRow], info: ReportInfo) -> RenderableType:
    """Draw what each ingredient adds to recall, overkill and accuracy, in percentage points."""
    table = Table(box=SIMPLE_HEAD, title=Text(f"What each ingredient adds: {_title(panel, info)}"))
    table.title_justify, table.title_style = "left", "bold"
    table.padding, table.pad_edge, table.show_edge = (0, _PADDING, 0, 0), False, False
    for heading in ("ingredient", "adds to", "points [95 %]", "p (Holm)", "pairs"):
        table.add_column(heading, justify="right" if heading in ("p (Holm)", "pairs") else "left")
    previous = ""
    for row in rows:
        name = contrast_name(row)
        pairs = str(len(row.contrast.pairs))
        first = Text("" if name == previous else name)
        if previous and name != previous:
            table.add_section()
        previous = name
        table.add_row(first, row.measure, points(row.effect.difference), p_text(row.adjusted_p), pairs)
    tested = sum(row.adjusted_p is not None for row in rows)
    tests = " and ".join(sorted({row.effect.test for row in rows if row.effect.test}))
    note = (
        "Mean over the pairs of cells that differ in nothing else, on the same items. An increase of overkill is a"
        f" loss. {tests or 'No'} test; p corrected by Holm over the {tested} tests of this table."
    )
    return Group(table, Text(note, style="dim"), *(Text(line, style="dim") for line in _unmatched(rows)))


def contrast_name(row: EffectRow) -> str:
    """Name an ingredient, with its levels where they are not off and on."""
    base, level = row.contrast.baseline, row.contrast.level
    if base in (0, False) and level in (1, True):
        return row.contrast.ingredient
    return f"{row.contrast.ingredient} ({base} to {level})"


def points(estimate: Estimate) -> str:
    """Write a difference of rates in percentage points with its interval."""
    if estimate.value is None:
        return f"- ({estimate.reason})"
    text = f"{100 * estimate.value:+.1f}"
    if estimate.low is None or estimate.high is None:
        return f"{text} ({estimate.reason})"
    return f"{text} [{100 * estimate.low:+.1f}, {100 * estimate.high:+.1f}]"


def p_text(p_value: float | None) -> str:
    """Write a p-value; a dash where there was no test."""
    if p_value is None:
        return "-"
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _unmatched(rows: Sequence[EffectRow]) -> list[str]:
    alone = {contrast_name(row): row.contrast.unmatched for row in rows if row.contrast.unmatched}
    return [f"{name}: without a partner, so not used: {', '.join(cells)}." for name, cells in alone.items()]


def print_lines(console: Console, info: ReportInfo, panels: Sequence[Panel]) -> None:
    """Print what holds for the whole report: licences, and what a toy is."""
    for card in dict.fromkeys(panel.card for panel in panels):
        licence = info.get("licences", {}).get(card)
        if licence:
            console.print(Text(f"Pictures of {info.get('datasets', {}).get(card, card)}: {licence}", style="dim"))
    if any(is_toy(panel.model) for panel in panels):
        console.print(Text(TOY_NOTE, style="dim"))
