"""A comparison as a page: differences as a forest plot, and every item with both answers side by side."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from vlm_eval.errors import InputError
from vlm_eval.reports.compare import FIRST, KINDS, SECOND, Address, Comparison, Pair
from vlm_eval.reports.compare_table import notes
from vlm_eval.reports.html_confusion import place
from vlm_eval.reports.html_payload import Payload
from vlm_eval.reports.html_read import RunData
from vlm_eval.reports.html_tables import forest
from vlm_eval.reports.html_text import island, render
from vlm_eval.reports.html_write import MOST_ASKS, PAGE_BYTES
from vlm_eval.reports.info import is_toy
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.rounds import rounds_apart
from vlm_eval.reports.score_source import score_source
from vlm_eval.reports.tables import with_interval


def write_comparison(
    found: Comparison, runs: tuple[RunData, RunData], addresses: tuple[Address, Address], target: Path
) -> Path:
    """Write a comparison as one file.

    Raises:
        InputError: the file cannot be written.
    """
    payload = Payload()
    pairs = _entries(payload, found, runs)
    sides = [_side(name, address) for name, address in zip((FIRST, SECOND), addresses, strict=True)]
    rows = [
        (pair.name, row.measure, row.effect.difference, row.adjusted_p, 1)
        for pair in found.pairs
        for row in pair.rows
    ]
    drawn, axis = forest(rows)
    room = PAGE_BYTES - len(island(payload.content([]))) - 500_000
    total = sum(len(pair.kinds) for pair in found.pairs)
    models = {model for pair in found.pairs for model, _ in (pair.first, pair.second)}
    html = render(
        "html_compare.jinja",
        title=" and ".join(run.folder.name for run in runs),
        lazy=False,
        sides=sides,
        toys=sorted(model for model in models if is_toy(model)),
        tiles=[(kind, sum(pair.count(kind) for pair in found.pairs)) for kind in KINDS],
        rows=drawn,
        axis=axis,
        rates=[_rates(pair) for pair in found.pairs],
        notes=notes(found),
        left_out=total - len(pairs),
        data=island(payload.content(payload.pictures.inline(max(0, room)), pairs=pairs, sides=sides)),
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(html.encode())
    except OSError as error:
        raise InputError(f"The page cannot be written to {target} ({error}). Choose another place.") from error
    return target


def _side(name: str, address: Address) -> str:
    return f"{name}: " + " · ".join(part for part in (address.run.name, address.model, address.cell) if part)


def _rates(pair: Pair) -> tuple[str, list[tuple[str, str, str]]]:
    rows = [(row.measure, with_interval(row.first), with_interval(row.second)) for row in pair.rows]
    return pair.name, rows


def _entries(payload: Payload, found: Comparison, runs: tuple[RunData, RunData]) -> list[dict[str, object]]:
    """Take in the answers of both sides, what flipped first, and list which belong together."""
    frames = [rounds_apart(run.frame) for run in runs]
    entries: list[dict[str, object]] = []
    panels = 0
    for pair in found.pairs:
        order = sorted(pair.kinds.items(), key=lambda item: KINDS.index(item[1]))
        kept = dict(order[: max(0, MOST_ASKS // 2 - len(entries))])
        rows = []
        for index, (run, frame, spot) in enumerate(zip(runs, frames, (pair.first, pair.second), strict=True)):
            rows.append(_take(payload, index, run, _asks(frame, spot, pair.card, kept), panels))
            panels += 1
        entries += [{"asks": [rows[0][sample], rows[1][sample]], "kind": kind} for sample, kind in kept.items()]
    return entries


def _asks(frame: pd.DataFrame, spot: tuple[str, str], card: str, kept: Mapping[str, str]) -> pd.DataFrame:
    own = frame[(frame["model"] == spot[0]) & (frame["cell"] == spot[1]) & (frame["card"] == card)]
    answered = own[own["sample_id"].isin(kept) & (own["status"] == "answered")]
    return answered.drop_duplicates("sample_id")


def _take(payload: Payload, index: int, run: RunData, asks: pd.DataFrame, panel: int) -> dict[str, int]:
    """Take in the answers of one side; return the row of each sample."""
    start = len(payload.rows)
    if asks.empty:
        return {}
    (own,) = read_panels(asks, [])
    titles = run.info.get("datasets", {})
    payload.add_panel(run.folder.name, own.model, titles.get(own.card, own.card), score_source(asks))
    payload.add_asks(index, panel, run.folder, asks, place(own))
    return {str(sample): start + number for number, sample in enumerate(asks["sample_id"])}
