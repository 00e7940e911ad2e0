"""Two runs, models or cells on the same items: paired differences, and the items on which they part."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from vlm_eval.errors import InputError
from vlm_eval.metrics.comparisons import holm
from vlm_eval.metrics.effects import Effect, main_effect
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.reports.effects import measured_on, outcome
from vlm_eval.reports.measures import measure
from vlm_eval.reports.panel import Panel, check_frame, read_panels, without_probes
from vlm_eval.reports.rounds import rounds_apart
from vlm_eval.reports.score_source import judged_by_claims

FIRST, SECOND = "A", "B"
KINDS = ("only B right", "only A right", "both right", "both wrong", "between")
"""What becomes of an item: `between` where repeats make it right in part in one of the two or in both."""


@dataclass(frozen=True, slots=True)
class Address:
    """What is compared: a run, and where it is given one of its models and one of its cells."""

    run: Path
    model: str | None = None
    cell: str | None = None


def parse_address(text: str) -> Address:
    """Read `RUN[::MODEL[::CELL]]`; an empty model means any. Raises InputError."""
    run, *rest = text.split("::")
    if not run or len(rest) > 2:
        raise InputError(f"{text!r} is no address. Write RUN, RUN::MODEL or RUN::MODEL::CELL.")
    model, cell = [*rest, "", ""][:2]
    return Address(Path(run), model or None, cell or None)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison: a rate in both, and its paired difference B - A."""

    measure: str  # recall, overkill, accuracy
    first: Estimate
    second: Estimate
    effect: Effect
    adjusted_p: float | None = None  # Holm, over all lines of the comparison


