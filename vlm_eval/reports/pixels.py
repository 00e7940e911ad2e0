"""How well the score maps of a run locate the gold regions: pixels of all pictures of a class pooled.

Classes are never pooled: each has a support set of its own, so that scores of two classes are on different scales.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.flow import Scalar
from vlm_eval.metrics.pixels import PixelMetrics, pixel_metrics
from vlm_eval.reports.tables import break_name, heading_text, percent, plain_table
from vlm_eval.runs.mapped_pixels import MappedItem, read_mapped_items
from vlm_eval.runs.probes import probe_name
from vlm_eval.runs.regions import region_path
from vlm_eval.runs.score_maps import read_score_map, stretch
from vlm_eval.runs.store import Store

LONGEST_SIDE = 256  # pixels; larger pictures are compared at this size
MOST_PIXELS = 16_000_000  # of a class; with more of them, all its pictures are compared at a smaller size
_COLUMNS = {"auprc": "AUPRC", "aupro": "AUPRO", "f1_max": "F1-max", "false_positive_rate_at_95": "FPR@95"}


@dataclass(frozen=True, slots=True)
class PixelRow:
    """The pixels of one model on one class in the cells that share the same score maps."""

    model: str
    card: str
    cells: tuple[str, ...]
    object_class: str
    pictures: int  # compared: normal ones, and anomalous ones with a gold region
    without_region: int  # anomalous ones that are left out
    side: int  # pixels of the longest side at which they are compared
    metrics: PixelMetrics


def pixel_rows(store: Store) -> list[PixelRow]:
    """Compare the score maps of a run with its gold regions; classes without any gold region give no row."""
    alike: dict[tuple[MappedItem, ...], list[tuple[str, str, str, str]]] = {}
    for place, found in read_mapped_items(store).items():
        if probe_name(place[2]) is not None:
            continue  # a disturbed picture is no part of the grid
        alike.setdefault(tuple(found), []).append(place)
    rows = []
    for items, places in alike.items():
        model, card, _, object_class = places[0]
        known = [item for item in items if not item.anomalous or region_path(store.folder, item.sample).exists()]
        if any(item.anomalous for item in known):
            side = common_side([item.size for item in known])
            metrics = _compare(store, known, side)
            cells = tuple(cell for _, _, cell, _ in places)
            rows.append(
                PixelRow(model, card, cells, object_class, len(known), len(items) - len(known), side, metrics)
            )
    return rows


def common_side(sizes: Sequence[tuple[int, int]]) -> int:
    """Return the longest side, in pixels, at which pictures of these sizes (width, height) are compared."""
    most = min(LONGEST_SIDE, max(max(size) for size in sizes))
    area = sum(width * height for width, height in (_fit(size, most) for size in sizes))
    return most if area <= MOST_PIXELS else max(1, int(most * (MOST_PIXELS / area) ** 0.5))


def _fit(size: tuple[int, int], side: int) -> tuple[int, int]:
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _compare(store: Store, items: Sequence[MappedItem], side: int) -> PixelMetrics:
    maps, masks = [], []
    for item in items:
        width, height = size = _fit(item.size, side)
        maps.append(stretch(read_score_map(store.folder, item.digest), size).astype(np.float64))
        mask = np.zeros((height, width), dtype=np.bool_)
        if item.anomalous:
            with Image.open(region_path(store.folder, item.sample)) as region:
                # The mean over each pixel, so that a fine region leaves a trace where the picture is made smaller.
                mask = np.asarray(region.convert("L").resize(size, Image.Resampling.BOX)) >= 128
        masks.append(mask)
    return pixel_metrics(maps, masks)


def pixel_tables(rows: Sequence[PixelRow]) -> Iterator[RenderableType]:
    """Draw one table a model and data set: one row a class and set of cells."""
    for model, card in dict.fromkeys((row.model, row.card) for row in rows):
        yield _table(f"Pixels: {model} on {card}", [row for row in rows if (row.model, row.card) == (model, card)])


def _table(title: str, rows: Sequence[PixelRow]) -> RenderableType:
    table = plain_table()
    for heading in ("cell", "class"):
        table.add_column(heading, overflow="fold")
    for heading in ("n", *_COLUMNS.values()):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        cell = break_name(row.cells[0]) if len(row.cells) == 1 else f"{len(row.cells)} cells"
        values = [getattr(row.metrics, name) for name in _COLUMNS]
        numbers = ["-" if value is None else percent(value) for value in values]
        table.add_row(Text(cell), Text(row.object_class), str(row.pictures), *numbers)
    notes = [
        "Percent, score maps against gold regions; the pixels of the n pictures of a class are pooled. AUPRO: up "
        "to 30 % false positives; FPR@95: false positives at 95 % recall."
    ]
    left_out = sum(row.without_region for row in rows)
    if left_out:
        notes.append(f"Left out: {left_out} anomalous pictures without a gold region.")
    notes += dict.fromkeys(f"{row.metrics.reason}." for row in rows if row.metrics.reason)
    return Group(heading_text(title), table, *(Text(note, style="dim") for note in notes))


def pixel_file_rows(rows: Sequence[PixelRow]) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row a model, class and cell for the CSV file."""
    for row in rows:
        found = row.metrics
        for cell in row.cells:
            yield {
                "model": row.model,
                "dataset": row.card,
                "cell": cell,
                "object_class": row.object_class,
                "pictures": row.pictures,
                "without_region": row.without_region,
                "longest_side": row.side,
                **{name: _rounded(getattr(found, name)) for name in _COLUMNS},
                "pixels": found.pixels,
                "anomalous_pixels": found.anomalous,
                "regions": found.regions,
                "note": found.reason,
            }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
