"""What a judge's replies say: grades by answer, preferences by pair, and how far people agree.

Grades become judgements beside the others of the run, under the name `judge:<model>`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from vlm_eval.flow import Answer, Failure, Judgement, Outcome, Sample
from vlm_eval.metrics.agreement import Agreement, agreement
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.metrics.sampling import sampling
from vlm_eval.runs.judge import Address, Place, Rubric, stored_answers
from vlm_eval.runs.store import Store
from vlm_eval.scoring.human import HumanVerdict
from vlm_eval.scoring.judge_reading import (
    CRITERIA,
    VERSION,
    Criterion,
    Grade,
    Preference,
    combine_orders,
    grade_outcome,
    judgement_of,
)

_ANSWER = TypeAdapter(Answer)
_FAILURE = TypeAdapter(Failure)
_JUDGEMENT = TypeAdapter(Judgement)
_SAMPLE = TypeAdapter(Sample)

Criteria = Sequence[Criterion]
Grades = Mapping[Address, Mapping[Criterion, Grade]]


@dataclass(frozen=True, slots=True)
class PairedResult:
    """Which of two cells' answers a judge prefers. A pair whose winner depends on the order is not scored."""

    pairs: int
    first: int
    second: int
    ties: int
    depends_on_order: int
    abstained: Mapping[str, int]  # other reasons: a failed call, a reply that cannot be read
    share: Estimate  # of the first cell among the pairs with a winner or a tie, a tie counting half


def read_grades_of(
    folder: Path, criteria: Sequence[Criterion] = CRITERIA
) -> dict[Address, dict[Criterion, Grade]]:
    """Read a judge's grades by answer; a failed or open call abstains. Raises RunFolderError."""
    grades = {}
    for sample, cell, number, repeat, outcome in _outcomes(folder):
        model, _, name = cell.rpartition("::")
        grades[Address(model, name, sample.id, number, repeat)] = grade_outcome(outcome, criteria)
    return grades


def keep_grades(run: Path, judge: str, rubric: Rubric, grades: Grades) -> int:
    """Write grades as judgements of the run, named `judge:<model>`; return how many.

    Their version names the reader and the rubric. A call that is still to be asked is no judgement; one that
    failed is an abstention until it is asked again.
    """
    rows = []
    with Store(run, write=True) as store:
        for ask, *place in store.connection.execute(
            "SELECT ask.id, model.name, cell.name, sample_id, round, repeat FROM ask "
            "JOIN model ON model.id = ask.model JOIN cell ON cell.id = ask.cell "
            "JOIN sample ON sample.id = ask.sample WHERE purpose = 'answer'"
        ):
            found = grades.get(Address(*place))
            judgement = None if found is None else judgement_of(found, next(iter(found)))
            if judgement is not None and judgement.reason != "not-asked":
                data = _JUDGEMENT.dump_json(judgement).decode()
                rows.append((ask, f"judge:{judge}", f"{VERSION}+{rubric.digest}", data))
        store.connection.execute("BEGIN IMMEDIATE")
        store.connection.executemany("INSERT OR REPLACE INTO judgement VALUES (?, ?, ?, ?)", rows)
        store.connection.execute("COMMIT")
    return len(rows)


def read_preferences_of(folder: Path) -> dict[Place, Preference]:
    """Read which of two answers a judge prefers, by (sample id, round, repeat). Raises RunFolderError."""
    return {place: preference for place, (preference, _) in _preferences(folder).items()}


def _preferences(folder: Path) -> dict[Place, tuple[Preference, Sample]]:
    orders: dict[Place, dict[int, Outcome | None]] = defaultdict(dict)
    samples: dict[Place, Sample] = {}
    for sample, _, number, repeat, outcome in _outcomes(folder):
        place = (sample.id, number, repeat // 2)
        orders[place][repeat % 2] = outcome
        samples[place] = sample
    return {place: (combine_orders(found.get(0), found.get(1)), samples[place]) for place, found in orders.items()}


def compare_pairs(folder: Path) -> PairedResult:
    """Count a judge's preferences; the interval holds for items in clusters. Raises RunFolderError."""
    found = list(_preferences(folder).values())
    worth = {"first": 1.0, "second": 0.0, "tie": 0.5}
    scored = [(worth[preference.winner], sample.group) for preference, sample in found if preference.winner]
    winners = Counter(preference.winner for preference, _ in found)
    reasons = Counter(preference.reason for preference, _ in found if preference.reason)
    return PairedResult(
        len(found),
        winners["first"],
        winners["second"],
        winners["tie"],
        reasons.pop("depends-on-order", 0),
        dict(reasons),
        mean_of([value for value, _ in scored], [group for _, group in scored]),
    )


def mean_of(values: Sequence[float], groups: Sequence[str]) -> Estimate:
    """Estimate a mean of values in [0, 1] over items in clusters, with its 95 % interval."""
    if not values:
        return Estimate(None, items=0, reason="nothing was scored")
    parts = np.zeros(len(values), dtype=np.int64)
    return simple_rate(np.array(values, dtype=np.float64), parts, sampling(groups, ["" for _ in groups]))


def _outcomes(folder: Path) -> Iterator[tuple[Sample, str, int, int, Outcome | None]]:
    with Store(folder) as store:
        rows = store.connection.execute(
            "SELECT sample.data, cell.name, ask.round, ask.repeat, outcome.kind, outcome.data FROM ask "
            "JOIN sample ON sample.id = ask.sample JOIN cell ON cell.id = ask.cell "
            "LEFT JOIN outcome USING (request) ORDER BY ask.id"
        ).fetchall()
    for sample, cell, number, repeat, kind, data in rows:
        outcome: Outcome | None = None
        if kind is not None:
            outcome = _ANSWER.validate_json(data) if kind == "answer" else _FAILURE.validate_json(data)
        yield _SAMPLE.validate_json(sample), cell, number, repeat, outcome


def agreement_with_people(run: Path, grades: Grades, verdicts: Sequence[HumanVerdict]) -> Agreement:
    """Compare what a judge and people say that answers claim, on the answers that both judged.

    The judge's verdict grade says whether the claim is right; with the truth, that is the claim. A judge's
    abstention, a person's "unsure" and people who disagree are the label None.
    """
    said: dict[tuple[object, ...], set[str | None]] = defaultdict(set)
    for one in verdicts:
        said[(one.model, *one.address)].add(None if one.verdict == "unsure" else one.verdict)
    judged, human = [], []
    for stored in stored_answers(run):
        at = stored.address
        places = [(m, at.sample_id, c, at.round, at.repeat) for m in (at.model, None) for c in (at.cell, None)]
        labels = next((said[place] for place in places if place in said), None)
        if labels is None or at not in grades or grades[at]["verdict"].reason == "not-asked":
            continue
        met = grades[at]["verdict"].met
        claims = None if met is None else (met == (stored.sample.gold.anomalous == "yes"))
        judged.append(None if claims is None else "anomalous" if claims else "normal")
        human.append(next(iter(labels)) if len(labels) == 1 else None)
    return agreement(judged, human, ("anomalous", "normal"))
