"""Sentinel items: asked at the start and at the end, in whatever way a run is stopped, and in no other number."""

import sqlite3
from collections import Counter

import pytest

from vlm_eval.backends.budget import Budget
from vlm_eval.backends.prices import Prices
from vlm_eval.errors import InputError
from vlm_eval.flow import Answer, Capabilities, Failure
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.forecast import forecast
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.plan import find_notes, make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.runs.sentinels import FIRST, LAST, choose_sentinels, read_sentinels
from vlm_eval.runs.store import Store


class Recording:
    """A backend that notes what it is asked, by the repeat that stands in the key."""

    capabilities = Capabilities()

    def __init__(self, reply=lambda number, request: Answer("No.")):
        self.reply = reply
        self.asked = []

    def answer(self, requests):
        for request in requests:
            self.asked.append(request)
            yield request.key, self.reply(len(self.asked), request)


def plan_of(parts, **changes):
    given = {"dataset": str(parts), "models": ["scripted:no"], "yes_no": False, "grid": {"reference": [0, 1]}}
    return make_plan(parse_experiment({**given, "sentinels": 4, **changes}, "test"))


def run_with(plan, folder, backend, **more):
    return execute(plan, folder, open_with=lambda spec, scratch: backend, **more)


def sentinels_of(folder):
    with Store(folder) as store:
        return read_sentinels(store)


def test_they_come_before_and_after_all_others_with_keys_of_their_own(parts, tmp_path):
    backend = Recording()
    assert run_with(plan_of(parts), tmp_path / "run", backend).answered == 22 + 8
    repeats = [request.repeat for request in backend.asked]
    assert repeats == [FIRST] * 4 + [0] * 22 + [LAST] * 4
    assert len({request.key for request in backend.asked}) == 30
    first, usual, last = backend.asked[:4], backend.asked[4:26], backend.asked[26:]
    assert [one.prompt for one in first] == [one.prompt for one in last]
    assert {one.prompt for one in first} <= {one.prompt for one in usual}


def test_they_are_off_by_default_and_the_keys_of_the_others_do_not_change(parts, tmp_path):
    plain, watched = Recording(), Recording()
    run_with(plan_of(parts, sentinels=None), tmp_path / "plain", plain)
    run_with(plan_of(parts), tmp_path / "watched", watched)
    assert {request.repeat for request in plain.asked} == {0}
    assert {one.key for one in plain.asked} == {one.key for one in watched.asked if one.repeat == 0}


def test_no_table_of_answers_and_no_scorer_sees_them(parts, tmp_path):
    run_with(plan_of(parts), tmp_path / "run", Recording())
    frame = read_frame(tmp_path / "run")
    assert len(frame) == 22
    assert set(frame["repeat"]) == {0}
    with sqlite3.connect(tmp_path / "run" / "run.sqlite") as connection:
        judged = connection.execute(
            "SELECT purpose, count(DISTINCT ask) FROM judgement JOIN ask ON ask.id = judgement.ask GROUP BY 1"
        ).fetchall()
    assert judged == [("answer", 22)]


def test_both_answers_of_an_item_are_read_with_verdict_model_and_time(parts, tmp_path):
    def drifting(number, request):
        late = request.repeat == LAST
        return Answer("Yes, a scratch." if late else "No.", served_model="b" if late else "a")

    run_with(plan_of(parts), tmp_path / "run", Recording(drifting))
    found = sentinels_of(tmp_path / "run")
    assert len(found) == 4
    assert {(one.first.verdict, one.last.verdict) for one in found} == {("normal", "anomalous")}
    assert {(one.first.served_model, one.last.served_model) for one in found} == {("a", "b")}
    assert all(one.first.at < one.last.at for one in found)
    assert {one.cell for one in found} == {plan_of(parts).cells[0].name}


def test_a_finished_run_asks_none_again(parts, tmp_path):
    run_with(plan_of(parts), tmp_path / "run", Recording())
    again = Recording()
    run_with(plan_of(parts), tmp_path / "run", again)
    assert again.asked == []


