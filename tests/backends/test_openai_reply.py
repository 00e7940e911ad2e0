"""What a reply of the openai family says: answers, refusals, thinking, log-probabilities, and what is none."""

import math

import pytest

from vlm_eval.flow import Answer, Failure, YesNo


def one(outcomes):
    (outcome,) = outcomes.values()
    return outcome


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"text": ""}, {"text": "", "finish": "stop"}),
        ({"text": None}, {"text": "", "finish": "stop"}),
        ({"text": "It shows", "finish": "length"}, {"text": "It shows", "finish": "length"}),
        ({"text": None, "refusal": "I can't."}, {"text": "I can't.", "finish": "refusal"}),
        ({"text": "", "finish": "content_filter"}, {"text": "", "finish": "content-filter"}),
        ({"text": "No.", "reasoning_content": "Hm, yes?"}, {"text": "No.", "reasoning": "Hm, yes?"}),
        ({"text": "No.", "reasoning": "Hm, yes?"}, {"text": "No.", "reasoning": "Hm, yes?"}),
        ({"text": "<think>yes?</think>\n\nNo."}, {"text": "No.", "reasoning": "yes?"}),
        ({"text": "yes?</think>No."}, {"text": "No.", "reasoning": "yes?"}),
        (
            {"text": "<think>yes, maybe", "finish": "length"},
            {"text": "", "reasoning": "yes, maybe", "finish": "length"},
        ),
        ({"text": "<think>yes, maybe"}, {"text": "", "reasoning": "yes, maybe", "finish": "length"}),
        ({"text": [{"type": "text", "text": "No."}]}, {"text": "No."}),
        ({"text": ["No", {"type": "text", "text": "."}, None]}, {"text": "No."}),
    ],
)
def test_what_a_model_says_or_declines_to_say_is_an_answer(ask, make, server, mock, message, expected):
    server.plan = lambda call: mock.Step(mock.completion(**message))
    answer = one(ask([make.request("x")]))
    assert isinstance(answer, Answer)
    assert {name: getattr(answer, name) for name in expected} == expected
    assert len(server.calls) == 1


def test_a_prompt_that_the_content_policy_refuses_is_an_answer(ask, make, server, mock):
    azure = {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}}
    server.plan = lambda call: mock.error(400, "The response was filtered", **azure)
    assert one(ask([make.request("x")])) == Answer("", finish="content-filter", latency=pytest.approx(0, abs=5))


def test_yes_and_no_are_summed_over_their_surface_forms(ask, make, server, mock):
    tokens = {"Yes": 0.5, " yes": 0.2, "YES": 0.05, "No": 0.1, "▁no": 0.05, "Maybe": 0.02, "Nothing": 0.01}
    listed = [{"token": token, "logprob": math.log(value)} for token, value in tokens.items()]
    content = [{"token": "Yes", "logprob": math.log(0.5), "top_logprobs": listed}]
    server.plan = lambda call: mock.Step(mock.completion("Yes", "length", logprobs={"content": content}))
    answer = one(ask([make.request("x", yes_no=True, beams=5)]))
    assert answer.yes_no.yes == pytest.approx(math.log(0.75))
    assert answer.yes_no.no == pytest.approx(math.log(0.15))
    body = server.calls[0].body
    assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)


def test_a_word_that_is_not_listed_gets_the_bound_of_the_least_likely_token(ask, make, server, mock):
    listed = [{"token": "Yes", "logprob": -0.1}, {"token": "It", "logprob": -9.5}]
    server.plan = lambda call: mock.Step(mock.completion("Yes", logprobs={"content": [{"top_logprobs": listed}]}))
    assert one(ask([make.request("x", yes_no=True)])).yes_no == YesNo(pytest.approx(-0.1), -9.5)


def test_a_server_without_log_probabilities_cannot_score_yes_and_no(ask, make):
    outcome = one(ask([make.request("x", yes_no=True)]))
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.attempts) == ("unsupported", 1)
    assert "log-probabilities" in outcome.message


def test_thinking_that_uses_up_the_tokens_is_a_cut_off_answer_with_its_tokens(ask, make, server, mock):
    """As OpenAI's reasoning models, vLLM and OpenRouter report it: no content, or an empty one."""
    for content, trace in (("", {}), (None, {"reasoning_content": "It may"}), ("", {"reasoning": "It may"})):
        body = mock.completion(content, "length", **trace)
        body["usage"]["completion_tokens_details"] = {"reasoning_tokens": 7}
        server.plan = lambda call, body=body: mock.Step(body)
        answer = one(ask([make.request("x")]))
        assert (answer.text, answer.finish, answer.reasoning_tokens) == ("", "length", 7)
        assert answer.reasoning == next(iter(trace.values()), "")


def test_the_filter_of_azure_that_stops_an_answer_midway_keeps_what_was_said(ask, make, server, mock):
    body = mock.completion("The part sh", "content_filter")
    body["choices"][0]["content_filter_results"] = {"violence": {"filtered": True, "severity": "high"}}
    server.plan = lambda call: mock.Step(body)
    answer = one(ask([make.request("x")]))
    assert (answer.text, answer.finish) == ("The part sh", "content-filter")


@pytest.mark.parametrize("content", [7, {"text": "Yes"}, ["Yes", 1], [["Yes"]]])
def test_content_that_is_no_text_is_a_failure_and_never_read_in_part(ask, make, server, mock, content):
    server.plan = lambda call: mock.Step(mock.completion(content))
    failure = one(ask([make.request("x")], max_attempts=1))
    assert (failure.kind, failure.lost) == ("api-error", 1)
    assert "neither text nor a list of parts" in failure.message


def test_log_probabilities_that_are_promised_but_empty_cannot_score(ask, make, server, mock):
    """As LM Studio's chat completions: the field is there, and null or without a list."""
    for empty in (None, {"content": None}, {"content": []}, {"content": [{"token": "Yes", "top_logprobs": []}]}):
        server.plan = lambda call, empty=empty: mock.Step(mock.completion("Yes", logprobs=empty))
        assert one(ask([make.request("x", yes_no=True)])).kind == "unsupported"
