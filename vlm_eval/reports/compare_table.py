"""A comparison for the terminal: the differences, and the first of the items that flipped."""

from collections.abc import Sequence

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.reports.compare import FIRST, KINDS, SECOND, Comparison, Pair
from vlm_eval.reports.effects_table import p_text, points
from vlm_eval.reports.tables import break_name, heading_text, plain_table, printable, with_interval

MOST_FLIPS = 10


def comparison_table(found: Comparison) -> RenderableType:
    """Draw recall, overkill and accuracy of both sides and B - A in percentage points, for every pair."""
    table = plain_table()
    table.add_column("cell", overflow="fold")
    for heading in ("on", "A", "B", "B - A [95 %]", "p (Holm)"):
        table.add_column(heading, justify="left" if heading in ("on", "B - A [95 %]") else "right", no_wrap=True)
    for pair in found.pairs:
        for index, row in enumerate(pair.rows):
            name = Text("" if index else break_name(pair.name, 20))
            rates = [with_interval(rate, interval=False) for rate in (row.first, row.second)]
            table.add_row(name, row.measure, *rates, points(row.effect.difference), p_text(row.adjusted_p))
        table.add_section()
    return Group(
        heading_text("The same items, in percent"), table, *(Text(note, style="dim") for note in notes(found))
    )


def notes(found: Comparison) -> list[str]:
    """Say which test it was, on how many items, what was left out and what flipped."""
    rows = [row for pair in found.pairs for row in pair.rows]
    tests = " and ".join(sorted({row.effect.test for row in rows if row.effect.test})) or "no"
    tested = sum(row.adjusted_p is not None for row in rows)
    lines = [
        "Items with an answer in both; no claim counts as wrong; more overkill is a loss."
        f" Test: {tests}; p corrected by Holm over {tested} tests."
    ]
    lines += [f"{pair.name}: {pair_note(pair)}" for pair in found.pairs[:20]]
    if found.unmatched:
        more = f" and {len(found.unmatched) - 6} more" if len(found.unmatched) > 6 else ""
        lines.append(f"Without a partner, so left out: {', '.join(found.unmatched[:6])}{more}.")
    return lines


def pair_note(pair: Pair) -> str:
    """Count the items of a pair by what becomes of them, and those that were left out."""
    counts = ", ".join(f"{pair.count(kind)} {kind}" for kind in KINDS if pair.count(kind))
    text = f"{len(pair.kinds)} items of {pair.card}: {counts or 'of unknown gold'}."
    left_out = [f"{pair.only_first} answered in A alone"] if pair.only_first else []
    left_out += [f"{pair.only_second} in B alone"] if pair.only_second else []
    left_out += [f"{pair.other_gold} with another gold in B than in A"] if pair.other_gold else []
    return f"{text} Left out: {', '.join(left_out)}." if left_out else text


def flips_table(pairs: Sequence[Pair]) -> RenderableType | None:
    """Draw the first items that one side gets right and the other wrong; None where there is none."""
    table = plain_table()
    for heading in ("item", "truth", "A says", "B says"):
        table.add_column(heading, overflow="fold")
    flipped = [(pair, sample) for pair in pairs for sample, kind in pair.kinds.items() if kind in KINDS[:2]]
    if not flipped:
        return None
    for pair, sample in flipped[:MOST_FLIPS]:
        asks = pair.panel.asks[pair.panel.asks["sample_id"] == sample]
        gold = "anomalous" if asks["gold"].iloc[0] == "yes" else "normal"
        table.add_row(Text(printable(sample)), gold, *(Text(_said(asks, side)) for side in (FIRST, SECOND)))
    shown = min(len(flipped), MOST_FLIPS)
    return Group(heading_text(f"Flipped items ({shown} of {len(flipped)}; --html FILE shows all)"), table)


def _said(asks: pd.DataFrame, side: str) -> str:
    text = printable(" ".join(str(asks[asks["cell"] == side]["text"].iloc[0]).split()))
    return text if len(text) <= 60 else f"{text[:59]}…"
