"""A review: what is drawn and with what probability, who is handed what, and what follows for the report."""

import csv
import sqlite3
from collections import Counter
from dataclasses import asdict, replace
from itertools import product

import numpy as np
import pytest
from PIL import Image

from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import ExperimentError, InputError, RunFolderError
from vlm_eval.runs import review_desk
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.human import read_human
from vlm_eval.runs.imported import Polarity, import_answers
from vlm_eval.runs.judging import rescore
from vlm_eval.runs.review import ReviewLog
from vlm_eval.runs.review_desk import Desk
from vlm_eval.runs.review_draw import Drawing, find_rate, open_drawing
from vlm_eval.runs.review_verdicts import read_progress, read_reviews, verdicts_of, write_reviews
from vlm_eval.runs.store import Store

ITEMS = 60
DISPUTED = range(0, ITEMS, 6)  # whose answers a second scorer reads otherwise


def answer_of(number):
    return "Yes, there is a crack." if number % 2 else "No defects."


@pytest.fixture
def make_run(tmp_path):
    """Return a function that makes a run of answers, some of them disputed."""

    def make(numbers=range(ITEMS), name="run"):
        for kind, number in product(("normal", "anomalous"), range(ITEMS // 2)):
            file = tmp_path / "parts" / kind / f"{number:02d}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (4 * number, 90 if kind == "normal" else 0, 0)).save(file)
        table = tmp_path / f"{name}.csv"
        with table.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["sample_id", "answer", "model", "cell"])
            for number in numbers:
                kind = ("normal", "anomalous")[number % 2]
                writer.writerow([f"{kind}/{number // 2:02d}.png", answer_of(number), "m", "task"])
        data = load_dataset(str(tmp_path / "parts"))
        import_answers(table, data, tmp_path / name, columns=None, polarity=Polarity())
        with Store(tmp_path / name, write=True) as store:
            rows = store.connection.execute("SELECT ask.id, sample_id FROM ask JOIN sample ON sample.id = sample")
            for ask, sample in rows.fetchall():
                number = 2 * int(sample[-6:-4]) + ("anomalous" in sample)
                if number in DISPUTED:
                    store.connection.execute(
                        "INSERT INTO judgement VALUES (?, 'judge', '1', ?)", (ask, '{"value": "anomalous"}')
                    )
        return tmp_path / name

    return make


class Office:
    """A run's store with a review, and desks at it."""

    def __init__(self, folder, sample=None, seed=None):
        self.store = Store(folder, write=True)
        self.log = ReviewLog(self.store)
        self.drawing = open_drawing(self.store, self.log, sample, seed)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.store.close()

    def desk(self, name="ann"):
        return Desk(self.store, self.log, self.drawing, name)

    def read_twice(self, answers):
        self.drawing = replace(self.drawing, twice=answers)
        self.store.set_meta("review", asdict(self.drawing))

    def events(self):
        return self.store.connection.execute(
            "SELECT reviewer, ask, action, probability FROM review WHERE reviewer <> '' ORDER BY id"
        ).fetchall()


def read_all(desk, reading="yes", most=10_000):
    """Read until nothing is left; return what was read."""
    asks = []
    place = desk.place()
    while place.ask is not None and len(asks) < most:
        asks.append(place.ask)
        place = desk.say(place.ask, reading(place.ask) if callable(reading) else reading)
    return asks


def test_disputed_answers_are_drawn_five_times_as_likely(make_run):
    folder = make_run()
    found = Counter()
    for seed in range(40):
        with Store(folder, write=True).copy_in_memory() as store:
            log = ReviewLog(store)
            drawing = open_drawing(store, log, 12, seed)
            assert sum(log.disputed.values()) == len(DISPUTED)
            chances = {drawing.probability(True), drawing.probability(False)}
            assert max(chances) == pytest.approx(5 * min(chances))
            assert sum(map(drawing.probability, log.disputed.values())) == pytest.approx(12)
            found.update(log.disputed[ask] for ask in drawing.queue(log))
    # 10 disputed answers at 0.6 and 50 others at 0.12, 40 times: 240 of each, give or take 3 standard deviations.
    assert abs(found[True] - 240) < 3 * np.sqrt(400 * 0.6 * 0.4)
    assert abs(found[False] - 240) < 3 * np.sqrt(2000 * 0.12 * 0.88)


@pytest.mark.parametrize(
    "weights, expected", [([1] * 10, 4), ([5, 5, 1, 1, 1], 3), ([5] * 3 + [1] * 7, 9), ([5, 1], 2)]
)
def test_the_rate_makes_the_probabilities_sum_to_what_is_wanted(weights, expected):
    rate = find_rate(weights, expected)
    assert sum(min(1, weight * rate) for weight in weights) == pytest.approx(expected)


def test_more_than_there_is_means_all_of_it():
    assert find_rate([1, 5], 100) == 1


def test_each_keystroke_is_an_event_with_reviewer_answer_and_probability(make_run):
    with Office(make_run(), 20) as office:
        desk = office.desk()
        first = desk.place().ask
        second = desk.say(first, "no").ask
        chance = {ask: office.drawing.probability(office.log.disputed[ask]) for ask in (first, second)}
        assert office.events() == [
            ("ann", first, "show", None),
            ("ann", first, "no", chance[first]),
            ("ann", second, "show", None),
        ]


def test_events_can_be_neither_changed_nor_deleted(make_run):
    with Office(make_run()) as office:
        read_all(office.desk(), most=2)
        for statement in ("UPDATE review SET action = 'no'", "DELETE FROM review"):
            with pytest.raises(sqlite3.IntegrityError, match="events of a review"):
                office.store.connection.execute(statement)


def test_an_event_outside_a_transaction_is_refused(make_run):
    with Office(make_run()) as office, pytest.raises(sqlite3.Error, match="writing"):
        office.log.append("ann", 1, "yes")


def test_undo_takes_back_the_last_one_and_shows_it_again(make_run):
    with Office(make_run()) as office:
        desk = office.desk()
        first, second = read_all(desk, most=2)
        assert desk.undo().ask == second
        assert desk.undo().ask == first
        assert desk.undo() is None
        place = desk.say(first, "hedged")
        assert (place.ask, place.read) == (second, 1)
        actions = [action for _, _, action, _ in office.events() if action != "show"]
        assert actions == ["yes", "yes", "undo", "undo", "hedged"]


def test_a_key_pressed_twice_does_not_judge_the_next_answer(make_run):
    with Office(make_run()) as office:
        desk = office.desk()
        first = desk.place().ask
        assert desk.say(first, "yes") is not None
        assert desk.say(first, "yes") is None
        assert desk.say(999_999, "yes") is None
        assert len(office.log.said["ann"]) == 1


def test_the_first_answers_go_to_two_reviewers_and_the_rest_to_one(make_run):
    with Office(make_run(), 60) as office:
        office.read_twice(10)
        queue = list(office.drawing.queue(office.log))
        assert len(queue) == 60
        ann, bob = read_all(office.desk("ann"), most=30), read_all(office.desk("bob"))
        ann += read_all(office.desk("ann"))  # the one that she had at hand
        assert set(ann) & set(bob) == set(queue[:10])
        assert set(ann) | set(bob) == set(queue)
        assert len(ann) + len(bob) == 70
        assert office.desk("eve").place().ask is None


def test_two_who_read_at_the_same_time_are_handed_different_answers_beyond_the_shared_ones(make_run):
    with Office(make_run(), 60) as office:
        office.read_twice(0)
        ann, bob = office.desk("ann"), office.desk("bob")
        assert ann.place().ask != bob.place().ask


def test_what_somebody_left_open_is_handed_on_after_a_while(make_run, monkeypatch):
    with Office(make_run(), 60) as office:
        office.read_twice(0)
        left = office.desk("ann").place().ask
        monkeypatch.setattr(review_desk, "LEASE_SECONDS", 0.0)
        assert office.desk("bob").place().ask == left


def test_two_stores_at_one_run_see_what_the_other_saved(make_run):
    folder = make_run()
    with Office(folder, 60) as one, Office(folder) as other:
        assert one.drawing == other.drawing
        ann, bob = one.desk("ann"), other.desk("bob")
        for _ in range(3):
            ann.say(ann.place().ask, "yes")
            bob.say(bob.place().ask, "no")
        one.log.read()
        assert {name: len(said) for name, said in one.log.said.items()} == {"ann": 3, "bob": 3}


def test_a_reviewer_who_comes_back_goes_on_with_the_answer_that_was_shown(make_run):
    folder = make_run()
    with Office(folder) as office:
        shown = office.desk().place().ask
    with Office(folder) as office:
        assert office.desk().place().ask == shown


def test_answers_that_come_later_enter_the_draw(make_run):
    folder = make_run(range(0, 30))
    with Office(folder, 60) as office:
        desk = office.desk()
        read_all(desk)
        assert desk.place().left == 0
        kept = office.store.connection.execute("SELECT request, kind, data, at FROM outcome LIMIT 1").fetchone()
        ask = office.store.connection.execute("SELECT * FROM ask WHERE request = ?", (kept[0],)).fetchone()
        late = (9_999, *ask[1:5], 7, *ask[6:])  # a further repeat
        office.store.connection.execute(f"INSERT INTO ask VALUES ({', '.join('?' * len(late))})", late)
        assert verdicts_of(office.store)
        office.log.read()
        assert 9_999 in office.log.disputed


def test_a_review_that_stopped_half_way_is_as_if_it_had_drawn_fewer():
    """The weighted count is right on average, although disputed answers come first and reading stops early."""
    estimates = []
    for seed in range(300):
        drawing = Drawing(30, seed, 0.4)
        log = _Log({ask: ask % 6 == 0 for ask in range(60)})
        queue = list(drawing.queue(log))
        log.said = {"ann": {ask: "no" if ask % 6 == 0 else "yes" for ask in queue[:8]}}
        chances = drawing.probabilities(log)
        assert set(chances) == set(queue[:8])
        estimates.append(sum((ask % 6 == 0) / chance for ask, chance in chances.items()))
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - 10) < 3 * error


