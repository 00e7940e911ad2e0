"""Which answers are reviewed, and with what probability each was drawn.

Every answer gets a number u, uniform in (0, 1), and a weight w, and is drawn where u / w is below a rate: with
probability min(1, w * rate), whatever becomes of the others, so that answers may still come in. Reviewers take
them in the order of u / w. Where they stop before the end, the u / w of the first answer that nobody has read
takes the rate's place (priority sampling: Duffield, Lund and Thorup, Journal of the ACM 54 (2007) 32).
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from pydantic import TypeAdapter

from vlm_eval.errors import ExperimentError, RunFolderError
from vlm_eval.flow import Answer, Item, Question, Sample
from vlm_eval.runs.items import as_asked
from vlm_eval.runs.judging import read_judgement
from vlm_eval.runs.one_by_one import refuse_views
from vlm_eval.runs.probes import MARK
from vlm_eval.runs.review import LABELS, ReviewLog
from vlm_eval.runs.scores import read_scores
from vlm_eval.runs.store import Store
from vlm_eval.scoring.labels import LabelsScorer
from vlm_eval.scoring.verdict_scorer import VerdictScorer

SAMPLE = 200
TWICE = 50
DISPUTED_WEIGHT = 5.0
_META = "review"
_PAGE = 1024
_SAMPLE = TypeAdapter(Sample)
_QUESTION = TypeAdapter(Question)
_ANSWER = TypeAdapter(Answer)
_CLAIMS = ("anomalous", "normal")
_OF_GRID = f"purpose = 'answer' AND ask.cell NOT IN (SELECT id FROM cell WHERE instr(name, '{MARK}') > 1)"
_UNREAD = (
    "SELECT ask.id, sample.data, ask.question, outcome.data FROM ask JOIN sample ON sample.id = ask.sample "
    f"JOIN outcome USING (request) WHERE ask.id > ? AND {_OF_GRID} AND kind = 'answer' AND NOT EXISTS "
    "(SELECT 1 FROM review WHERE review.ask = ask.id AND action IN ('agreed', 'disputed')) ORDER BY ask.id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Drawing:
    """How the answers of a run are drawn; one for all reviewers."""

    sample: int  # answers that are drawn on average
    seed: int
    rate: float  # probability of drawing an answer of weight 1
    weight: float = DISPUTED_WEIGHT  # of an answer on which scorers disagree; 1 for the others
    twice: int = TWICE  # answers that two reviewers read: the first in order

    def key(self, ask: int, disputed: bool) -> float:
        """Return the place in the order, u / w; an answer is drawn where it is below the rate."""
        digest = sha256(f"{self.seed} {ask}".encode()).digest()
        uniform = (int.from_bytes(digest[:6]) + 0.5) / 2**48
        return uniform / (self.weight if disputed else 1.0)

    def probability(self, disputed: bool, rate: float | None = None) -> float:
        """Return the drawing probability at the rate, or at a lower one where the review stopped."""
        return min(1.0, (self.weight if disputed else 1.0) * (self.rate if rate is None else rate))

    def queue(self, log: ReviewLog) -> dict[int, float]:
        """Return the drawn answers with their keys, in order."""
        keys = ((ask, self.key(ask, disputed)) for ask, disputed in log.disputed.items())
        return dict(sorted(((ask, key) for ask, key in keys if key < self.rate), key=lambda pair: pair[1]))

    def probabilities(self, log: ReviewLog) -> dict[int, float]:
        """Return the probability with which each answer that was read came to be read, as far as is known.

        Answers behind the first one that nobody has seen are left out: that they were read is no result of the
        draw alone. Where answers were skipped, the others stand for them.
        """
        queue = self.queue(log)
        labelled = {ask for said in log.said.values() for ask, reading in said.items() if reading in LABELS}
        seen = {ask for said in log.said.values() for ask in said}
        reached = next((key for ask, key in queue.items() if ask not in seen), self.rate)
        before = [ask for ask, key in queue.items() if key < reached]
        read = [ask for ask in before if ask in labelled]
        share = len(read) / len(before) if before else 1.0
        return {ask: self.probability(log.disputed[ask], reached) * share for ask in read}


def read_drawing(store: Store) -> Drawing | None:
    """Return how a run's answers are drawn; None where no review was begun."""
    recorded = store.get_meta(_META)
    return None if recorded is None else Drawing(**recorded)


