"""The accuracy that people would find, from automatic verdicts of all answers and human ones of a few."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.errors import InputError
from vlm_eval.flow import Scalar
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.prediction_powered import prediction_powered
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.metrics.sampling import sampling
from vlm_eval.reports.files import fields_of
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.panel import Panel
from vlm_eval.reports.rounds import FACTOR, round_cell
from vlm_eval.reports.tables import break_name, heading_text, plain_table, table_title, with_interval
from vlm_eval.runs.human import HumanVerdict

_CLAIM = {"yes": "anomalous", "no": "normal"}


@dataclass(frozen=True, slots=True)
class HumanRate:
    """The pooled accuracy of a cell by its scorer, and as people would read all of its answers."""

    cell: str
    by_people: Estimate  # prediction-powered; `items` counts the labels that entered
    by_scorer: Estimate  # of the same answers
    answers: int  # with known gold, of the repeats that were labelled
    labels: int  # answers that entered: read by people, with the probability with which they were drawn
    without_probability: int  # answers read by people that did not enter
    unsure: int  # readings that found no claim; they count as wrong, as with the scorer
    readers: int


def human_rates(panel: Panel, labels: Sequence[HumanVerdict]) -> list[HumanRate]:
    """Estimate the pooled accuracy of every cell that people read answers of (prediction-powered inference)."""
    found = (human_rate(panel, cell, labels) for cell in panel.cells)
    return [rate for rate in found if rate is not None]


def human_rate(panel: Panel, cell: str, labels: Sequence[HumanVerdict]) -> HumanRate | None:
    """Estimate the pooled accuracy of a cell as people would read its answers; None where they read none.

    Of several readers of an answer the share that calls it right counts. Labels that lack a drawing probability
    never enter.
    """
    read: dict[tuple[str, int, int], list[HumanVerdict]] = defaultdict(list)
    for label in labels:
        here = label.cell is None or round_cell(label.cell, label.round) == cell
        if here and label.model in (None, panel.model):
            read[label.sample_id, label.round, label.repeat].append(label)
    if not read:
        return None
    asks = panel.asks[(panel.asks["cell"] == cell) & (panel.asks["status"] == "answered")]
    asks = asks[asks["gold"].isin(tuple(_CLAIM)) & asks["repeat"].isin({repeat for _, _, repeat in read})]
    turns = asks[FACTOR] if FACTOR in asks else [0] * len(asks)
    own = [
        read.get((str(sample), int(turn), int(repeat)), [])
        for sample, turn, repeat in zip(asks["sample_id"], turns, asks["repeat"], strict=True)
    ]
    if not any(own):
        return None
    claims = asks["gold"].map(_CLAIM)
    said = [
        np.mean([label.verdict == claim for label in group]) if group else np.nan
        for group, claim in zip(own, claims, strict=True)
    ]
    probability = np.array([_probability(group) for group in own])
    right = np.asarray(asks["verdict"] == claims, dtype=np.float64)
    drawn = sampling(list(asks["group"].astype(str)), list(asks["object_class"].astype(str)))
    entered = sum(bool(group) and not np.isnan(one) for group, one in zip(own, probability, strict=True))
    everyone = [label for group in own for label in group]
    return HumanRate(
        cell,
        prediction_powered(right, np.array(said, dtype=np.float64), probability, drawn),
        simple_rate(right, np.zeros(right.size, dtype=np.int64), drawn),
        answers=right.size,
        labels=entered,
        without_probability=sum(map(bool, own)) - entered,
        unsure=sum(label.verdict == "unsure" for label in everyone),
        readers=len({label.annotator for label in everyone}),
    )


def _probability(labels: Sequence[HumanVerdict]) -> float:
    """Return the drawing probability that readers of an answer recorded, NaN where none did. Raises InputError."""
    recorded = {label.probability for label in labels} - {None}
    if len(recorded) > 1:
        raise InputError(
            f"The answer about {labels[0].sample_id!r} has several drawing probabilities "
            f"({', '.join(map(str, sorted(one for one in recorded if one)))}). It was drawn once: give it one."
        )
    return next((one for one in recorded if one is not None), float("nan"))


def human_table(panel: Panel, rates: Sequence[HumanRate], info: ReportInfo) -> RenderableType | None:
    """Draw the accuracy by people beside the scorer's; None where people read nothing."""
    if not rates:
        return None
    table = plain_table()
    table.add_column("cell", overflow="fold")
    for heading in ("by the scorer", "as people read it", "labels"):
        table.add_column(heading, justify="right" if heading == "labels" else "left", no_wrap=True)
    for rate in rates:
        estimates = (with_interval(rate.by_scorer), with_interval(rate.by_people))
        table.add_row(Text(break_name(rate.cell)), *estimates, f"{rate.labels} of {rate.answers}")
    notes = [
        "Pooled accuracy in percent [95 % interval]. As people read it: the scorer's verdicts of all answers,"
        " corrected by the labels (prediction-powered inference, weighted by the drawing probabilities)."
    ]
    lost = sum(rate.without_probability for rate in rates)
    if lost:
        notes.append(f"{lost} labels without a drawing probability do not enter.")
    reasons = dict.fromkeys(rate.by_people.reason for rate in rates if rate.by_people.reason)
    notes += [f"{reason}." for reason in reasons]
    title = heading_text(f"As people read the answers: {table_title(panel, info)}")
    return Group(title, table, *(Text(note, style="dim") for note in notes))


def human_rows(panel: Panel, rates: Sequence[HumanRate]) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row a cell for the CSV file."""
    for rate in rates:
        place: dict[str, Scalar] = {"model": panel.model, "dataset": panel.card, "cell": rate.cell}
        counts: dict[str, Scalar] = {
            "answers": rate.answers,
            "labels": rate.labels,
            "labelled_share": round(rate.labels / rate.answers, 6),
            "labels_without_probability": rate.without_probability,
            "readings_without_claim": rate.unsure,
            "readers": rate.readers,
        }
        yield (
            place
            | fields_of("accuracy_by_scorer", rate.by_scorer)
            | fields_of("accuracy_by_people", rate.by_people)
            | counts
        )
