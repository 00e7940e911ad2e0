"""The openai family against a server on this machine: what is sent, what comes back, how much at a time."""

import base64
import hashlib
import logging
import threading
import time
import tracemalloc
from dataclasses import replace

import pytest

from vlm_eval.backends.registry import open_backend, parse_model
from vlm_eval.errors import BackendUnavailable, ExperimentError
from vlm_eval.flow import Answer, Failure, Prompt, Turn

KEY = "sk-proj-abcdefghijklmnop1234567890"


def one(outcomes):
    (outcome,) = outcomes.values()
    return outcome


def test_an_answer_says_what_was_said_by_whom_and_at_what_cost(ask, make):
    view = make.picture(1)
    answer = one(ask([make.request("Is it broken?", view)]))
    assert answer.text == "Is it broken?"
    assert (answer.finish, answer.prompt_tokens, answer.completion_tokens) == ("stop", 11, 7)
    assert answer.served_model == "served-2024"
    assert answer.sent == (hashlib.sha256(view.read()).hexdigest(),)
    assert (answer.image_sizes, answer.image_tokens) == ((view.size,), None)
    assert 0 < answer.latency < 5


def test_text_and_untouched_pictures_are_sent_in_their_order_with_the_parameters(ask, make, server):
    first, second = make.picture(1), make.picture(2)
    ask([make.request("before", first, "between", second, 'after "}\n', max_tokens=9, temperature=0.5, seed=3)])
    body = server.calls[0].body
    assert {name: body[name] for name in ("model", "max_tokens", "temperature", "seed")} == {
        "model": "mock",
        "max_tokens": 9,
        "temperature": 0.5,
        "seed": 3,
    }
    (message,) = body["messages"]
    shown = [part.get("text") or part["image_url"]["url"] for part in message["content"]]
    assert [shown[0], shown[2], shown[4]] == ["before", "between", 'after "}\n']
    for url, view in ((shown[1], first), (shown[3], second)):
        header, data = url.split(",")
        assert header == "data:image/png;base64"
        assert base64.b64decode(data) == view.read()


