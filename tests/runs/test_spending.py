"""What the answers in a run folder have cost, however they came about."""

import pytest

from vlm_eval.backends.budget import Budget
from vlm_eval.backends.prices import Prices
from vlm_eval.flow import Answer, Capabilities, Failure
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.runs.spending import stored_cost, stored_prices
from vlm_eval.runs.store import Store

PRICES = Prices.model_validate({"scripted:no": {"input": 0, "output": 1000}})  # a dollar a thousand tokens out
MOST = 0.256  # dollars: the 256 tokens that an answer may have


class Replying:
    capabilities = Capabilities()

    def __init__(self, outcome):
        self.outcome = outcome

    def answer(self, requests):
        for request in requests:
            yield request.key, self.outcome


@pytest.fixture
def run(parts, tmp_path):
    """Put one item to a model that ends as told; return what the folder has cost since it was made."""
    plan = make_plan(
        parse_experiment({"dataset": str(parts), "models": ["scripted:no"], "yes_no": False, "limit": 1}, "test")
    )

    def once(outcome):
        execute(plan, tmp_path / "run", open_with=lambda spec, scratch: Replying(outcome))
        with Store(tmp_path / "run") as store:
            return stored_cost(store, Budget(PRICES), plan.specs[0])

    return once


def said(**more):
    return Answer("No.", prompt_tokens=10, completion_tokens=2, **more)


@pytest.mark.parametrize("name", ["scripted:no", "no"])
def test_a_model_is_priced_by_its_name_or_its_checkpoint(run, tmp_path, name):
    run(said())
    prices = Prices.model_validate({name: {"input": 1, "output": 2}, "another": {"input": 3, "output": 4}})
    assert stored_prices(tmp_path / "run", prices) == {"scripted:no": (1, 2)}


def test_an_answer_costs_its_tokens(run):
    assert run(said()) == pytest.approx(0.002)


def test_an_answer_without_a_count_costs_the_most_it_can(run):
    assert run(Answer("No.")) == pytest.approx(MOST)


def test_answers_that_were_lost_are_counted_at_their_most(run):
    assert run(said(lost=2)) == pytest.approx(2 * MOST + 0.002)


def test_what_failures_of_earlier_runs_may_have_cost_is_not_forgotten_when_an_answer_comes(run):
    assert run(Failure("timeout", "slow", attempts=3, lost=3)) == pytest.approx(3 * MOST)
    assert run(Failure("timeout", "slow", attempts=2, lost=1)) == pytest.approx(4 * MOST)
    assert run(Failure("api-error", "refused", attempts=2)) == pytest.approx(4 * MOST)
    assert run(said(lost=1)) == pytest.approx(5 * MOST + 0.002)
