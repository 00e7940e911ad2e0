"""The openai family through every fault: each request ends answered, or as a failure of the right kind."""

import random
import threading
import time

import pytest

from vlm_eval.backends.registry import open_backend, parse_model
from vlm_eval.errors import BackendUnavailable
from vlm_eval.flow import Answer, Failure


def fault(mock, name):
    """Return a step that goes wrong in the way named."""
    return {
        "429": lambda: mock.error(429, "Rate limit reached", {"Retry-After": "0.02"}, code="rate_limit_exceeded"),
        "408": lambda: mock.error(408, "Request timeout"),
        "409": lambda: mock.error(409, "Conflict"),
        "500": lambda: mock.error(500, "The server had an error"),
        "503": lambda: mock.Step(b"<html>Service unavailable</html>", 503, content_type="text/html"),
        "reset": lambda: mock.Step(reset=True),
        "malformed": lambda: mock.Step(b'{"id": "1", "choices": [{"mess'),
        "not UTF-8": lambda: mock.Step(b'{"id": "\xff"}'),
        "empty choices": lambda: mock.Step({**mock.completion(), "choices": []}),
        "no message": lambda: mock.Step({**mock.completion(), "choices": [{"index": 0}]}),
        "not an object": lambda: mock.Step(["Yes."]),
        "too deep": lambda: mock.Step(b"[" * 200_000),
        "web page": lambda: mock.Step(b"<html>Sign in</html>", content_type="text/html"),
        "redirect": lambda: mock.Step(b"", 307, {"Location": "http://127.0.0.1:9/v1"}),
        "error in 200": lambda: mock.Step({"error": {"message": "Provider overloaded", "code": 502}}),
        "error choice": lambda: mock.Step(mock.completion("half an ans", "error")),
        "gateway time-out": lambda: mock.error(504, "Gateway time-out"),
        "hang": lambda: mock.Step(mock.completion(), latency=20),
        "slow loris": lambda: mock.Step(mock.completion(), drip=0.1),
    }[name]()


RETRIED = {
    "429": "api-error",
    "408": "timeout",
    "409": "api-error",
    "500": "api-error",
    "503": "api-error",
    "reset": "api-error",
    "malformed": "api-error",
    "not UTF-8": "api-error",
    "empty choices": "api-error",
    "no message": "api-error",
    "not an object": "api-error",
    "too deep": "api-error",
    "web page": "api-error",
    "redirect": "api-error",
    "error in 200": "api-error",
    "error choice": "api-error",
    "gateway time-out": "timeout",
    "hang": "timeout",
    "slow loris": "timeout",
}


REFUSED = {"429", "408", "409", "500", "503", "redirect"}
LOST = RETRIED.keys() - REFUSED
"""Faults behind which an answer may have been made, and charged."""


@pytest.mark.parametrize("name", RETRIED)
def test_a_passing_fault_is_asked_again_and_answered(ask, make, server, mock, name):
    server.plan = lambda call: fault(mock, name) if call.attempt == 1 else mock.Step(mock.completion(call.text))
    (outcome,) = ask([make.request("x")], timeout=0.3).values()
    assert isinstance(outcome, Answer)
    assert outcome.text == "x"
    assert len(server.calls) == 2


@pytest.mark.parametrize(("name", "kind"), RETRIED.items())
def test_a_lasting_fault_ends_as_a_failure_of_its_kind(ask, make, server, mock, name, kind):
    server.plan = lambda call: fault(mock, name)
    (outcome,) = ask([make.request("x")], timeout=0.2, max_attempts=3).values()
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.attempts) == (kind, 3)
    assert outcome.lost == (3 if name in LOST else 0)
    assert outcome.message
    assert len(server.calls) == 3


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "max_tokens is too large: 999999", "unsupported"),
        (400, "This model's maximum context length is 8192 tokens.", "unsupported"),
        (400, "You uploaded an unsupported image. Make sure it is one of ['png', 'jpeg'].", "bad-input"),
        (400, "Could not process image", "bad-input"),
        (400, "Invalid content type. image_url is only supported by certain models.", "unsupported"),
        (500, "image input is not supported - hint: you may need to provide the mmproj", "unsupported"),
        (413, "Request entity too large", "bad-input"),
        (422, "Input should be a valid string", "unsupported"),
    ],
)
def test_a_refusal_that_repetition_cannot_mend_is_asked_once(ask, make, server, mock, status, message, kind):
    server.plan = lambda call: mock.error(status, message)
    (outcome,) = ask([make.request("x", make.picture(1))]).values()
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.attempts, len(server.calls)) == (kind, 1, 1)
    assert message[:30] in outcome.message


@pytest.mark.parametrize("refusal", ["You are not allowed to request logprobs from this model", "Bad image", None])
def test_requests_that_cannot_be_met_do_not_stop_the_others(ask, make, server, mock, refusal):
    server.plan = lambda call: mock.error(400, refusal) if refusal else mock.Step(mock.completion())
    outcomes = ask([make.request(f"x{number}", yes_no=True) for number in range(50)])
    assert len(outcomes) == 50
    assert {outcome.kind for outcome in outcomes.values()} <= {"unsupported", "bad-input"}


