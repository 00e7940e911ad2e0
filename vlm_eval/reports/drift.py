"""Whether a model changed while it was asked: its sentinel items, answered at the start and again at the end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from vlm_eval.flow import Scalar
from vlm_eval.metrics.effects import Effect, main_effect
from vlm_eval.metrics.sampling import sampling
from vlm_eval.reports.files import fields_of, write_rows
from vlm_eval.reports.tables import heading_text, percent, plain_table
from vlm_eval.runs.sentinels import Pass, Sentinel, answers_outside, read_sentinels
from vlm_eval.runs.store import Store

_CHANGED = "bold yellow"


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed between two passes over the same items."""

    model: str
    items: int  # answered in both passes
    planned: int
    same_text: int
    verdicts_changed: int
    yes_first: float  # share of the items that are called anomalous
    yes_last: float
    change: Effect  # of that share, last minus first
    served_first: tuple[str, ...]
    served_last: tuple[str, ...]
    began: float  # seconds since the epoch: the first answer of the first pass
    ended: float  # the last answer of the last pass
    outside: int  # other answers of the model from before or after

    @property
    def shows(self) -> bool:
        """Say whether another model was served, or the yes-rate differs by more than chance explains."""
        difference = self.change.difference
        apart = difference.low is not None and difference.high is not None
        moved = apart and (float(difference.low or 0) > 0 or float(difference.high or 0) < 0)
        return moved or self.served_first != self.served_last


def measure_drift(sentinels: Sequence[Sentinel], outside: int = 0) -> Drift | None:
    """Compare the two passes of one model; None where no item is answered in both."""
    both = [(one, one.first, one.last) for one in sentinels if one.first is not None and one.last is not None]
    if not both:
        return None
    firsts, lasts = [first for _, first, _ in both], [last for _, _, last in both]
    drawn = sampling([one.group for one, _, _ in both], [one.object_class for one, _, _ in both])
    yes_first, yes_last = (np.array([float(one.verdict == "anomalous") for one in own]) for own in (firsts, lasts))
    pooled = np.zeros(len(both), dtype=np.int64)
    return Drift(
        both[0][0].model,
        len(both),
        len(sentinels),
        sum(first.text == last.text for first, last in zip(firsts, lasts, strict=True)),
        sum(first.verdict != last.verdict for first, last in zip(firsts, lasts, strict=True)),
        float(yes_first.mean()),
        float(yes_last.mean()),
        main_effect((yes_last - yes_first)[np.newaxis], pooled, drawn),
        _served(firsts),
        _served(lasts),
        min(one.at for one in firsts),
        max(one.at for one in lasts),
        outside,
    )


def _served(passes: Sequence[Pass]) -> tuple[str, ...]:
    return tuple(sorted({one.served_model for one in passes if one.served_model}))


def read_drifts(folder: Path) -> tuple[list[Drift], list[Sentinel]]:
    """Read what changed between the passes, by model, and every sentinel item."""
    with Store(folder) as store:
        sentinels = read_sentinels(store)
        drifts = []
        for model in dict.fromkeys(one.model for one in sentinels):
            own = [one for one in sentinels if one.model == model]
            ended = [one for one in own if one.first is not None and one.last is not None]
            if ended:
                began = min(one.first.at for one in ended if one.first)
                last = max(one.last.at for one in ended if one.last)
                drift = measure_drift(own, answers_outside(store, model, began, last))
                drifts += [drift] if drift else []
    return drifts, sentinels


def show_drift(folder: Path, target: Path, console: Console) -> list[Drift]:
    """Print what changed between the passes and write `drift.csv` and `sentinels.csv`; nothing without sentinels.

    Files of an earlier report are removed.
    """
    drifts, sentinels = read_drifts(folder)
    for name, rows in (("drift", map(_row, drifts)), ("sentinels", map(_item_row, sentinels))):
        path = target / f"{name}.csv"
        path.unlink(missing_ok=True)
        if listed := list(rows):
            write_rows(path, listed)
    if sentinels:
        console.print()
        console.print(drift_table(drifts))
    return drifts


def drift_table(drifts: Sequence[Drift]) -> RenderableType:
    """Draw what changed between the passes, with a sentence for each model below."""
    if not drifts:
        return Text("Sentinels: no item is answered both at the start and at the end yet.")
    lines = [Text(line, style=_CHANGED if one.shows else "dim") for one in drifts for line in _lines(one)]
    title = heading_text("Drift: the same items at the start and at the end of the run")
    return Group(title, _table(drifts), *lines)


def _table(drifts: Sequence[Drift]) -> Table:
    table = plain_table()
    table.add_column("model", overflow="fold")
    for heading in ("n", "same text", "verdicts changed", "yes first", "yes last", "change [95 % interval]"):
        table.add_column(heading, justify="right")
    for one in drifts:
        table.add_row(
            Text(one.model),
            str(one.items),
            percent(one.same_text / one.items),
            str(one.verdicts_changed),
            percent(one.yes_first),
            percent(one.yes_last),
            _points(one.change),
        )
    return table


def _points(effect: Effect) -> str:
    found = effect.difference
    if found.value is None:
        return "-"
    value = f"{100 * found.value:+.0f}"
    if found.low is None or found.high is None:
        return value
    return f"{value} [{100 * found.low:+.0f}, {100 * found.high:+.0f}]"


def _lines(drift: Drift) -> Iterator[str]:
    served = f"{_names(drift.served_first)} at the start, {_names(drift.served_last)} at the end"
    verdict = "The model changed" if drift.shows else "No drift shows"
    yield f"{verdict} ({drift.model}, {_time(drift.began)} to {_time(drift.ended)}). Served: {served}."
    if drift.items < drift.planned:
        yield f"{drift.planned - drift.items} of {drift.planned} sentinel items lack an answer in a pass."
    if drift.outside:
        yield f"{drift.outside:,} answers came before the first or after the last pass; they are not watched."


def _names(models: Sequence[str]) -> str:
    return ", ".join(models) or "not told"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _row(one: Drift) -> Mapping[str, Scalar]:
    return {
        "model": one.model,
        "items": one.items,
        "planned": one.planned,
        "same_text": one.same_text,
        "verdicts_changed": one.verdicts_changed,
        "yes_first": one.yes_first,
        "yes_last": one.yes_last,
        **fields_of("change", one.change.difference),
        "p_value": one.change.p_value,
        "served_first": _names(one.served_first),
        "served_last": _names(one.served_last),
        "began": _time(one.began),
        "ended": _time(one.ended),
        "answers_outside": one.outside,
    }


def _item_row(one: Sentinel) -> Mapping[str, Scalar]:
    row: dict[str, Scalar] = {"model": one.model, "cell": one.cell, "sample_id": one.sample_id}
    for name, own in (("first", one.first), ("last", one.last)):
        row |= {
            f"{name}_text": None if own is None else own.text,
            f"{name}_verdict": None if own is None else own.verdict,
            f"{name}_served": None if own is None else own.served_model,
            f"{name}_at": None if own is None else own.at,
        }
    return row
