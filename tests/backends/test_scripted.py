"""The shipped fake."""

import json
import math
import time
from typing import get_args

import pytest

from vlm_eval.backends.registry import open_backend, parse_model
from vlm_eval.backends.scripted import Faults, ScriptedBackend
from vlm_eval.errors import BackendUnavailable, ExperimentError
from vlm_eval.flow import Answer, Failure, FailureKind


@pytest.fixture
def scripted(tmp_path):
    def open_it(name, **options):
        return open_backend(parse_model(f"scripted:{name}", **options), tmp_path)

    return open_it


def requests_of(make, count, **generation):
    return [make.request(f"question {number}", **generation) for number in range(count)]


def test_a_function_answers_with_words_or_with_an_outcome(make):
    failure = Failure("timeout", "too slow")
    backend = ScriptedBackend(lambda request: failure if "1" in request.prompt.text else "It is fine.")
    outcomes = [outcome for _, outcome in backend.answer(requests_of(make, 2))]
    assert outcomes[0].text == "It is fine."
    assert outcomes[1] is failure


@pytest.mark.parametrize(
    ("name", "finish", "start"),
    [
        ("yes", "stop", "Yes"),
        ("no", "stop", "No"),
        ("hedge", "stop", "It is hard"),
        ("empty", "stop", ""),
        ("length", "length", "The picture"),
        ("refuse", "refusal", "I'm sorry"),
        ("content-filter", "content-filter", ""),
    ],
)
def test_built_in_names_answer_as_they_say(scripted, make, name, finish, start):
    ((_, answer),) = scripted(name).answer(requests_of(make, 1))
    assert isinstance(answer, Answer)
    assert answer.finish == finish
    assert answer.text.startswith(start)


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_it_fails_in_every_way_there_is(scripted, make, kind):
    ((_, outcome),) = scripted(kind).answer(requests_of(make, 1))
    assert (type(outcome), outcome.kind) == (Failure, kind)
    outcomes = scripted("yes", fail_every=3, fail_kind=kind).answer(requests_of(make, 7))
    assert [number for number, (_, outcome) in enumerate(outcomes, 1) if isinstance(outcome, Failure)] == [3, 6]


def test_the_coin_falls_both_ways_and_the_same_each_time(scripted, make):
    first, second = (dict(scripted("coin").answer(requests_of(make, 40, yes_no=True))) for _ in range(2))
    assert first == second
    assert {answer.text[:2] for answer in first.values()} == {"Ye", "No"}
    for answer in first.values():
        assert (answer.yes_no.yes >= answer.yes_no.no) == answer.text.startswith("Yes")
        assert math.exp(answer.yes_no.yes) + math.exp(answer.yes_no.no) == pytest.approx(1, abs=1e-6)


def test_probabilities_come_only_where_they_are_asked_for(scripted, make):
    (_, asked), (_, plain) = scripted("yes").answer([*requests_of(make, 1, yes_no=True), *requests_of(make, 1)])
    assert asked.yes_no.yes > asked.yes_no.no
    assert plain.yes_no is None


def test_outcomes_come_in_another_order_when_told_to_and_none_is_lost(scripted, make):
    requests = requests_of(make, 50)
    keys = [key for key, _ in scripted("yes", shuffle=1).answer(requests)]
    assert keys != [request.key for request in requests]
    assert set(keys) == {request.key for request in requests}
    assert len(keys) == 50


@pytest.mark.parametrize(
    ("option", "error"), [("unavailable_at", BackendUnavailable), ("die_at", KeyboardInterrupt)]
)
def test_it_breaks_off_midway(scripted, make, option, error):
    outcomes = scripted("yes", **{option: 4}).answer(requests_of(make, 9))
    assert len([next(outcomes) for _ in range(3)]) == 3
    with pytest.raises(error):
        next(outcomes)


def test_it_takes_its_time(scripted, make):
    started = time.monotonic()
    list(scripted("yes", latency=0.05).answer(requests_of(make, 3)))
    assert time.monotonic() - started >= 0.15


def test_it_pulls_one_request_at_a_time(make):
    pulled = []
    stream = ScriptedBackend(lambda request: "", Faults()).answer(
        pulled.append(number) or make.request(str(number)) for number in range(9)
    )
    next(stream)
    assert pulled == [0]


RULES = {
    "jsonl": "\n".join(
        json.dumps(rule)
        for rule in (
            {"match": "hole", "answer": "Yes.", "yes_probability": 0.8},
            {"match": "slow", "failure": "timeout", "message": "gone"},
            {"picture": "7.png", "answer": "", "finish": "length"},
        )
    ),
    "csv": "match,picture,answer,yes_probability,failure,message,finish\n"
    "hole,,Yes.,0.8,,,\nslow,,,,timeout,gone,\n,7.png,,,,,length\n",
    "yaml": "- {match: hole, answer: 'Yes.', yes_probability: 0.8}\n"
    "- {match: slow, failure: timeout, message: gone}\n- {picture: 7.png, answer: '', finish: length}\n",
}


@pytest.mark.parametrize("suffix", RULES)
def test_a_file_of_rules_answers_by_text_and_picture(scripted, make, tmp_path, suffix):
    path = tmp_path / f"rules.{suffix}"
    path.write_text(RULES[suffix])
    asked = [
        make.request("a hole?", yes_no=True),
        make.request("slow"),
        make.request("x", make.picture(7)),
        make.request("x", make.picture(8)),
    ]
    hole, slow, cut, unknown = (outcome for _, outcome in scripted(path).answer(asked))
    assert (hole.text, round(math.exp(hole.yes_no.yes), 6)) == ("Yes.", 0.8)
    assert slow == Failure("timeout", "gone")
    assert (cut.text, cut.finish) == ("", "length")
    assert (unknown.kind, str(path) in unknown.message) == ("unsupported", True)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"mach": "x", "answer": "y"}', "rule 1: mach"),
        ('{"match": "x"}', "either an answer or a failure"),
        ('{"answer": "a"}\n{"failure": "boom"}', "rule 2: failure"),
        ('{"answer": ', "cannot be read"),
    ],
)
def test_a_wrong_rule_is_named_with_its_file(scripted, tmp_path, text, named):
    path = tmp_path / "rules.jsonl"
    path.write_text(text)
    with pytest.raises(ExperimentError, match=named) as caught:
        scripted(path)
    assert str(path) in str(caught.value)


def test_a_bare_no_in_yaml_gets_a_hint(scripted, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text("- answer: No\n")
    with pytest.raises(ExperimentError, match="put it in quotes"):
        scripted(path)


def test_wrong_orders_say_what_is_allowed(scripted):
    with pytest.raises(ExperimentError, match="refuse"):
        scripted("perhaps")
    with pytest.raises(ExperimentError, match="fail_kind is 'boom'"):
        scripted("yes", fail_kind="boom")


@pytest.mark.parametrize("name", ["rules.csv", "rules.jsonl"])
def test_a_line_of_rules_ends_at_a_line_break_only(make, tmp_path, name):
    answer = "a\u2028b\x85c\x0cd"
    as_json = json.dumps({"answer": answer}, ensure_ascii=False)
    text = f'answer,match\n"{answer}",\n' if name.endswith("csv") else as_json + "\n"
    (tmp_path / name).write_text(text, encoding="utf-8")
    backend = open_backend(parse_model(f"scripted:{tmp_path / name}"), tmp_path / "scratch")
    ((_, outcome),) = backend.answer([make.request("x")])
    assert outcome.text == answer