class _Log:
    def __init__(self, disputed):
        self.disputed = disputed
        self.said = {}


def test_an_answer_read_behind_one_that_nobody_has_seen_has_no_probability():
    log = _Log(dict.fromkeys(range(40), False))
    drawing = Drawing(20, 0, 0.5)
    queue = list(drawing.queue(log))
    log.said = {"ann": {queue[0]: "yes", queue[1]: "no", queue[3]: "yes"}}
    assert list(drawing.probabilities(log)) == queue[:2]
    log.said["bob"] = {queue[2]: "no"}
    assert list(drawing.probabilities(log)) == queue[:4]


def test_where_all_is_read_the_probability_is_the_drawing_one_and_skipped_answers_are_stood_for():
    log = _Log(dict.fromkeys(range(40), False))
    drawing = Drawing(20, 0, 0.5)
    queue = list(drawing.queue(log))
    log.said = {"ann": dict.fromkeys(queue, "yes")}
    assert set(drawing.probabilities(log).values()) == {0.5}
    log.said["ann"] |= {queue[0]: "skip"}
    kept = (len(queue) - 1) / len(queue)
    (chance,) = set(drawing.probabilities(log).values())
    assert chance == pytest.approx(0.5 * kept)


def test_the_sample_may_grow_and_what_was_read_comes_first(make_run):
    folder = make_run()
    with Office(folder, 10) as office:
        before = read_all(office.desk())
    with Office(folder, 30) as office:
        assert list(office.drawing.queue(office.log))[: len(before)] == before
        assert len(office.drawing.queue(office.log)) > len(before)
        assert sum(map(office.drawing.probability, office.log.disputed.values())) == pytest.approx(30)


