"""A replay for the terminal: each figure by both rules, and how many answers part them."""

from collections import Counter

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vlm_eval.published.replay import Replay

MOST_SHOWN = 40
"""Figures in the terminal; the table holds all."""


def replay_table(replay: Replay) -> RenderableType:
    """Draw each figure as published and by our reading, and say what parts them."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("of", overflow="fold")
    table.add_column("figure", overflow="fold")
    for heading in ("their rule", "ours", "differs", "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    for figure in replay.figures[:MOST_SHOWN]:
        ours = "-" if figure.ours is None else f"{figure.ours:.1f}"
        apart = "" if figure.ours is None else f"{figure.ours - figure.published:+.1f}"
        table.add_row(Text(figure.part), figure.name, f"{figure.published:.1f}", ours, apart, str(figure.items))
    notes = [*replay.rules, _parted(replay)]
    if len(replay.figures) > MOST_SHOWN:
        notes.append(f"{len(replay.figures) - MOST_SHOWN} further figures are in replay.csv.")
    return Group(table, *(Text(note, style="dim") for note in notes))


def _parted(replay: Replay) -> str:
    if not replay.differences:
        return "Both rules read every answer alike."
    causes = Counter(one.why.partition(":")[0] for one in replay.differences)
    counted = "; ".join(f"{count} {cause}" for cause, count in causes.most_common(5))
    read = f"{len(replay.differences)} of {len(replay.items)} answers are read differently"
    return f"{read} (replay_differences.csv): {counted}."