def test_a_conversation_is_sent_turn_by_turn_with_plain_text_where_there_is_no_picture(ask, make, server):
    request = make.request("x")
    turns = (
        Turn("user", ("look", make.picture(1))),
        Turn("assistant", ("I see a ring.",)),
        Turn("user", ("Broken?",)),
    )
    ask([replace(request, prompt=Prompt(turns))])
    messages = server.calls[0].body["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert [messages[1]["content"], messages[2]["content"]] == ["I see a ring.", "Broken?"]


def test_image_detail_goes_with_every_picture_and_into_the_model_of_the_key(ask, make, server):
    ask([make.request("x", make.picture(1), make.picture(2))], detail="low")
    parts = server.calls[0].body["messages"][0]["content"]
    assert [part["image_url"]["detail"] for part in parts if part["type"] == "image_url"] == ["low", "low"]
    assert parse_model("openai:m", detail="low").model != parse_model("openai:m", detail="high").model


def test_reasoning_effort_and_a_schema_are_sent_and_belong_to_the_key(ask, make, server, tmp_path):
    schema = tmp_path / "verdict schema.json"
    schema.write_text('{"type": "object", "properties": {"anomaly": {"type": "boolean"}}}')
    ask([make.request("x")], reasoning_effort="low", json_schema=str(schema))
    body = server.calls[0].body
    assert body["reasoning_effort"] == "low"
    assert body["response_format"]["type"] == "json_schema"
    inside = body["response_format"]["json_schema"]
    assert (inside["name"], inside["strict"]) == ("verdict_schema", True)
    assert inside["schema"]["properties"] == {"anomaly": {"type": "boolean"}}
    models = {parse_model("openai:m", json_schema=str(schema)).model}
    schema.write_text('{"type": "object"}')
    models |= {parse_model("openai:m", json_schema=str(schema)).model, parse_model("openai:m").model}
    models |= {parse_model("openai:m", reasoning_effort=effort).model for effort in ("low", "high")}
    assert len(models) == 5


def test_a_forced_yes_or_no_is_not_asked_to_follow_a_schema(ask, make, server, tmp_path):
    schema = tmp_path / "schema.json"
    schema.write_text("{}")
    ask([make.request("x", yes_no=True)], json_schema=str(schema))
    assert "response_format" not in server.calls[0].body


def test_a_reasoning_effort_that_is_refused_is_not_left_out_in_silence(ask, make, server, mock):
    text = "Unsupported parameter: 'reasoning_effort' is not supported with this model."
    server.plan = lambda call: mock.error(400, text, code="unsupported_parameter", param="reasoning_effort")
    outcome = one(ask([make.request("x")], reasoning_effort="low"))
    assert (outcome.kind, len(server.calls)) == ("unsupported", 1)


def test_a_picture_above_the_limit_of_the_server_is_bad_input_and_is_not_sent(ask, make, server):
    large = make.view_of(b"\x89PNG\r\n\x1a\n" + bytes(50_000), "large.png")
    outcomes = ask([make.request("a", large), make.request("b", make.picture(1))], max_picture_megabytes=0.04)
    (refused,) = [outcome for outcome in outcomes.values() if isinstance(outcome, Failure)]
    assert refused.kind == "bad-input"
    assert "large.png has 0.1 MB as sent, and max_picture_megabytes is 0.04" in refused.message
    assert [call.text for call in server.calls] == ["b"]


def test_the_most_pictures_that_a_server_takes_are_known_before_anything_is_asked(tmp_path):
    assert open_backend(
        parse_model("openai:m", base_url="http://h/v1", max_pictures=2), tmp_path
    ).capabilities == (
        replace(open_backend(parse_model("openai:m", base_url="http://h/v1"), tmp_path).capabilities, max_images=2)
    )
    with pytest.raises(ExperimentError, match="max_pictures = 0"):
        open_backend(parse_model("openai:m", base_url="http://h/v1", max_pictures=0), tmp_path)


def test_a_proxy_of_the_environment_is_used_and_this_machine_is_not_asked_through_one(
    ask, make, server, mock, monkeypatch
):
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
    assert isinstance(one(ask([make.request("x")], base_url="http://models.example/v1")), Answer)
    assert server.calls[0].headers["Host"] == "models.example"
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert isinstance(one(ask([make.request("x")])), Answer)


def test_a_picture_of_megabytes_is_sent_without_a_warning(ask, make, server):
    data = b"\x89PNG\r\n\x1a\n" + bytes(3 * 2**20)
    assert one(ask([make.request("big", make.view_of(data))])).text == "big"


def test_beams_are_refused_before_anything_is_sent_unless_the_server_takes_them(ask, make, server):
    refused = one(ask([make.request("x", beams=5)]))
    assert (refused.kind, server.calls) == ("unsupported", [])
    assert isinstance(one(ask([make.request("x", beams=5, length_penalty=-1.0)], beam_search=True)), Answer)
    sent = server.calls[0].body
    assert (sent["use_beam_search"], sent["n"], sent["length_penalty"]) == (True, 5, -1.0)


def test_the_parameters_of_a_reasoning_model_are_learnt_once_for_the_run(ask, make, server, mock):
    def plan(call):
        if "max_tokens" in call.body:
            text = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
            return mock.error(400, text, code="unsupported_parameter", param="max_tokens")
        if "temperature" in call.body:
            text = "Unsupported value: 'temperature' does not support 0 with this model."
            return mock.error(400, text, code="unsupported_value", param="temperature")
        return mock.Step(mock.completion(call.text))

    server.plan = plan
    outcomes = ask([make.request(f"x{number}") for number in range(12)], concurrency=2)
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())
    assert server.calls[-1].body["max_completion_tokens"] == 6
    assert len(server.calls) <= 12 + 2 * 2


def test_as_many_requests_are_in_flight_as_were_asked_for_and_no_more(ask, make, server, mock):
    server.plan = lambda call: mock.Step(mock.completion(call.text), latency=0.1)
    assert len(ask([make.request(f"x{number}") for number in range(160)], concurrency=32)) == 160
    assert server.most_in_flight == 32


