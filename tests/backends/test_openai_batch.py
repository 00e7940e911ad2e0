"""The Batch API, against a server in a thread."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from vlm_eval.backends import openai_batch_client, openai_batch_job
from vlm_eval.backends.registry import open_backend, parse_model
from vlm_eval.errors import BackendUnavailable, ExperimentError
from vlm_eval.flow import Answer, Failure
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute

_SPEC = importlib.util.spec_from_file_location("batch_server", Path(__file__).with_name("batch_server.py"))
batch_server = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = batch_server
_SPEC.loader.exec_module(batch_server)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    server = batch_server.BatchServer()
    yield server
    server.close()


@pytest.fixture
def open_batch(server, tmp_path):
    def open_it(**options):
        given = {"batch": True, "base_url": server.url, "batch_poll": 0.001, "first_wait": 0.001, **options}
        return open_backend(parse_model("openai:gpt-4o", **given), tmp_path / "scratch")

    return open_it


@pytest.fixture
def requests(make):
    pictures = [make.picture(number) for number in range(3)]
    return [make.request(pictures[number % 3], f"What is it? {number}", key=str(number)) for number in range(7)]


def text_of(line):
    content = line["body"]["messages"][0]["content"]
    return next(part["text"] for part in content if part["type"] == "text")


def echo(line):
    return batch_server.completed(f"re: {text_of(line)}")


def expected(requests):
    return {request.key: f"re: {request.prompt.text}" for request in requests}


def texts(outcomes):
    return {key: outcome.text for key, outcome in outcomes.items()}


def test_every_request_gets_its_own_answer_though_they_come_in_another_order(server, open_batch, requests):
    server.reply = echo
    outcomes = dict(open_batch().answer(iter(requests)))
    assert texts(outcomes) == expected(requests)
    assert len(server.batches) == 1
    answer = outcomes[requests[0].key]
    assert (answer.served_model, answer.prompt_tokens, answer.latency) == ("served-2024", 5, None)
    assert len(answer.sent) == 1 and len(answer.sent[0]) == 64


def test_the_key_is_the_custom_id_and_the_body_is_that_of_a_plain_call(server, open_batch, requests):
    list(open_batch().answer(iter(requests)))
    line = json.loads(server.files["file-0"].splitlines()[0])
    assert line["custom_id"] == requests[0].key
    assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
    assert line["body"]["model"] == "gpt-4o"
    assert "secret-key" not in server.files["file-0"].decode()


def test_a_plain_run_and_a_batch_share_their_keys():
    assert parse_model("openai:gpt-4o", batch=True).model == parse_model("openai:gpt-4o").model


def test_files_hold_no_more_requests_than_told(server, open_batch, requests):
    server.reply = echo
    outcomes = dict(open_batch(batch_requests=3).answer(iter(requests)))
    assert texts(outcomes) == expected(requests)
    inputs = [server.files[batch["input_file_id"]] for batch in server.batches.values()]
    assert [len(data.splitlines()) for data in inputs] == [3, 3, 1]


def test_files_hold_no_more_bytes_than_told(server, open_batch, requests):
    server.reply = echo
    outcomes = dict(open_batch(batch_megabytes=0.002).answer(iter(requests)))
    assert texts(outcomes) == expected(requests)
    assert len(server.batches) > 1
    assert all(len(server.files[batch["input_file_id"]]) <= 2000 for batch in server.batches.values())


def test_a_request_larger_than_a_file_fails_alone(server, open_batch, requests, make):
    long = make.request("word " * 500, key="long")
    outcomes = dict(open_batch(batch_megabytes=0.002).answer(iter([*requests, long])))
    assert outcomes[long.key].kind == "bad-input"
    assert sum(isinstance(outcome, Answer) for outcome in outcomes.values()) == len(requests)


def test_the_limits_of_openai_cannot_be_passed(tmp_path):
    for option in ({"batch_requests": 50_001}, {"batch_megabytes": 201}):
        with pytest.raises(ExperimentError, match=next(iter(option))):
            open_backend(parse_model("openai:m", batch=True, base_url="http://localhost:1/v1", **option), tmp_path)


def test_no_more_jobs_are_at_work_than_told(server, open_batch, requests):
    counts = []

    def ending(batch):
        counts.append(sum(other["status"] == "in_progress" for other in server.batches.values()))
        return "completed"

    server.ending = ending
    list(open_batch(batch_requests=1, batch_jobs=2).answer(iter(requests)))
    assert max(counts) <= 2
    assert len(server.batches) == 7


def test_what_cannot_be_read_fails_without_being_asked(server, open_batch, requests, make):
    damaged = make.request(make.view_of(b"no picture"), "What?", key="damaged")
    outcomes = dict(open_batch().answer(iter([damaged, *requests])))
    assert outcomes[damaged.key].kind == "bad-input"
    assert len(server.files["file-0"].splitlines()) == len(requests)


def test_an_expired_request_is_a_time_out_and_is_asked_again_by_the_next_run(server, open_batch, requests):
    late = requests[2].key
    server.reply = lambda line: None if line["custom_id"] == late and len(server.batches) == 1 else echo(line)
    server.ending = lambda batch: "expired" if len(server.batches) == 1 else "completed"
    outcomes = dict(open_batch().answer(iter(requests)))
    assert outcomes[late].kind == "timeout"
    again = dict(open_batch().answer(iter([requests[2]])))
    assert texts(again) == expected([requests[2]])


def test_a_line_that_is_missing_is_a_failure(server, open_batch, requests):
    original = server._work

    def lose_one(batch):
        original(batch)
        name = batch["output_file_id"]
        server.files[name] = b"\n".join(server.files[name].splitlines()[1:]) + b"\n"

    server._work = lose_one
    outcomes = dict(open_batch().answer(iter(requests)))
    assert outcomes.keys() == {request.key for request in requests}
    assert sum(isinstance(outcome, Failure) for outcome in outcomes.values()) == 1


def test_errors_of_single_requests_become_failures_of_their_kind(server, open_batch, requests):
    def reply(line):
        number = int(text_of(line).split()[-1])
        if number == 0:
            return 400, {"error": {"message": "Invalid image", "code": "invalid_image"}}
        if number == 1:
            return 400, {"error": {"message": "flagged by our safety system", "code": "content_policy_violation"}}
        return (500, {"error": {"message": "oops"}}) if number == 2 else echo(line)

    server.reply = reply
    outcomes = dict(open_batch().answer(iter(requests)))
    assert outcomes[requests[0].key].kind == "bad-input"
    assert outcomes[requests[1].key].finish == "content-filter"
    assert outcomes[requests[2].key].kind == "api-error"


def test_a_parameter_that_the_model_does_not_take_is_worded_otherwise_in_a_second_job(
    server, open_batch, requests
):
    def reply(line):
        if "max_tokens" in line["body"]:
            error = {"message": "Unsupported parameter: 'max_tokens'", "param": "max_tokens"}
            return 400, {"error": {**error, "code": "unsupported_parameter"}}
        return echo(line)

    server.reply = reply
    outcomes = dict(open_batch().answer(iter(requests)))
    assert texts(outcomes) == expected(requests)
    assert len(server.batches) == 2


def test_a_refused_job_stops_the_model_and_says_why(server, open_batch, requests):
    server.ending = lambda batch: [{"code": "billing_hard_limit_reached", "message": "Billing hard limit reached"}]
    with pytest.raises(BackendUnavailable, match="Billing hard limit reached"):
        list(open_batch().answer(iter(requests)))
    server.ending = lambda batch: "completed"
    assert len(dict(open_batch().answer(iter(requests)))) == len(requests)


def test_a_job_that_finds_too_many_tokens_waiting_waits_for_another_to_end(server, open_batch, requests):
    server.reply = echo

    def ending(batch):
        working = sum(other["status"] == "in_progress" for other in server.batches.values())
        return (
            [{"code": "token_limit_exceeded", "message": "Enqueued token limit"}] if working > 1 else "completed"
        )

    server.ending = ending
    server.looks = 1
    outcomes = dict(open_batch(batch_requests=3).answer(iter(requests)))
    assert texts(outcomes) == expected(requests)


def test_too_many_tokens_in_a_single_job_is_said_with_what_to_do(server, open_batch, requests):
    server.ending = lambda batch: [{"code": "token_limit_exceeded", "message": "Enqueued token limit"}]
    with pytest.raises(BackendUnavailable, match="batch_requests"):
        list(open_batch().answer(iter(requests)))


def test_a_wrong_key_stops_at_once_and_is_not_told(server, open_batch, requests):
    server.trouble["POST /files"] = [(401, "Incorrect API key provided: secret-key")]
    with pytest.raises(BackendUnavailable) as raised:
        list(open_batch().answer(iter(requests)))
    assert "401" in str(raised.value) and "secret-key" not in str(raised.value)
    assert server.calls == ["POST /files"]


def test_passing_trouble_of_the_server_is_waited_for(server, open_batch, requests):
    server.reply = echo
    server.trouble = {
        "POST /files": [(500, "busy"), (429, "slow down")],
        "POST /batches": [(503, "busy")],
        "GET /batches/batch-0": [(502, "bad gateway"), (500, "busy")],
        "GET /files/file-1/content": [(500, "busy")],
    }
    assert texts(dict(open_batch().answer(iter(requests)))) == expected(requests)
    assert len(server.batches) == 1


def test_a_job_whose_start_was_not_confirmed_is_not_started_twice(server, open_batch, requests):
    server.reply = echo
    server.trouble["POST /batches"] = ["reset"]
    assert texts(dict(open_batch().answer(iter(requests)))) == expected(requests)
    assert len(server.batches) == 1


def test_it_may_leave_without_waiting_and_fetch_later(server, open_batch, requests):
    server.reply = echo
    server.looks = 3
    for _ in range(2):
        with pytest.raises(BackendUnavailable, match=r"7 requests are with the server's Batch API \(batch-0\)"):
            list(open_batch(batch_wait=False).answer(iter(requests)))
    assert texts(dict(open_batch(batch_wait=False).answer(iter(requests)))) == expected(requests)
    assert len(server.batches) == 1


def test_more_requests_than_before_are_asked_beside_a_job_at_work(server, open_batch, requests):
    server.reply = echo
    with pytest.raises(BackendUnavailable):
        list(open_batch(batch_wait=False).answer(iter(requests[:4])))
    assert texts(dict(open_batch().answer(iter(requests)))) == expected(requests)
    assert set(server.asked.values()) == {1}


def test_azure_is_refused_before_anything_is_sent(tmp_path):
    with pytest.raises(ExperimentError, match="Azure"):
        open_backend(parse_model("openai:gpt-4o", batch=True, azure=True, base_url="http://localhost:1"), tmp_path)


def test_a_run_leaves_and_comes_back_for_its_answers(server, parts, tmp_path):
    server.reply = lambda line: batch_server.completed("No.")
    options = {"batch": True, "base_url": server.url, "batch_wait": False, "batch_requests": 5}
    models = [{"model": "openai:gpt-4o", "options": options}]
    experiment = {"dataset": str(parts), "models": models, "yes_no": False}
    plan = make_plan(parse_experiment(experiment, "test"))
    results = [execute(plan, tmp_path / "run") for _ in range(3)]
    assert [(result.answered, result.open) for result in results] == [(0, 12), (12, 0), (12, 0)]
    assert "12 requests are with" in results[0].unavailable[0]
    assert len(server.batches) == 3


class Killed(BaseException):
    """The process ends here."""


def moments(monkeypatch, at):
    """Kill at the at-th moment: before or after any call to the server or any change of a job's record."""
    count = 0

    def around(original):
        def wrapped(*given, **named):
            nonlocal count
            count += 1
            if count == at:
                raise Killed
            result = original(*given, **named)
            count += 1
            if count == at:
                if hasattr(result, "close"):
                    result.close()
                raise Killed
            return result

        return wrapped

    monkeypatch.setattr(openai_batch_client.BatchClient, "_open", around(openai_batch_client.BatchClient._open))
    monkeypatch.setattr(openai_batch_job, "_write", around(openai_batch_job._write))
    return lambda: count


