"""The tables of embedding scorers: top-1 and top-3 beside ceiling, best constant guess and shuffled floor."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.metrics.sampling import sampling
from vlm_eval.reports.files import Row, fields_of
from vlm_eval.reports.tables import break_name, heading_text, percent, plain_table, with_interval
from vlm_eval.runs.mapped import MappedCell

_MEASURES = ("top_1", "top_3")


def mapping_tables(cells: Sequence[MappedCell]) -> Iterator[RenderableType]:
    """Draw one table for each scorer, version, model and dataset."""
    groups: dict[tuple[str, str, str, str], list[MappedCell]] = {}
    for cell in cells:
        groups.setdefault((cell.scorer, cell.version, cell.model, cell.card), []).append(cell)
    for group in groups.values():
        yield _table(group) if any(cell.first for cell in group) else _nothing(group)


def _nothing(cells: Sequence[MappedCell]) -> RenderableType:
    first, answers = cells[0], sum(cell.answers for cell in cells)
    title = heading_text(f"{first.scorer}: {first.model} on {first.card}")
    said = (
        f"Nothing to compare with: of {answers} answers none is about an item whose gold name is in the label"
        " space. Labels are in mapping_confusion.csv."
    )
    return Group(title, Text(said, style="dim"))


def _table(cells: Sequence[MappedCell]) -> RenderableType:
    first = cells[0]
    table = plain_table()
    table.add_column("cell", overflow="fold")
    for heading in ("", "right", "ceiling", "constant", "floor", "n", "unm."):
        table.add_column(heading, justify="right", no_wrap=True)
    for cell in cells:
        for number, (name, estimate) in enumerate(estimates(cell).items()):
            beside = [_share(value) for value in _beside(cell, number)]
            counts = [f"{len(cell.first)}/{cell.answers}", str(sum(cell.unmapped.values()))]
            table.add_row(
                Text("" if number else break_name(cell.cell)),
                name.replace("_", "-"),
                "-" if estimate.value is None else with_interval(estimate),
                *beside,
                *(("", "") if number else counts),
            )
    title = heading_text(f"{first.scorer}: {first.model} on {first.card}")
    return Group(title, table, Text(_caption(cells), style="dim"))


def _caption(cells: Sequence[MappedCell]) -> str:
    first = cells[0]
    protocol = "the study's protocol" if first.study_protocol else "not the study's protocol"
    guess = next((cell.constant[0] for cell in cells if cell.constant), None)
    constant = f"always {guess!r} (top-3: the three commonest)" if guess else "-"
    said = (
        f"Version {first.version} ({protocol}). Percent [95 % interval] of the n answers, of all, whose item's"
        " gold name is in the label space; an unmapped answer (unm.) is wrong. ceiling: the gold name itself as"
        f" the answer; constant: {constant}; floor: these answers dealt out at random."
    )
    reasons: dict[str, int] = {}
    for cell in cells:
        for reason, count in cell.unmapped.items():
            reasons[reason] = reasons.get(reason, 0) + count
    if reasons:
        said += f" Unmapped: {', '.join(f'{reason} {count}' for reason, count in reasons.items())}."
    truncated = sum(cell.truncated for cell in cells)
    return said + (f" {truncated} were longer than the embedder reads." if truncated else "")


def _share(value: float | None) -> str:
    return "-" if value is None else percent(value)


def _beside(cell: MappedCell, number: int) -> tuple[float | None, float | None, float | None]:
    ceiling = cell.ceiling[number] if cell.ceiling else None
    constant = cell.constant[1:][number] if cell.constant else None
    return ceiling, constant, cell.floor[number] if cell.floor else None


def estimates(cell: MappedCell) -> dict[str, Estimate]:
    """Return top-1 and top-3 with intervals that hold for clustered items."""
    drawn = sampling(cell.groups, cell.classes) if cell.groups else None
    found = {}
    for name, hits in zip(_MEASURES, (cell.first, cell.third), strict=True):
        values = np.array(hits, dtype=np.float64)
        if drawn is None:
            found[name] = Estimate(None, reason="no item's gold name is in the label space")
        else:
            found[name] = simple_rate(values, np.zeros(values.size, dtype=np.int64), drawn)
    return found


def mapping_rows(cells: Sequence[MappedCell]) -> Iterator[Row]:
    """Yield one row a scorer, version, model, dataset and cell."""
    for cell in cells:
        row = _place(cell) | {"study_protocol": cell.study_protocol, "answers": cell.answers, "n": len(cell.first)}
        row |= {"unmapped": sum(cell.unmapped.values()), "truncated": cell.truncated}
        for number, (name, estimate) in enumerate(estimates(cell).items()):
            ceiling, constant, floor = _beside(cell, number)
            beside = {f"{name}_ceiling": ceiling, f"{name}_constant": constant, f"{name}_floor": floor}
            row |= fields_of(name, estimate) | beside
        yield row | {"constant_guess": cell.constant[0] if cell.constant else None}


def mapping_confusion_rows(cells: Sequence[MappedCell]) -> Iterator[Row]:
    """Yield one row a gold label and label that occur together; the label may be "unmapped".

    `share` is that of the n answers about the gold label.
    """
    for cell in cells:
        of_gold: Counter[str] = Counter()
        for (gold, _), count in cell.confusion.items():
            of_gold[gold] += count
        for (gold, label), count in sorted(cell.confusion.items()):
            shares = {"share": round(count / of_gold[gold], 6), "n": of_gold[gold]}
            yield _place(cell) | {"gold": gold, "label": label, "answers": count} | shares


def _place(cell: MappedCell) -> dict[str, str | int | float | bool | None]:
    return {
        "scorer": cell.scorer,
        "version": cell.version,
        "model": cell.model,
        "dataset": cell.card,
        "cell": cell.cell,
    }