@dataclass(frozen=True, slots=True)
class Pair:
    """Two cells on the items of one data set that have an answer in both."""

    card: str
    first: tuple[str, str]  # model, cell
    second: tuple[str, str]
    panel: Panel  # its cells are A and B
    rows: tuple[Row, ...]
    kinds: dict[str, str]  # what becomes of each item, by sample id
    only_first: int  # items with an answer in A alone
    only_second: int
    other_gold: int  # items left out, for the two runs disagree on what is true of them

    @property
    def name(self) -> str:
        """Name the pair: the cell, or both where they differ."""
        parts = [
            one if one == other else f"{one} → {other}" for one, other in zip(self.first, self.second, strict=True)
        ]
        same_model = self.first[0] == self.second[0]
        return parts[1] if same_model else " · ".join(parts)

    def count(self, kind: str) -> int:
        """Count the items of a kind."""
        return sum(own == kind for own in self.kinds.values())


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every pair that the two addresses have in common, and the cells that only one of them has."""

    pairs: tuple[Pair, ...]
    unmatched: tuple[str, ...]


def compare(first: pd.DataFrame, second: pd.DataFrame, one: Address, other: Address) -> Comparison:
    """Compare what two addresses select, cell by cell.

    Where each selects one cell, these are compared, whatever their names; else cells of the same name are, and
    models of the same name where one side has several.

    Raises:
        InputError: an address selects nothing, the two have no data set, no cell or no item in common.
    """
    frames = (_selected(first, one), _selected(second, other))
    cards = [dict.fromkeys(frame["card"]) for frame in frames]
    if not cards[0].keys() & cards[1].keys():
        raise InputError(
            f"{one.run} is about {', '.join(cards[0])}, {other.run} about {', '.join(cards[1])}. Only"
            " answers about the same items can be compared."
        )
    places = [list(dict.fromkeys(zip(frame["model"], frame["cell"], strict=True))) for frame in frames]
    matched, unmatched = _match(*places)
    if not matched:
        raise InputError(
            f"The two have no cell in common: {one.run} has {_named(places[0])}; {other.run} has"
            f" {_named(places[1])}. Name one cell of each: RUN::MODEL::CELL."
        )
    pairs = [pair for left, right in matched for pair in _pairs(frames, left, right)]
    if not pairs:
        raise InputError(
            f"{one.run} and {other.run} have no item in common that both answered. Only answers about the same"
            " items can be compared."
        )
    return Comparison(_corrected(pairs), unmatched)


def _selected(frame: pd.DataFrame, address: Address) -> pd.DataFrame:
    check_frame(frame)
    model = find_name(address.model, frame["model"], "model", address.run)
    frame = rounds_apart(judged_by_claims(frame, [model], "a comparison"))
    frame = frame if model is None else frame[frame["model"] == model]
    cell = find_name(address.cell, frame["cell"], "cell", address.run)
    return without_probes(frame) if cell is None else frame[frame["cell"] == cell]


def find_name(wanted: str | None, names: Iterable[object], kind: str, run: Path) -> str | None:
    """Return the one name that is meant: exact, or as people type it.

    A model may go without " (toy)", its family and the owner of its checkpoint; the ingredients of a cell may
    stand in another order; capitals do not matter.

    Args:
        wanted: what was typed; None means any and gives None.
        names: all there are.
        kind: model or cell.
        run: the run folder, for messages.

    Raises:
        InputError: nothing is called so, or several are.
    """
    if wanted is None:
        return None
    known = list(dict.fromkeys(map(str, names)))
    if wanted in known:
        return wanted
    alike = _of_cell if kind == "cell" else _of_model
    found = [name for name in known if alike(wanted) & alike(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{run} holds several models {wanted!r}: {', '.join(found[:20])}. Write one in full.")
    close = get_close_matches(wanted, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    more = f" and {len(known) - 20:,} more" if len(known) > 20 else ""
    raise InputError(f"{run} holds no {kind} {wanted!r}.{hint} It holds {', '.join(known[:20])}{more}.")


def _of_model(name: str) -> set[object]:
    plain = name.casefold().removesuffix("(toy)").strip()
    return {plain, plain.partition(":")[2] or plain, re.split(r"[:/]", plain)[-1]} - {""}


def _of_cell(name: str) -> set[object]:
    return {frozenset(part.strip() for part in name.casefold().split("+"))}


Place = tuple[str, str]


def _match(first: list[Place], second: list[Place]) -> tuple[list[tuple[Place, Place]], tuple[str, ...]]:
    if len(first) == len(second) == 1:
        return [(first[0], second[0])], ()
    one_model = len({model for model, _ in first}) == len({model for model, _ in second}) == 1
    by_key = {(cell if one_model else (model, cell)): (model, cell) for model, cell in second}
    matched = [(place, by_key[key]) for place in first if (key := place[1] if one_model else place) in by_key]
    used = {place for pair in matched for place in pair}
    return matched, tuple(f"{model} · {cell}" for model, cell in [*first, *second] if (model, cell) not in used)


def _named(places: Sequence[Place]) -> str:
    shown = ", ".join(f"{model}::{cell}" for model, cell in places[:6])
    return shown + (f" and {len(places) - 6} more" if len(places) > 6 else "")


def _pairs(frames: tuple[pd.DataFrame, pd.DataFrame], left: Place, right: Place) -> list[Pair]:
    sides = []
    for frame, (model, cell), name in zip(frames, (left, right), (FIRST, SECOND), strict=True):
        own = frame[(frame["model"] == model) & (frame["cell"] == cell)]
        # Claims are compared; scores of two models may come from two sources, and are no part of it.
        sides.append(own.assign(model="", cell=name, anomaly_score=np.nan, yes_no_mass=np.nan, score_source=None))
    answered = [side[(side["status"] == "answered")].drop_duplicates("sample_id") for side in sides]
    gold = [side.set_index("sample_id")["gold"] for side in answered]
    shared = gold[0].index.intersection(gold[1].index)
    same = shared[(gold[0].loc[shared] == gold[1].loc[shared]).to_numpy()]
    both = pd.concat([side[side["sample_id"].isin(same)] for side in sides], ignore_index=True)
    if both.empty:
        return []
    cards = [side.set_index("sample_id")["card"] for side in answered]
    found = []
    for panel in read_panels(both, (FIRST, SECOND)):
        first, second = (int((own.drop(shared) == panel.card).sum()) for own in cards)
        changed = int((cards[0].loc[shared.difference(same)] == panel.card).sum())
        found.append(Pair(panel.card, left, right, panel, _rows(panel), _kinds(panel), first, second, changed))
    return found


def _rows(panel: Panel) -> tuple[Row, ...]:
    rates = [measure(panel, cell).measures for cell in (FIRST, SECOND)]
    rows = []
    for name, (keep, wrong) in measured_on(panel).items():
        differences = (outcome(panel, SECOND, wrong) - outcome(panel, FIRST, wrong))[keep]
        effect = main_effect(differences[None, :], panel.class_of_item[keep], panel.drawn.subset(keep))
        rows.append(Row(name, rates[0][name], rates[1][name], effect))
    return tuple(rows)


def _kinds(panel: Panel) -> dict[str, str]:
    known = panel.asks[panel.asks["gold"].isin(("yes", "no"))].drop_duplicates("sample_id")["sample_id"]
    first, second = (outcome(panel, cell, wrong=False) for cell in (FIRST, SECOND))
    names = {(1.0, 1.0): "both right", (0.0, 0.0): "both wrong", (0.0, 1.0): KINDS[0], (1.0, 0.0): KINDS[1]}
    return {
        str(sample): names.get((float(one), float(other)), "between")
        for sample, one, other in zip(known, first, second, strict=True)
        if not np.isnan(one) and not np.isnan(other)
    }


def _corrected(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    tested = [row.effect.p_value for pair in pairs for row in pair.rows if row.effect.p_value is not None]
    adjusted = iter(holm(tested))
    return tuple(
        replace(
            pair,
            rows=tuple(
                row if row.effect.p_value is None else replace(row, adjusted_p=next(adjusted)) for row in pair.rows
            ),
        )
        for pair in pairs
    )