def test_a_run_that_is_broken_off_keeps_its_first_pass_and_asks_the_last_one_at_its_end(parts, tmp_path):
    def dies(number, request):
        if number == 12:
            raise KeyboardInterrupt
        return Answer("No.")

    assert run_with(plan_of(parts), tmp_path / "run", Recording(dies)).stopped
    assert all(one.first and not one.last for one in sentinels_of(tmp_path / "run"))
    rest = Recording()
    assert run_with(plan_of(parts), tmp_path / "run", rest).open == 0
    assert [request.repeat for request in rest.asked] == [0] * (22 - 7) + [LAST] * 4


def test_a_sentinel_that_failed_is_asked_again_by_the_next_run(parts, tmp_path):
    def fails_first(number, request):
        return Failure("timeout", "slow") if request.repeat == FIRST else Answer("No.")

    assert run_with(plan_of(parts), tmp_path / "run", Recording(fails_first)).open == 4
    again = Recording()
    assert run_with(plan_of(parts), tmp_path / "run", again).open == 0
    assert [request.repeat for request in again.asked] == [FIRST] * 4


def test_a_run_may_grow_and_lose_its_sentinels_without_losing_their_answers(parts, tmp_path):
    run_with(plan_of(parts, limit=6), tmp_path / "run", Recording())
    more = Recording()
    run_with(plan_of(parts), tmp_path / "run", more)
    assert Counter(request.repeat for request in more.asked)[0] == 10
    both = [one for one in sentinels_of(tmp_path / "run") if one.first and one.last]
    assert 4 <= len(both) <= 8
    run_with(plan_of(parts, sentinels=None), tmp_path / "run", Recording())
    assert [one for one in sentinels_of(tmp_path / "run") if one.first and one.last] == both


def test_the_choice_hangs_on_the_seed_alone_and_fewer_are_the_first_of_more(parts):
    samples = plan_of(parts).samples
    chosen = choose_sentinels(samples, 6, seed=3)
    assert choose_sentinels(samples[::-1], 6, seed=3) == chosen
    assert choose_sentinels(samples, 4, seed=3) == chosen[:4]
    assert choose_sentinels(samples, 6, seed=4) != chosen
    assert len(choose_sentinels(samples, 50, seed=0)) == len(samples)


def test_a_forecast_counts_and_prices_them(parts, tmp_path):
    prices = Prices.model_validate({"scripted:no": {"input": 1, "output": 1}})
    (plain,) = forecast(plan_of(parts, sentinels=None), tmp_path / "run", prices).models
    (watched,) = forecast(plan_of(parts), tmp_path / "run", prices).models
    assert (watched.requests, watched.asks) == (plain.requests + 8, plain.asks + 8)
    assert watched.tokens_out == plain.tokens_out + 8 * 256
    assert watched.cost > plain.cost
    said = " ".join(find_notes(plan_of(parts)))
    assert "4 sentinel items are asked at the start and again at the end" in said


def test_a_budget_that_ends_midway_leaves_the_last_pass_to_the_next_run(parts, tmp_path):
    answer = Answer("No.", prompt_tokens=10, completion_tokens=10)
    prices = Prices.model_validate({"scripted:no": {"input": 1000, "output": 1000}})
    backend = Recording(lambda number, request: answer)
    result = run_with(plan_of(parts), tmp_path / "run", backend, budget=Budget(prices, max_cost=1.0))
    assert result.unavailable
    assert {request.repeat for request in backend.asked} == {FIRST, 0}
    assert len(backend.asked) * 0.02 <= 1.0


@pytest.mark.parametrize("model", ["replay:{answers}", "baseline:patch-nn"])
def test_what_cannot_drift_is_not_asked_for_it(parts, tmp_path, model):
    answers = tmp_path / "answers.csv"
    answers.write_text("sample_id,answer\n")
    more = {"support": 2} if model.startswith("baseline") else {}
    plan = plan_of(parts, models=[model.format(answers=answers)], **more)
    assert not [ask for ask in plan.asks() if ask.purpose == "sentinel"]


def test_a_batch_that_asks_everything_at_once_is_refused(parts, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")
    with pytest.raises(InputError, match="sentinels would show no drift"):
        plan_of(parts, models=[{"model": "openai:gpt-4o", "options": {"batch": True}}])