def test_a_reviewer_at_work_gets_what_another_one_asked_for(make_run, monkeypatch):
    monkeypatch.setattr(review_desk, "_LOOK_SECONDS", 0.0)
    folder = make_run()
    with Office(folder, 10) as office:
        desk = office.desk()
        before = desk.place().left
        Office(folder, 40).store.close()
        assert desk.place().left > before


def test_a_run_that_cannot_be_written_is_one_message(make_run):
    with Store(make_run()) as store, pytest.raises(RunFolderError, match="cannot be kept in"):
        open_drawing(store, ReviewLog(store))


def test_a_finished_review_is_read_without_writing(make_run):
    folder = make_run()
    with Office(folder, 60) as office:
        read_all(office.desk())
    before = (folder / "run.sqlite").read_bytes()
    assert len(read_reviews(folder)) == 60
    assert (folder / "run.sqlite").read_bytes() == before


def test_a_smaller_sample_or_another_seed_is_refused(make_run):
    folder = make_run()
    Office(folder, 10, 3).store.close()
    with pytest.raises(ExperimentError, match="draws 10 answers; --sample 5 cannot"):
        Office(folder, 5)
    with pytest.raises(ExperimentError, match="--seed 3"):
        Office(folder, 10, 4)


def test_a_run_without_answers_says_so(make_run):
    with pytest.raises(ExperimentError, match="holds no answers yet"):
        folder = make_run()
        with Store(folder, write=True) as store:
            store.connection.execute("DELETE FROM outcome")
        Office(folder)


