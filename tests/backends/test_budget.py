"""What a run may cost: limits that are never passed, whatever pictures turn out to cost."""

import pytest

from vlm_eval.backends.budget import Budget
from vlm_eval.backends.prices import Price, Prices, estimate_tokens
from vlm_eval.backends.registry import open_backend, parse_model
from vlm_eval.errors import BackendUnavailable, ExperimentError
from vlm_eval.flow import Answer, BackendSpec, Capabilities, Failure, Model

SPEC = BackendSpec(Model("openai", "m"))
PRICES = Prices({"m": Price(input=1e6, output=1e6)})  # a dollar a token


class Charging:
    """A backend with several requests in flight, that answers the oldest and writes its bill."""

    capabilities = Capabilities()

    def __init__(self, bill, in_flight=5):
        self.bill, self.in_flight = bill, in_flight
        self.charged, self.asked, self.most = 0, [], 0

    def answer(self, requests):
        source, waiting = iter(requests), []
        while True:
            while len(waiting) < self.in_flight and (request := next(source, None)) is not None:
                waiting.append(request)
                self.asked.append(request.key)
            self.most = max(self.most, len(waiting))
            if not waiting:
                return
            request = waiting.pop(0)
            outcome = self.bill(request)
            if isinstance(outcome, Answer):
                self.charged += outcome.prompt_tokens + outcome.completion_tokens
            yield request.key, outcome


def answer(tokens_in, tokens_out=1):
    return lambda request: Answer("No.", prompt_tokens=tokens_in, completion_tokens=tokens_out)


def spend(backend, requests, **limits):
    """Ask under limits; return the outcomes, why it stopped, and the budget."""
    budget = Budget(PRICES, **limits)
    outcomes, reason = [], ""
    try:
        for pair in budget.guard(SPEC, backend).answer(requests):
            outcomes.append(pair)
    except BackendUnavailable as error:
        reason = str(error)
    return outcomes, reason, budget


def questions(make, count, *parts):
    return [make.request(f"x{number}", *parts, max_tokens=10) for number in range(count)]


def test_everything_is_asked_in_order_where_the_budget_holds_it(make):
    backend = Charging(answer(5))
    requests = questions(make, 20)
    outcomes, reason, budget = spend(backend, iter(requests), max_cost=1000)
    assert [key for key, _ in outcomes] == [request.key for request in requests]
    assert (reason, budget.spent, budget.reserved) == ("", 20 * 6, 0)
    assert backend.most == 5


@pytest.mark.parametrize("limit", [16, 17, 40, 100, 113.5])
def test_the_limit_is_never_passed_and_all_of_it_is_used_that_can_be(make, limit):
    backend = Charging(answer(5, 3))
    outcomes, reason, budget = spend(backend, questions(make, 100), max_cost=limit)
    assert 0 < backend.charged == budget.spent <= limit
    assert budget.spent + estimate_tokens(questions(make, 1)[0].prompt) * 1.1 + 10 > limit
    assert len(outcomes) == len(backend.asked) < 100
    assert f"--max-cost ${limit:g} would be passed" in reason
    assert "higher --max-cost to go on" in reason


def test_pictures_that_count_thirty_times_the_estimate_do_not_pass_the_limit(make):
    backend = Charging(answer(255 * 30), in_flight=64)
    requests = questions(make, 200, make.picture(1))
    _, reason, _ = spend(backend, requests, max_cost=100_000)
    assert 60_000 < backend.charged <= 100_000
    assert reason


def test_a_first_prompt_without_a_picture_teaches_nothing_about_pictures(make):
    plain, shown = questions(make, 1), questions(make, 200, make.picture(1))
    backend = Charging(lambda request: answer(255 * 30 if request.prompt.views else 5)(request), in_flight=64)
    spend(backend, plain + shown, max_cost=20_000)
    assert backend.charged <= 20_000


def test_nothing_is_asked_where_not_even_one_request_fits(make):
    backend = Charging(answer(5))
    outcomes, reason, _ = spend(backend, questions(make, 5), max_cost=3)
    assert (outcomes, backend.asked) == ([], [])
    assert reason


def test_an_answer_without_a_token_count_is_charged_at_its_most(make):
    backend = Charging(lambda request: Failure("timeout", "gone", lost=2))
    request = make.request("x", max_tokens=10)
    most = estimate_tokens(request.prompt) + 10
    _, _, budget = spend(backend, [request], max_cost=1000)
    assert budget.spent == 2 * most
    silent = Budget(PRICES).meter(SPEC)
    assert silent.cost(request, Answer("No.")) == most
    assert silent.cost(request, Failure("api-error", "HTTP 429")) == 0


def test_nothing_new_is_asked_when_the_time_is_over_and_what_is_in_flight_is_waited_for(make):
    now = iter(range(0, 10_000, 6))
    backend = Charging(answer(5))
    outcomes, reason, _ = spend(backend, questions(make, 100), max_minutes=1, clock=lambda: next(now))
    assert 0 < len(outcomes) == len(backend.asked) < 12
    assert "--max-minutes 1 is over" in reason


def test_a_limit_on_a_model_without_a_price_is_refused_with_the_line_to_write():
    budget = Budget(PRICES, max_cost=5)
    budget.check([SPEC, BackendSpec(Model("llava", "any"))])
    with pytest.raises(ExperimentError, match=r"price of openai:o9\. .*'o9: \{input: 2.5, output: 10\}'"):
        budget.check([BackendSpec(Model("openai", "o9"))])


def test_requests_are_pulled_only_when_they_are_asked(make):
    pulled = []
    requests = (pulled.append(number) or make.request(f"x{number}") for number in range(100))
    outcomes = Budget(PRICES, max_cost=1e6).guard(SPEC, Charging(answer(5), in_flight=1)).answer(requests)
    next(outcomes)
    assert len(pulled) <= 2
    outcomes.close()


def test_through_the_openai_family_the_servers_bill_stays_within_the_limit(make, server, mock, tmp_path):
    """The server charges what it reports: 11 and 7 tokens a call, and for calls whose reply it breaks off."""
    billed = 0

    def plan(call):
        nonlocal billed
        billed += 18
        return mock.Step(mock.completion(call.text), latency=0.01, reset=call.number % 7 == 0)

    server.plan = plan
    spec = parse_model("openai:m", base_url=server.url, concurrency=16, first_wait=0.01)
    budget = Budget(PRICES, max_cost=900)
    outcomes = []
    with pytest.raises(BackendUnavailable, match="--max-cost"):
        for pair in budget.guard(spec, open_backend(spec, tmp_path)).answer(
            make.request(f"x{number}", max_tokens=7) for number in range(200)
        ):
            outcomes.append(pair)
    assert 700 < billed <= budget.spent <= 900
    given_up = [outcome for _, outcome in outcomes if isinstance(outcome, Failure)]
    assert len(given_up) <= 5 < len(outcomes)
    assert all(one.kind == "api-error" and "might pass a limit" in one.message for one in given_up)
    assert 1 < server.most_in_flight <= 16
