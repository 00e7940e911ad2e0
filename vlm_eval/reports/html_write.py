"""The report as one page: `write_page` joins numbers, answers and pictures, from run folders alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vlm_eval.errors import InputError
from vlm_eval.reports import html_tables
from vlm_eval.reports.html_beside import compared_view, read_beside
from vlm_eval.reports.html_panel import Numbers, read_numbers
from vlm_eval.reports.html_payload import Payload
from vlm_eval.reports.html_provenance import read_provenance
from vlm_eval.reports.html_read import RunData, read_run
from vlm_eval.reports.html_text import island, render
from vlm_eval.reports.info import is_toy
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.probes import probe_panels
from vlm_eval.reports.score_source import score_source

PAGE_BYTES = 24_000_000
"""What a page of one file takes at most, as long as its texts leave room."""
MOST_ASKS = 30_000
MOST_TEXT = 8_000_000
"""Characters of answers that a page carries."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was written: where, how large, and what had to stay out of it."""

    path: Path
    size: int  # bytes of the page itself, without a folder of pictures
    answers: int  # or questions still without one, that it shows
    left_out: tuple[str, ...]
    summaries: tuple[str, ...]


def write_page(
    folders: Sequence[Path], target: Path, *, lazy: bool = False, extra: dict[str, Any] | None = None
) -> Page:
    """Write the report of one or more runs.

    Args:
        folders: run folders.
        target: the HTML file; with `lazy` a folder, which gets `index.html` and the pictures in `media/`.
        lazy: leave the pictures beside the page, where a browser loads them when they are seen.
        extra: more entries of ReportInfo, such as prices.

    Raises:
        InputError: a folder holds no run, a run has no asks, or the page cannot be written.
    """
    payload = Payload()
    runs = [read_run(folder, (extra or {}).get("join")) for folder in folders]
    numbers: list[Numbers] = []
    for index, run in enumerate(runs):
        run.info.update(extra or {})  # type: ignore[typeddict-item]
        numbers += _panels(run, index, len(numbers))
    left_out = _add_asks(payload, numbers, runs)
    return _finish(payload, numbers, runs, target, lazy, left_out)


def _panels(run: RunData, index: int, first: int) -> list[Numbers]:
    order = [name for name, _ in run.info.get("cells", ())]
    panels = read_panels(run.frame, order)
    probed = {(panel.model, panel.card): panel for panel in probe_panels(run.frame)}
    return [
        read_numbers(
            panel,
            run.info,
            run=index,
            folder=run.folder,
            number=first + place,
            probed=probed.get((panel.model, panel.card)),
        )
        for place, panel in enumerate(panels)
    ]


def _add_asks(payload: Payload, numbers: Sequence[Numbers], runs: Sequence[RunData]) -> list[str]:
    frames = [_shown_asks(one) for one in numbers]
    kept = select(frames)
    left_out = []
    for one, frame, keep in zip(numbers, frames, kept, strict=True):
        payload.add_panel(one.folder.name, one.panel.model, one.data, score_source(one.asks))
        payload.add_asks(one.run, one.number, one.folder, frame[keep], one.placed)
        known = len(one.asks) + (0 if one.probes is None else len(one.probes.asks))
        if known > keep.sum():
            left_out.append(
                f"{one.panel.model} on {one.data}: {int(keep.sum()):,} of {known:,} answers are in this"
                " page; all numbers are of all of them, and items.csv holds the rest."
            )
        if one.all_cells > len(one.panel.cells):
            left_out.append(
                f"{one.panel.model} on {one.data}: the {len(one.panel.cells)} most accurate of {one.all_cells:,}"
                " cells are shown; ablation.csv holds all."
            )
    return left_out


def _shown_asks(one: Numbers) -> pd.DataFrame:
    """Return the asks of the shown cells, and behind them those of the probes."""
    asks = one.asks[one.asks["cell"].isin(one.panel.cells)]
    if one.probes is None:
        return asks
    return pd.concat([asks, one.probes.asks])


def select(frames: Sequence[pd.DataFrame]) -> list[np.ndarray]:
    """Choose the asks that a page carries: whole items, by a fixed order, until the page is full."""
    lengths = [frame["text"].fillna("").str.len().to_numpy() for frame in frames]
    asks, text = sum(len(frame) for frame in frames), sum(int(own.sum()) for own in lengths)
    if asks <= MOST_ASKS and text <= MOST_TEXT:
        return [np.ones(len(frame), dtype=np.bool_) for frame in frames]
    kept = []
    for frame, own in zip(frames, lengths, strict=True):
        order = pd.util.hash_pandas_object(frame["sample_id"].astype(str), index=False).to_numpy()
        by_item = (
            pd.DataFrame({"order": order, "asks": 1, "text": own}).groupby("order").sum().sort_index().cumsum()
        )
        fits = (by_item["asks"] <= MOST_ASKS / len(frames)) & (by_item["text"] <= MOST_TEXT / len(frames))
        kept.append(np.isin(order, by_item.index[fits]))
    return kept


def _finish(
    payload: Payload,
    numbers: Sequence[Numbers],
    runs: Sequence[RunData],
    target: Path,
    lazy: bool,
    left_out: list[str],
) -> Page:
    views = [html_tables.panel_view(one) for one in numbers]
    title = ", ".join(dict.fromkeys(str(run.info.get("title") or run.folder.name) for run in runs))
    texts = len(json.dumps(payload.content([])))
    try:
        if lazy:
            target.mkdir(parents=True, exist_ok=True)
        pictures = (
            payload.pictures.copy(target / "media")
            if lazy
            else payload.pictures.inline(max(0, PAGE_BYTES - texts - 1_500_000))
        )
        absent = sum(picture is None for picture in pictures)
        if absent:
            left_out.append(f"{absent:,} pictures are not in this page. `--html-dir DIR` shows all of them.")
        html = render(
            "html_page.jinja",
            title=title,
            lazy=lazy,
            panels=views,
            runs=[read_provenance(run) for run in runs],
            run_names=[run.folder.name for run in runs],
            notes=[note for run in runs for note in run.info.get("notes", ())],
            open_asks=sum(int((run.frame["status"] == "open").sum()) for run in runs),
            all_asks=sum(len(run.frame) for run in runs),
            toys=sorted({one.panel.model for one in numbers if is_toy(one.panel.model)}),
            left_out=left_out,
            compared=[one for run in runs for one in compared_view(run)],
            beside=[read_beside(run) for run in runs],
            agreement=html_tables.agreement_rows(payload.readings),
            data=island(payload.content(pictures, lazy=lazy)),
        )
        path = target / "index.html" if lazy else target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(html.encode())
    except OSError as error:
        raise InputError(f"The page cannot be written to {target} ({error}). Choose another place.") from error
    summaries = tuple(" ".join(text for _, text in view.summary[:3]) for view in views)
    return Page(path, len(html.encode()), len(payload.rows), tuple(left_out), summaries)