def test_progress_and_agreement_are_told(make_run):
    folder = make_run()
    with Office(folder, 60) as office:
        read_all(office.desk("ann"), "yes")
        queue = list(office.drawing.queue(office.log))
        wrong = set(queue[:10])
        read_all(office.desk("bob"), lambda ask: "no" if ask in wrong else "yes")
    progress = read_progress(folder)
    assert (progress.answers, progress.drawn, progress.labelled, progress.unseen) == (60, 60, 60, 0)
    assert progress.readings["ann"] == {"yes": 60, "no": 0, "hedged": 0, "skip": 0}
    assert progress.read_twice == progress.twice == 50
    found = progress.pairs["ann", "bob"]
    assert (found.items, found.agreed) == (50, 40)
    assert found.observed == pytest.approx(0.8)
    assert found.cohen_kappa == pytest.approx(0)


def test_verdicts_are_written_as_the_file_that_report_and_scorer_read(make_run, tmp_path):
    folder = make_run()
    with Office(folder, 60) as office:
        read_all(office.desk("ann"), "yes")
        read_all(office.desk("bob"), "hedged")
    verdicts = read_reviews(folder)
    write_reviews(verdicts, tmp_path / "human.csv")
    assert sorted(read_human(tmp_path / "human.csv", read_frame(folder)), key=str) == sorted(verdicts, key=str)
    assert Counter(one.verdict for one in verdicts) == {"anomalous": 60, "unsure": 50}
    assert {one.probability for one in verdicts} == {1.0}
    with Store(folder, write=True) as store:
        change = rescore(store, [f"human:{tmp_path / 'human.csv'}"])[0]
    assert (change.total, change.abstained, change.note) == (60, 50, "")
    assert change.reasons == {"people-disagree": 50}


def test_what_was_not_reviewed_is_one_message(make_run):
    folder = make_run()
    with pytest.raises(InputError, match=r"No review of .* was begun"):
        read_reviews(folder)
    with pytest.raises(InputError, match=r"No review of .* was begun"):
        read_progress(folder)
    Office(folder).store.close()
    with pytest.raises(InputError, match="Nothing was reviewed yet"):
        read_reviews(folder)


def test_answers_to_probes_are_not_drawn(make_run):
    run = make_run()
    with Store(run, write=True) as store:
        columns = [row[1] for row in store.connection.execute("PRAGMA table_info(cell)")][1:]
        copied = ["'task ~ blur'" if name == "name" else name for name in columns]
        store.connection.execute(f"INSERT INTO cell ({', '.join(columns)}) SELECT {', '.join(copied)} FROM cell")
        store.connection.execute("UPDATE ask SET cell = (SELECT max(id) FROM cell) WHERE id % 3 = 0")
        kept = {ask for (ask,) in store.connection.execute("SELECT id FROM ask WHERE id % 3 > 0")}
    with Office(run, sample=20) as office:
        assert set(office.log.disputed) == kept
        drawn = [office.drawing.probability(disputed) for disputed in office.log.disputed.values()]
        assert sum(drawn) == pytest.approx(20)
