"""What an embedding scorer made of a run's answers, with everything that must stand beside it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vlm_eval.runs.readings import Reading, list_stored, read_readings
from vlm_eval.runs.store import Store
from vlm_eval.scoring.mapping import MappedAnswer
from vlm_eval.scoring.mapping_baselines import (
    UNMAPPED,
    best_constant_guess,
    constant_guess_top_3,
    shuffled_floor,
)
from vlm_eval.scoring.mapping_ceiling import SUFFIX
from vlm_eval.scoring.mapping_names import is_mapping_name, is_study_protocol

NO_GOLD = "(no gold label)"
"""Row of a confusion matrix for items whose gold name the label space does not hold, such as normal ones."""


@dataclass(frozen=True, slots=True)
class MappedCell:
    """The mappings of one cell's answers; the sequences are over the answers whose gold label is in the space."""

    scorer: str
    version: str  # holds the options
    study_protocol: bool  # descriptions on both sides
    model: str
    card: str
    cell: str
    answers: int  # of the cell, with or without a gold label
    first: tuple[bool, ...]  # the gold label is the most similar one
    third: tuple[bool, ...]  # it is among the three most similar ones
    groups: tuple[str, ...]
    classes: tuple[str, ...]
    unmapped: Mapping[str, int]  # among these, by reason
    truncated: int  # longer than the embedder reads
    ceiling: tuple[float, float] | None  # top-1 and top-3 of the gold names themselves, as answers
    constant: tuple[str, float, float] | None  # the best constant guess, its top-1, and top-3 of the best three
    floor: tuple[float, float] | None  # top-1 and top-3 if the answers were dealt out at random
    confusion: Mapping[tuple[str, str], int]  # answers by (gold label, label or "unmapped"), all of the cell


def read_mapped(store: Store) -> list[MappedCell]:
    """Return a cell's mappings for each embedding scorer and version that judged the run."""
    found = []
    for scorer, version in list_stored(store):
        if not is_mapping_name(scorer) or scorer.endswith(SUFFIX):
            continue
        ceilings = {one.ask: one for one in read_readings(store, scorer + SUFFIX, version)}
        cells: dict[tuple[str, str, str], list[Reading]] = defaultdict(list)
        for reading in read_readings(store, scorer, version):
            cells[(reading.model, reading.sample.card, reading.cell)].append(reading)
        for readings in cells.values():
            found.append(_cell(scorer, version, readings, ceilings))
    return found


def _cell(scorer: str, version: str, readings: Sequence[Reading], ceilings: Mapping[int, Reading]) -> MappedCell:
    known = [one for one in readings if one.judgement.details.get("gold") is not None]
    gold = [str(one.judgement.details["gold"]) for one in known]
    mapped = [_mapped(one) for one in known]
    return MappedCell(
        scorer,
        version,
        is_study_protocol(version),
        readings[0].model,
        readings[0].sample.card,
        readings[0].cell,
        len(readings),
        tuple(bool(one.judgement.details.get("hit_1")) for one in known),
        tuple(bool(one.judgement.details.get("hit_3")) for one in known),
        tuple(one.sample.group for one in known),
        tuple(one.sample.object_class for one in known),
        Counter(one.judgement.reason or "none" for one in known if one.judgement.value is None),
        sum(bool(one.judgement.details.get("truncated")) for one in known),
        _ceiling([ceilings.get(one.ask) for one in known]),
        (*best_constant_guess(gold), constant_guess_top_3(gold)) if known else None,
        shuffled_floor(mapped, gold) if known else None,
        Counter((str(one.judgement.details.get("gold") or NO_GOLD), _label(one)) for one in readings),
    )


def _label(reading: Reading) -> str:
    return UNMAPPED if reading.judgement.value is None else str(reading.judgement.value)


def _mapped(reading: Reading) -> MappedAnswer:
    details = reading.judgement.details
    top = [str(details[f"top_{place}"]) for place in (1, 2, 3) if details.get(f"top_{place}") is not None]
    label = None if reading.judgement.value is None else str(reading.judgement.value)
    return MappedAnswer(label, reading.judgement.reason, tuple((name, 0.0) for name in top))


def _ceiling(judged: Sequence[Reading | None]) -> tuple[float, float] | None:
    """Return the rates of the gold names; None where one of the answers has no ceiling stored."""
    known = [one.judgement for one in judged if one is not None]
    if not judged or len(known) < len(judged):
        return None
    first, third = (sum(bool(one.details.get(hit)) for one in known) / len(known) for hit in ("hit_1", "hit_3"))
    return first, third