def test_requests_are_pulled_lazily_in_the_callers_thread(make, server, tmp_path):
    pulled, threads = [], set()

    def requests():
        for number in range(1000):
            pulled.append(number)
            threads.add(threading.current_thread())
            yield make.request(f"x{number}")

    backend = open_backend(parse_model("openai:m", base_url=server.url, concurrency=4), tmp_path)
    outcomes = backend.answer(requests())
    next(outcomes)
    assert len(pulled) <= 4 + 8 + 2
    assert threads == {threading.current_thread()}
    outcomes.close()


def test_closing_midway_leaves_no_thread_and_asks_nothing_more(make, server, mock, tmp_path):
    server.plan = lambda call: mock.Step(mock.completion(), latency=0.05 if call.number <= 3 else 30)
    before = set(threading.enumerate())
    backend = open_backend(parse_model("openai:m", base_url=server.url, concurrency=8), tmp_path)
    outcomes = backend.answer(make.request(f"x{number}", make.picture(number)) for number in range(100))
    assert [next(outcomes) for _ in range(3)]
    started = time.monotonic()
    outcomes.close()
    assert time.monotonic() - started < 2
    asked = len(server.calls)
    time.sleep(0.2)
    assert len(server.calls) == asked <= 12
    assert set(threading.enumerate()) <= before