def test_killed_at_any_moment_nothing_is_asked_twice_and_nothing_is_lost(
    server, open_batch, requests, monkeypatch, tmp_path
):
    server.reply = echo
    at = 0
    while True:
        at += 1
        with monkeypatch.context() as patch:
            reached = moments(patch, at)
            outcomes = {}
            try:
                outcomes |= dict(open_batch(batch_requests=4).answer(iter(requests)))
            except Killed:
                stopped = True
            else:
                stopped = False
        left = [request for request in requests if request.key not in outcomes]
        outcomes |= dict(open_batch(batch_requests=4).answer(iter(left)))
        assert texts(outcomes) == expected(requests), at
        assert set(server.asked.values()) == {1}, at
        if not stopped:
            break
        for folder in (tmp_path / "scratch" / "batches").iterdir():
            openai_batch_job.shutil.rmtree(folder)
        server.asked.clear()
    assert at > 20
    assert reached() < at


def test_what_was_fetched_but_not_stored_is_taken_from_disk(server, open_batch, requests):
    server.reply = echo
    outcomes = open_batch().answer(iter(requests))
    next(outcomes)
    outcomes.close()  # as a kill would: nothing was stored
    calls = len(server.calls)
    assert texts(dict(open_batch().answer(iter(requests)))) == expected(requests)
    assert len(server.calls) == calls