def open_drawing(store: Store, log: ReviewLog, sample: int | None = None, seed: int | None = None) -> Drawing:
    """Begin a run's review, or go on with it: with more answers where `sample` is larger than before.

    Args:
        store: the run, opened for writing.
        log: its review.
        sample: answers to draw; 200 where the review begins.
        seed: of the draw; 0 where the review begins.

    Raises:
        ExperimentError: the run has no answers, or asked views one by one, or the review was begun with another
            seed or a larger sample.
        RunFolderError: the run cannot be written.
    """
    refuse_views(store, "a person who reads one answer cannot say whether it is right")
    try:
        log.create()
    except sqlite3.Error as error:
        raise RunFolderError(
            f"The review cannot be kept in {store.folder} ({error}). Copy the run to where you may write."
        ) from error
    found = dict(_find_disputed(store))
    with log.writing():
        before = read_drawing(store)
        weights = [bool(one) for one in (log.disputed | found).values()]
        if not weights:
            raise ExperimentError(
                f"{store.folder} holds no answers yet, so there is nothing to review. Ask first with vlm-eval run."
            )
        drawing = _decide(before, sample, seed, weights, _share_answered(store, len(weights)))
        if drawing != before:
            store.set_meta(_META, asdict(drawing))
        _enter(log, drawing, found)
    return drawing


def _decide(
    before: Drawing | None, sample: int | None, seed: int | None, disputed: Collection[bool], answered: float
) -> Drawing:
    if before is not None and seed not in (None, before.seed):
        raise ExperimentError(f"This run's review was begun with --seed {before.seed}. Leave --seed out to go on.")
    if before is not None and sample is not None and sample < before.sample:
        raise ExperimentError(
            f"This run's review draws {before.sample} answers; --sample {sample} cannot take some back. "
            "Stop earlier instead: the drawing probabilities account for it."
        )
    drawing = before or Drawing(SAMPLE if sample is None else sample, seed or 0, 0.0)
    if before is not None and sample in (None, before.sample):
        return before
    wanted = replace(drawing, sample=sample or drawing.sample)
    rate = find_rate([wanted.weight if one else 1.0 for one in disputed], wanted.sample * answered)
    return replace(wanted, rate=max(rate, drawing.rate))


def find_rate(weights: Sequence[float], expected: float) -> float:
    """Return the rate at which the drawing probabilities min(1, weight * rate) sum to `expected`, at most 1.

    Args:
        weights: of all answers, each at least 1.
        expected: answers to draw on average.
    """
    total = sum(weights)
    for certain, weight in enumerate(sorted(weights, reverse=True)):
        rate = (expected - certain) / total
        if weight * rate <= 1:
            return rate
        total -= weight
    return 1.0


def _share_answered(store: Store, answered: int) -> float:
    planned = store.connection.execute(f"SELECT count(*) FROM ask WHERE {_OF_GRID}").fetchone()[0]
    return float(answered / planned)


def draw_new(store: Store, log: ReviewLog, drawing: Drawing) -> int:
    """Let the answers enter that came since the last time; return how many."""
    found = dict(_find_disputed(store))
    if found:
        with log.writing():
            _enter(log, drawing, found)
    return len(found)


def has_new(store: Store) -> bool:
    """Say whether answers came that are not in the draw yet; only of a run whose review was begun."""
    return store.connection.execute(_UNREAD, (0, 1)).fetchone() is not None


def _enter(log: ReviewLog, drawing: Drawing, found: Mapping[int, bool]) -> None:
    for ask, disputed in found.items():
        if ask not in log.disputed:  # another process may have been faster
            log.append("", ask, "disputed" if disputed else "agreed", drawing.probability(disputed))


def _find_disputed(store: Store) -> Iterator[tuple[int, bool]]:
    """Yield each answer that is not in the draw yet, and whether scorers disagree on it."""
    forced = read_scores(store, "yes-no") | read_scores(store, "yes-no-after-answer")
    read_verdicts, read_labels = VerdictScorer(), LabelsScorer()
    last = 0
    while rows := store.connection.execute(_UNREAD, (last, _PAGE)).fetchall():
        last = rows[-1][0]
        items = [_item(*columns) for _, *columns in rows]
        verdicts, labels = read_verdicts.judge(items), read_labels.judge(items)
        for (ask, *_), verdict, label in zip(rows, verdicts, labels, strict=True):
            score = forced[ask].value if ask in forced else None
            said = {verdict.value, *_claims_of_label(label.value), *_claim_of_score(score), *_stored(store, ask)}
            yield ask, len(said) > 1


def _item(sample: str, question: str, answer: str) -> Item:
    own = _SAMPLE.validate_json(sample)
    return Item(own, as_asked(_QUESTION.validate_json(question), own), _ANSWER.validate_json(answer))


def _claims_of_label(label: object) -> Iterable[str]:
    return () if label is None else ("normal",) if label == "normal" else ("anomalous",)


def _claim_of_score(score: float | None) -> Iterable[str]:
    return () if score is None or score == 0.5 else ("anomalous",) if score > 0.5 else ("normal",)


def _stored(store: Store, ask: int) -> set[str]:
    rows = store.connection.execute(
        "SELECT data FROM judgement WHERE ask = ? AND scorer NOT IN ('human', 'verdict', 'labels')", (ask,)
    )
    values = (read_judgement(data).value for (data,) in rows)
    return {str(value) for value in values if value in _CLAIMS}