def test_a_server_that_refuses_every_request_stops_the_run(ask, make, server, mock):
    server.plan = lambda call: mock.error(400, "image_url is only supported by certain models")
    with pytest.raises(BackendUnavailable, match="only supported by certain models"):
        ask(make.request(f"x{number}") for number in range(500))
    assert len(server.calls) < 60


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (401, "Incorrect API key provided", "invalid_api_key"),
        (403, "Country not supported", "unsupported_country"),
        (402, "More credits are needed", 402),
        (429, "You exceeded your current quota", "insufficient_quota"),
        (400, "API key not valid. Please pass a valid API key.", None),
        (404, "The model `gpt-5o` does not exist", "model_not_found"),
    ],
)
def test_a_server_that_nobody_can_ask_stops_the_run_at_once(ask, make, server, mock, status, message, code):
    server.plan = lambda call: mock.error(status, message, code=code)
    pulled = []
    requests = (pulled.append(number) or make.request(f"x{number}") for number in range(1000))
    started = time.monotonic()
    with pytest.raises(BackendUnavailable, match=f"openai:mock cannot be asked at 127.0.0.1: HTTP {status}"):
        ask(requests, concurrency=4)
    assert time.monotonic() - started < 3
    assert len(server.calls) <= 8
    assert len(pulled) < 30


def collect(stream, collected):
    """Collect as they come, as a run's store would."""
    for item in stream:
        collected.append(item)


def test_what_is_in_flight_when_the_credit_ends_is_still_answered(make, server, mock, tmp_path):
    def plan(call):
        if call.number <= 8:
            return mock.Step(mock.completion(), latency=0.02)
        return mock.error(402, "no credit") if call.number == 9 else mock.Step(mock.completion(), latency=0.4)

    server.plan = plan
    backend = open_backend(parse_model("openai:m", base_url=server.url, concurrency=4), tmp_path)
    outcomes = []
    with pytest.raises(BackendUnavailable, match="no credit"):
        collect(backend.answer(make.request(f"x{number}") for number in range(50)), outcomes)
    assert all(isinstance(outcome, Answer) for _, outcome in outcomes)
    assert len(outcomes) == len(server.calls) - 1


def test_a_page_not_found_is_asked_again_once_the_server_has_answered(ask, make, server, mock):
    server.plan = lambda call: (
        mock.error(404, "gone") if call.number == 3 else mock.Step(mock.completion(call.text))
    )
    outcomes = ask([make.request(f"x{number}") for number in range(6)], concurrency=1)
    assert [outcome.text for outcome in outcomes.values()] == [f"x{number}" for number in range(6)]


def test_a_server_that_is_busy_from_the_start_is_waited_for_and_not_taken_for_dead(ask, make, server, mock):
    """More refusals before the first answer than failed attempts would be allowed."""
    busy = mock.error(429, "Rate limit reached", code="rate_limit_exceeded")
    server.plan = lambda call: busy if call.number <= 24 else mock.Step(mock.completion(call.text))
    requests = [make.request(f"x{number}") for number in range(30)]
    outcomes = ask(requests, concurrency=16, max_attempts=50, first_wait=0.001)
    assert len(outcomes) == 30
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())


def test_the_wait_that_the_server_asks_for_is_kept(ask, make, server, mock):
    slow = mock.error(429, "slow down", {"Retry-After": "0.6"})
    server.plan = lambda call: slow if call.attempt == 1 else mock.Step(mock.completion())
    ask([make.request("x")])
    first, second = server.calls
    assert 0.6 <= second.time - first.time < 2


def test_a_server_that_is_not_there_stops_the_run_within_seconds(make, mock, tmp_path):
    closed = mock.MockServer()
    closed.close()
    backend = open_backend(parse_model("openai:m", base_url=closed.url), tmp_path)
    started = time.monotonic()
    with pytest.raises(
        BackendUnavailable, match=r"none of the first 20 attempts was answered.*Connect call failed"
    ):
        list(backend.answer(make.request(f"x{number}") for number in range(500)))
    assert time.monotonic() - started < 8


def test_a_server_that_breaks_for_good_midway_stops_the_run_and_loses_nothing(make, server, mock, tmp_path):
    server.plan = lambda call: mock.Step(mock.completion()) if call.number <= 30 else mock.error(500, "broken")
    backend = open_backend(
        parse_model("openai:m", base_url=server.url, concurrency=4, max_attempts=2, first_wait=0.01), tmp_path
    )
    outcomes = []
    with pytest.raises(BackendUnavailable, match="of the latest 20 requests failed"):
        collect(backend.answer(make.request(f"x{number}") for number in range(500)), outcomes)
    kinds = [outcome.kind if isinstance(outcome, Failure) else "answer" for _, outcome in outcomes]
    assert kinds.count("answer") == 30
    assert 19 <= kinds.count("api-error") <= 24


