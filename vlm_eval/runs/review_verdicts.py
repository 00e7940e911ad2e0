"""What a review found: verdicts with their drawing probabilities, progress, and how far reviewers agree."""

import csv
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from vlm_eval.errors import InputError
from vlm_eval.metrics.agreement import Agreement, agreement, pair_up
from vlm_eval.runs.review import LABELS, READINGS, ReviewLog
from vlm_eval.runs.review_draw import draw_new, has_new, read_drawing
from vlm_eval.runs.store import Store
from vlm_eval.scoring.human import COLUMNS, HumanVerdict, Said

_SAID: dict[str, Said] = {"yes": "anomalous", "no": "normal", "hedged": "unsure"}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the review of a run has come."""

    sample: int  # answers to be drawn on average
    answers: int  # that entered the draw
    drawn: int
    labelled: int  # drawn answers that somebody has read
    skipped: int  # that were only skipped
    twice: int  # that two reviewers are to read
    read_twice: int
    readings: Mapping[str, Counter[str]]  # by reviewer
    pairs: Mapping[tuple[str, str], Agreement]  # of the answers that both have read

    @property
    def unseen(self) -> int:
        """Count the drawn answers that nobody has read or skipped."""
        return self.drawn - self.labelled - self.skipped


def read_progress(folder: Path) -> Progress:
    """Read how far the review of a run folder has come.

    Raises:
        RunFolderError: the folder holds no run.
        InputError: no review was begun.
    """
    with Store(folder) as store:
        log = ReviewLog(store)
        log.read()
        drawing = read_drawing(store)
    if drawing is None:
        raise _not_begun(folder)
    queue = list(drawing.queue(log))
    labels = Counter(ask for said in log.said.values() for ask, one in said.items() if one in LABELS)
    seen = {ask for said in log.said.values() for ask in said}
    return Progress(
        drawing.sample,
        len(log.disputed),
        len(queue),
        sum(ask in labels for ask in queue),
        sum(ask in seen and ask not in labels for ask in queue),
        min(drawing.twice, len(queue)),
        sum(labels[ask] >= 2 for ask in queue[: drawing.twice]),
        {
            name: Counter({one: list(said.values()).count(one) for one in READINGS})
            for name, said in log.said.items()
        },
        _agreements(log),
    )


def _agreements(log: ReviewLog) -> dict[tuple[str, str], Agreement]:
    found = {}
    labels: dict[str, dict[Hashable, Hashable]] = {
        name: {ask: one for ask, one in said.items() if one in LABELS} for name, said in sorted(log.said.items())
    }
    for first, second in combinations(labels, 2):
        _, ones, others = pair_up(labels[first], labels[second])
        if ones:
            found[first, second] = agreement(ones, others, LABELS)
    return found


def read_reviews(folder: Path) -> list[HumanVerdict]:
    """Return what every reviewer says of every answer that was read, in the order of the plan.

    An answer behind the first one that nobody has seen has no drawing probability; see `Drawing.probabilities`.

    Raises:
        RunFolderError: the folder holds no run.
        InputError: no review was begun, or nothing was read yet.
    """
    with Store(folder) as store:
        if read_drawing(store) is None:
            raise _not_begun(folder)
        grown = has_new(store)
    with Store(folder, write=grown) as store:
        verdicts = verdicts_of(store)
    if not verdicts:
        raise InputError(f"Nothing was reviewed yet in {folder}. Run: vlm-eval review {folder}")
    return verdicts


def verdicts_of(store: Store) -> list[HumanVerdict]:
    """Return what every reviewer of an open run says; empty where no review was begun."""
    drawing = read_drawing(store)
    if drawing is None:
        return []
    log = ReviewLog(store)
    log.read()
    draw_new(store, log, drawing)  # answers that came since then are of those that could have been drawn
    probabilities = drawing.probabilities(log)
    readings = sorted(
        (ask, name, one) for name, said in log.said.items() for ask, one in said.items() if one in LABELS
    )
    return [
        _verdict(store, ask, _SAID[one]).model_copy(
            update={"annotator": name, "probability": probabilities.get(ask)}
        )
        for ask, name, one in readings
    ]


def _verdict(store: Store, ask: int, said: Said) -> HumanVerdict:
    sample, model, cell, turn, repeat = store.connection.execute(
        "SELECT sample_id, model.name, cell.name, round, repeat FROM ask JOIN sample ON sample.id = ask.sample "
        "JOIN model ON model.id = ask.model JOIN cell ON cell.id = ask.cell WHERE ask.id = ?",
        (ask,),
    ).fetchone()
    return HumanVerdict(sample_id=sample, verdict=said, model=model, cell=cell, round=turn, repeat=repeat)


def write_reviews(verdicts: Sequence[HumanVerdict], path: Path) -> None:
    """Write verdicts as the CSV file that `report --human` and the scorer `human:FILE` read. Raises InputError."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for one in verdicts:
                place = (one.model, one.cell, one.round, one.repeat)
                writer.writerow([one.sample_id, one.verdict, *place, one.annotator, one.probability, one.note])
    except OSError as error:
        raise InputError(f"The reviews cannot be written to {path} ({error}). Choose another place.") from error


def _not_begun(folder: Path) -> InputError:
    return InputError(f"No review of {folder} was begun yet. Run: vlm-eval review {folder}")
