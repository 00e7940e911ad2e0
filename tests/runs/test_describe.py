"""Descriptions of a run's answers, with the shipped fake as the model that describes."""

import pytest

from vlm_eval.backends.budget import Budget
from vlm_eval.backends.prices import Prices
from vlm_eval.backends.registry import parse_model
from vlm_eval.backends.scripted import ScriptedBackend
from vlm_eval.errors import BackendUnavailable
from vlm_eval.flow import Answer, Capabilities, Failure
from vlm_eval.runs.describe import answer_descriptions, describe_prompt, describe_texts, plan_descriptions
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.scoring.descriptions import TABLE, text_hash

ANSWERS = ("There is a scratch at the top.", "Yes, there is a  Scratch on the side.", "There is a dent.", "No.")


class Describing:
    """A backend that describes by a function and counts what it is asked."""

    capabilities = Capabilities()

    def __init__(self, reply):
        self.reply = reply
        self.asked = []

    def answer(self, requests):
        for request in requests:
            self.asked.append(request.prompt.text)
            yield request.key, self.reply(request)


@pytest.fixture
def run(parts, tmp_path):
    experiment = {"dataset": str(parts), "models": ["scripted:no"], "yes_no": False, "scorers": []}
    plan = make_plan(parse_experiment(experiment, "test"))
    number = iter(range(1000))
    backend = ScriptedBackend(lambda request: ANSWERS[next(number) % 4])
    execute(plan, tmp_path / "run", open_with=lambda spec, scratch: backend)
    return tmp_path / "run"


def describe(run, reply, **settings):
    backend = Describing(reply)
    plan = plan_descriptions(run, parse_model("scripted:yes"), **settings)
    return plan, describe_texts(plan, open_with=lambda spec, scratch: backend), backend


def toy(request):
    return Answer("a shallow line in a surface")


def test_each_distinct_text_is_described_once_and_never_again(run):
    plan, result, backend = describe(run, toy)
    assert (plan.answers, plan.without, plan.distinct) == (12, 3, 2)
    assert (result.written, result.open, len(backend.asked)) == (2, 0, 2)
    assert answer_descriptions(run) == {
        text_hash(text): "a shallow line in a surface" for text in ("a scratch", "a dent")
    }
    plan, result, backend = describe(run, toy)
    assert (plan.known, result.written, backend.asked) == (2, 0, [])


def test_the_prompt_shows_examples_and_ends_with_the_text_and_a_space():
    prompt = describe_prompt("A  Dent")
    assert prompt.endswith("\na dent: ") and prompt.count("\n") >= 4


def test_a_failed_call_writes_nothing_and_is_asked_again(run):
    _, result, _ = describe(run, lambda request: Failure("timeout", "too slow"))
    assert (result.written, result.open) == (0, 2)
    assert answer_descriptions(run) == {}
    _, result, _ = describe(run, toy)
    assert result.written == 2


def test_a_refusal_is_no_description(run):
    _, result, _ = describe(run, lambda request: Answer("I cannot", finish="refusal"))
    assert (result.written, result.failed, result.open) == (0, 2, 0)


def test_a_model_that_cannot_be_asked_keeps_what_was_described(run):
    class Leaving(Describing):
        def answer(self, requests):
            yield next(iter(super().answer(requests)))
            raise BackendUnavailable("no credit")

    plan = plan_descriptions(run, parse_model("scripted:yes"))
    result = describe_texts(plan, open_with=lambda spec, scratch: Leaving(toy))
    assert (result.written, result.open, result.unavailable) == (1, 1, "no credit")
    assert len(answer_descriptions(run)) == 1


def test_a_checked_description_is_not_asked_of_another_model(run):
    describe(run, toy)
    table = run / TABLE
    first, second = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text(first.replace("false", "true") + second, encoding="utf-8")
    plan = plan_descriptions(run, parse_model("scripted:no"))
    assert (plan.known, len(plan.requests)) == (1, 1)


def test_a_line_that_a_kill_cut_off_is_made_anew(run):
    describe(run, toy)
    table = run / TABLE
    table.write_bytes(table.read_bytes()[:-30])
    plan, result, _ = describe(run, toy)
    assert (plan.known, result.written) == (1, 1)
    assert len(answer_descriptions(run)) == 2


def test_what_a_budget_does_not_hold_is_left_to_the_next_call(run):
    backend = Describing(lambda request: Answer("a line", prompt_tokens=100, completion_tokens=3))
    spec = parse_model("scripted:yes")
    prices = Prices.model_validate({"scripted:yes": {"input": 1000, "output": 1000}})
    first = describe_texts(
        plan_descriptions(run, spec),
        open_with=lambda spec, scratch: backend,
        budget=Budget(prices, max_cost=0.3),
    )
    assert (first.written, first.open, len(backend.asked)) == (1, 1, 1)
    assert "--max-cost $0.3 would be passed" in first.unavailable
    rest = describe_texts(
        plan_descriptions(run, spec), open_with=lambda spec, scratch: backend, budget=Budget(prices)
    )
    assert (rest.written, rest.open, len(backend.asked)) == (1, 0, 2)


def test_nothing_is_described_after_the_time_is_over(run):
    backend = Describing(toy)
    clock = iter([0.0, 61.0]).__next__
    plan = plan_descriptions(run, parse_model("scripted:yes"))
    result = describe_texts(
        plan, open_with=lambda spec, scratch: backend, budget=Budget(max_minutes=1, clock=clock)
    )
    assert (result.written, result.open, backend.asked) == (0, 2, [])
    assert "--max-minutes 1 is over" in result.unavailable