def test_a_server_that_goes_and_comes_back_is_waited_for(make, mock, tmp_path):
    server = mock.MockServer()
    backend = open_backend(parse_model("openai:m", base_url=server.url, concurrency=4, first_wait=0.1), tmp_path)
    outcomes = backend.answer(make.request(f"x{number}") for number in range(60))
    collected = [next(outcomes) for _ in range(20)]
    server.close()
    revived = []
    timer = threading.Timer(0.7, lambda: revived.append(mock.MockServer(server.port)))
    timer.start()
    collected += list(outcomes)
    timer.join()
    revived[0].close()
    assert len(collected) == 60
    assert all(isinstance(outcome, Answer) for _, outcome in collected)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_told_and_never_followed_as_pictures_would_go_where_nobody_sent_them(
    ask, make, server, mock, status
):
    elsewhere = mock.MockServer()
    try:
        server.plan = lambda call: mock.Step(b"", status, {"Location": f"{elsewhere.url}/chat/completions"})
        (outcome,) = ask([make.request("x", make.picture(1))], max_attempts=2).values()
    finally:
        elsewhere.close()
    assert (outcome.kind, outcome.attempts, outcome.lost) == ("api-error", 2, 0)
    assert f"redirected to {elsewhere.url}" in outcome.message
    assert elsewhere.calls == []


def test_a_certificate_that_nobody_signed_is_an_api_error_and_nothing_is_sent(ask, make, untrusted):
    (outcome,) = ask([make.request("x")], base_url=untrusted, max_attempts=2).values()
    assert (outcome.kind, outcome.attempts, outcome.lost) == ("api-error", 2, 0)
    assert "certificate" in outcome.message.lower()


def test_a_broken_encryption_is_an_api_error(ask, make, server):
    (outcome,) = ask([make.request("x")], base_url=server.url.replace("http:", "https:"), max_attempts=2).values()
    assert (outcome.kind, outcome.attempts) == ("api-error", 2)
    assert "SSL" in outcome.message


ODD_ANSWERS = {
    "truncated": ({"text": "The part sh", "finish": "length"}, "length"),
    "content filter": ({"text": "", "finish": "content_filter"}, "content-filter"),
    "refusal": ({"text": None, "refusal": "I can't help with that."}, "refusal"),
    "thinking cut off": ({"text": "<think>It might be", "finish": "stop"}, "length"),
}


def test_the_whole_fault_table_at_its_rates_loses_nothing_and_takes_nothing_for_what_it_is_not(
    ask, make, server, mock
):
    """What comes is drawn anew for each attempt; a request's last reply says what its answer must be."""
    rates = {"429": 0.1, "500": 0.05, "reset": 0.02, "malformed": 0.01, "empty choices": 0.02, "web page": 0.02}
    rates |= {"redirect": 0.01, "slow loris": 0.01, "hang": 0.01, "503": 0.01, **dict.fromkeys(ODD_ANSWERS, 0.03)}
    generator, expected = random.Random(1), {}

    def plan(call):
        name = generator.choices([*rates, ""], [*rates.values(), 1 - sum(rates.values())])[0]
        if name in ODD_ANSWERS:
            message, expected[call.text] = ODD_ANSWERS[name]
            return mock.Step(mock.completion(**message))
        expected[call.text] = "stop" if not name else "lost"
        return fault(mock, name) if name else mock.Step(mock.completion(call.text), latency=0.005)

    server.plan = plan
    requests = [make.request(f"question {number}", max_tokens=7) for number in range(500)]
    outcomes = ask(requests, concurrency=32, timeout=0.25)
    assert {request.key for request in requests} == set(outcomes)
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())
    for request in requests:
        answer = outcomes[request.key]
        assert answer.finish == expected[request.prompt.text]
        assert (answer.text == request.prompt.text) == (answer.finish == "stop")
    assert all(outcome.lost <= 7 for outcome in outcomes.values())
    assert sum(outcome.lost for outcome in outcomes.values()) > 10


def test_every_request_gets_its_own_answer_through_a_storm_of_faults(ask, make, server, mock):
    rates = {"429": 0.1, "500": 0.05, "reset": 0.02, "malformed": 0.01, "empty choices": 0.02, "web page": 0.01}
    generator = random.Random(0)
    faults = 0

    def plan(call):
        nonlocal faults
        share = generator.random()
        for name, rate in rates.items():
            share -= rate
            if share < 0:
                faults += 1
                return fault(mock, name)
        return mock.Step(mock.completion(call.text), latency=0.01 * generator.random())

    server.plan = plan
    requests = [make.request(f"question {number}", make.picture(number % 5)) for number in range(400)]
    outcomes = ask(requests, concurrency=24)
    assert {request.key: request.prompt.text for request in requests} == {
        key: outcome.text for key, outcome in outcomes.items()
    }
    assert faults > 50
    assert len(server.calls) == 400 + faults