def test_an_error_of_the_callers_requests_passes_through_and_closes_all(make, server, tmp_path):
    def requests():
        yield make.request("x")
        raise KeyboardInterrupt

    before = set(threading.enumerate())
    backend = open_backend(parse_model("openai:m", base_url=server.url), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        list(backend.answer(requests()))
    assert set(threading.enumerate()) <= before


def test_a_picture_is_read_once_however_many_requests_show_it_and_off_the_callers_thread(ask, make):
    view, reads = make.picture(1), []

    def renderer(path, recipe):
        reads.append(threading.current_thread())
        time.sleep(0.05)
        return view.read()

    outcomes = ask([make.request(f"x{number}", replace(view, renderer=renderer)) for number in range(40)])
    assert all(isinstance(outcome, Answer) for outcome in outcomes.values())
    assert len(reads) == 1
    assert reads[0] is not threading.current_thread()


def test_pictures_that_passed_do_not_pile_up_in_memory(ask, make, server):
    server.keeps_bodies = False

    def requests():
        for number in range(120):
            data = b"\x89PNG\r\n\x1a\n" + number.to_bytes(4, "big") + bytes(400_000)
            yield make.request(f"x{number}", make.view_of(data))

    tracemalloc.start()
    try:
        ask(requests(), concurrency=4, cache_megabytes=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # 13 are pulled beforehand, at 0.4 MB raw and 0.54 MB encoded; then the cache, and 4 calls at the server.
    assert peak < 30e6 < 120 * 0.54e6


def test_a_picture_that_cannot_be_read_is_bad_input_and_the_others_go_on(ask, make, server):
    broken = make.view_of(b"not a picture", "broken.tif")
    outcomes = ask([make.request("a", broken), make.request("b", make.picture(1))])
    kinds = sorted(outcome.kind if isinstance(outcome, Failure) else "answer" for outcome in outcomes.values())
    assert kinds == ["answer", "bad-input"]
    assert [call.text for call in server.calls] == ["b"]


def test_azure_is_asked_at_its_deployment_with_its_own_header(ask, make, server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert isinstance(one(ask([make.request("x")], azure=True, base_url=server.url.removesuffix("/v1"))), Answer)
    call = server.calls[0]
    assert call.path == "/openai/deployments/mock/chat/completions?api-version=2024-10-21"
    assert call.headers["api-key"] == KEY


@pytest.mark.parametrize(
    ("kind", "place", "path", "header"),
    [
        ("OpenAI, vLLM, Ollama, llama-server, LM Studio", "/v1", "/v1/chat/completions", "Authorization"),
        ("the same, written with a slash", "/v1/", "/v1/chat/completions", "Authorization"),
        ("OpenRouter", "/api/v1", "/api/v1/chat/completions", "Authorization"),
        ("Azure's newer layout", "/openai/v1", "/openai/v1/chat/completions", "Authorization"),
    ],
)
def test_each_kind_of_server_is_asked_under_its_base_url(
    ask, make, server, monkeypatch, kind, place, path, header
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    base = server.url.removesuffix("/v1")
    assert isinstance(one(ask([make.request("x", make.picture(1))], base_url=base + place)), Answer)
    assert (server.calls[0].path, server.calls[0].headers[header]) == (path, f"Bearer {KEY}")


def test_a_server_without_log_probabilities_is_soon_asked_no_more_yes_no_questions(ask, make, server, mock):
    server.plan = lambda call: mock.Step(mock.completion("Yes"))
    requests = [make.request(f"x{number}", key=f"{number:064x}", yes_no=True) for number in range(60)]
    outcomes = ask(requests, concurrency=4)
    assert {outcome.kind for outcome in outcomes.values()} == {"unsupported"} and len(outcomes) == 60
    assert len(server.calls) < 20
    assert sum("not sent: the server gave no log-probabilities" in one.message for one in outcomes.values()) > 40


def test_a_deployment_or_model_with_odd_letters_stays_one_part_of_the_address(ask, make, server, tmp_path):
    from vlm_eval.backends.openai_client import _address
    from vlm_eval.backends.openai_settings import read_settings

    options = {
        "azure": True,
        "base_url": "https://x.openai.azure.example/openai",
        "api_version": "2025-01-01 &b=1",
    }
    spec = parse_model("openai:my/gpt 4?", **options)
    assert _address(spec.model, read_settings(spec)) == (
        "https://x.openai.azure.example/openai/deployments/my%2Fgpt%204%3F/chat/completions"
        "?api-version=2025-01-01%20%26b%3D1"
    )


def test_organization_and_project_of_the_environment_go_with_every_call(ask, make, server, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    ask([make.request("x")])
    headers = server.calls[0].headers
    assert (headers["OpenAI-Organization"], headers["OpenAI-Project"]) == ("org-1", "proj-1")
    assert headers["User-Agent"].startswith("vlm-eval/")
    assert int(headers["Content-Length"]) > 0  # no chunks, which some servers refuse


def test_openai_itself_is_not_asked_without_a_key(tmp_path, monkeypatch):
    with pytest.raises(ExperimentError, match="OPENAI_API_KEY is not set"):
        open_backend(parse_model("openai:gpt-4o"), tmp_path)
    monkeypatch.setenv("OPENROUTER_KEY", KEY)
    open_backend(parse_model("openai:gpt-4o", api_key_env="OPENROUTER_KEY"), tmp_path)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"concurrency": 0}, "concurrency = 0"),
        ({"timeout": -1}, "timeout = -1"),
        ({"detail": "huge"}, "detail = 'huge'"),
        ({"base_url": "localhost:8000"}, "base_url is 'localhost:8000'"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_sent(tmp_path, options, named):
    with pytest.raises(ExperimentError, match=named):
        open_backend(parse_model("openai:m", **{"base_url": "http://localhost:1/v1", **options}), tmp_path)


def test_the_key_is_in_no_log_message_error_or_representation(
    ask, make, server, mock, monkeypatch, caplog, tmp_path
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    spec = parse_model("openai:m", base_url=server.url)
    shown = [repr(spec), repr(vars(open_backend(spec, tmp_path)))]
    server.plan = lambda call: mock.error(400, f"Bad call. Headers were: Authorization: Bearer {KEY}")
    shown.append(repr(ask([make.request("x", make.picture(1))])))
    assert server.calls[0].headers["Authorization"] == f"Bearer {KEY}"
    server.plan = lambda call: mock.error(401, f"Incorrect API key provided: {KEY}, also {KEY[:9]}****{KEY[-4:]}.")
    with pytest.raises(BackendUnavailable) as caught:
        ask([make.request("y")])
    shown += [str(caught.value), repr(caught.value), repr(caught.value.__cause__), caplog.text]
    assert not [text for text in shown if KEY in text or KEY[:9] in text or KEY[-4:] in text]
    assert not list(tmp_path.rglob("*.*"))
