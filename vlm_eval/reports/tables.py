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
from vlm_eval.reports.info import TOY_NOTE, ReportInfo, is_toy
from vlm_eval.reports.measures import CellResult
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
_HEADINGS = {"items": ("n", False)} | _COLUMNS
_PRIORITY = [
    "accuracy",
    "recall",
    "overkill",
    "auroc",
    "coverage",
    "balanced_accuracy",
    "yes_rate",
    "words",
    "items",
    "miss",
]
_LONGEST_NAME = 23  # characters of a cell's name on one line
_MOST_NAMED = 4  # cells in one remark
_GAP = 2  # between columns: one of padding and one that the box draws


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
    texts = {
        key: [with_interval(result.measures[key], interval) for result in results]
        for key, (_, interval) in _COLUMNS.items()
    } | {"items": [str(result.items) for result in results]}
    if len(set(texts["items"])) == 1:
        del texts["items"]  # the caption says it once
    name_width = max(cell_len(line) for name in names for line in ["cell", *name.split("\n")])
    shown = _columns_that_fit(texts, width - name_width)
    table = plain_table()
    table.add_column("cell", overflow="fold", min_width=min(name_width, _LONGEST_NAME))
    for key in shown:
        heading, interval = _HEADINGS[key]
        table.add_column(heading, justify="left" if interval else "right", no_wrap=True)
    for index, name in enumerate(names):
        table.add_row(Text(name), *(texts[key][index] for key in shown))
    notes = [_caption(panel, results, shown), *_reasons(results)]
    hidden = [_HEADINGS[key][0].rstrip(".") for key in texts if key not in shown and set(texts[key]) != {"-"}]
    if hidden:
        notes.append(f"In ablation.csv, for want of width here: {', '.join(hidden)}.")
    return Group(heading_text(table_title(panel, info)), table, *(Text(note, style="dim") for note in notes))


def plain_table() -> Table:
    """Return an empty table that reads well without colour and in a pipe."""
    return Table(box=SIMPLE_HEAD, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False)


def heading_text(words: str) -> Text:
    """Return the line above a table."""
    return Text(words, style="bold")


def printable(text: str) -> str:
    """Replace what would steer the terminal: escape sequences, overrides of the direction of writing."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _columns_that_fit(texts: dict[str, list[str]], room: int) -> list[str]:
    chosen = set()
    for key in _PRIORITY:
        if key not in texts or (key in ("words", "auroc") and set(texts[key]) == {"-"}):
            continue
        needed = max(cell_len(text) for text in [*texts[key], _HEADINGS[key][0]]) + _GAP
        if needed > room:
            break
        room -= needed
        chosen.add(key)
    return [key for key in _HEADINGS if key in chosen]


def table_title(panel: Panel, info: ReportInfo) -> str:
    """Name the model and the data set."""
    return f"{panel.model} on {info.get('datasets', {}).get(panel.card, panel.card)}"


_MEANINGS = {
    "coverage": "cov.: makes a claim",
    "balanced_accuracy": "bal.: balanced accuracy",
    "recall": "recall: true positive rate",
    "overkill": "overkill: normal items not passed",
    "miss": "miss: 100 - recall",
    "yes_rate": "yes: says anomalous",
    "auroc": "AUROC: from {source}",
    "words": "words: names the defect",
}


def _caption(panel: Panel, results: Sequence[CellResult], shown: Sequence[str]) -> str:
    sizes = sorted({result.items for result in results})
    size = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    clusters = "" if panel.drawn.clusters == panel.gold.size else f" in {panel.drawn.clusters} clusters"
    classes = f", mean over {len(panel.classes)} classes" if len(panel.classes) > 1 else ""
    known = [result.measures["prevalence"].value for result in results]
    prevalence = next((value for value in known if value is not None), None)
    always = (
        "" if prevalence is None else f" {percent(prevalence)} % are anomalous: always saying yes scores that."
    )
    meanings = "; ".join(_MEANINGS[key] for key in shown if key in _MEANINGS)
    meanings = meanings.replace("{source}", next((one.score_source for one in results if one.score_source), "-"))
    return (
        f"n = {size} items{clusters}; percent [95 % interval]{classes}.{always} An answer without a claim counts"
        f" as wrong. {meanings}."
    )


def _reasons(results: Sequence[CellResult]) -> list[str]:
    """Say why a number is undefined, lacks an interval or rests on fewer items; once a reason."""
    cells: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for key in ("accuracy", "recall", "overkill", "auroc"):
            reason = result.measures[key].reason or _fewer(result, key)
            if reason:
                cells.setdefault((_HEADINGS[key][0], reason), []).append(result.cell)
    if len({reason for _, reason in cells}) == 1 and all(len(named) == len(results) for named in cells.values()):
        return [f"{', '.join(heading for heading, _ in cells)}: {next(iter(cells))[1]}."]
    lines = []
    for (heading, reason), named in cells.items():
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        where = "" if len(named) == len(results) else f" ({', '.join(named[:_MOST_NAMED])}{more})"
        lines.append(f"{heading}{where}: {reason}.")
    return lines


def _fewer(result: CellResult, key: str) -> str | None:
    scored = result.measures[key].items
    if key != "auroc" or scored >= result.items:
        return None
    return f"on {scored} of {result.items} items; the others have no score"


def print_lines(console: Console, info: ReportInfo, panels: Sequence[Panel]) -> None:
    """Print what holds for the whole report: notes, licences, and what a toy is."""
    for note in info.get("notes", ()):
        console.print(Text(f"Note: {note}", style="yellow"))
    for card in dict.fromkeys(panel.card for panel in panels):
        licence = info.get("licences", {}).get(card)
        if licence:
            console.print(Text(f"Pictures of {info.get('datasets', {}).get(card, card)}: {licence}", style="dim"))
    if any(is_toy(panel.model) for panel in panels):
        console.print(Text(TOY_NOTE, style="dim"))
