"""Recorded answers given again."""

import json
from dataclasses import replace

import pytest

from vlm_eval.backends.pictures import prompt_digest
from vlm_eval.backends.registry import open_backend, parse_model
from vlm_eval.backends.replay import RECORDED, ReplayBackend, write_recorded
from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Answer, Failure, Model, Prompt, Turn, YesNo


def replayed(path, tmp_path, requests):
    backend = open_backend(parse_model(f"replay:{path}"), tmp_path / "scratch")
    return [outcome for _, outcome in backend.answer(requests)]


def test_an_answer_is_found_by_its_prompt_whatever_model_is_asked(make):
    request = make.request("Is it broken?", make.picture(1))
    backend = ReplayBackend({prompt_digest(request.prompt): {0: Answer("Yes.")}})
    other = replace(request, key="0" * 64, model=Model("openai", "gpt-4o"))
    assert list(backend.answer([other])) == [("0" * 64, Answer("Yes."))]


def test_a_digest_hangs_on_roles_texts_pictures_and_their_order(make):
    first, second = make.picture(1), make.picture(2)
    parts = [("a", first, second), ("a", second, first), (first, "a", second), ("b", first, second), ("a", first)]
    prompts = [Prompt((Turn("user", part),)) for part in parts]
    prompts += [
        Prompt((Turn("assistant", parts[0]),)),
        Prompt((Turn("user", ("a",)), Turn("user", (first, second)))),
    ]
    assert len({prompt_digest(prompt) for prompt in prompts}) == len(prompts)
    assert prompt_digest(prompts[0]) == prompt_digest(Prompt((Turn("user", ("a", first, second)),)))


def test_what_was_not_recorded_is_a_final_failure(make):
    ((_, outcome),) = ReplayBackend({}).answer([make.request("x")])
    assert outcome == Failure("unsupported", "no recorded answer")


def test_repeats_are_the_rows_of_one_prompt_in_order(make, tmp_path):
    request = make.request("x")
    path = tmp_path / "answers.csv"
    digest = prompt_digest(request.prompt)
    path.write_text(
        f"prompt_digest,answer,model,repeat\n{digest},first,m,0\n{digest},,m,1\n", encoding="utf-8-sig"
    )
    outcomes = replayed(path, tmp_path, [replace(request, repeat=number) for number in range(3)])
    assert outcomes == [Answer("first"), Answer(""), Failure("unsupported", "no recorded answer")]


def test_rows_may_name_the_request_itself(make, tmp_path):
    request = make.request("x", yes_no=True)
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"key": request.key, "answer": "Yes", "yes": -0.1, "no": -2.5}) + "\n\n")
    assert replayed(path, tmp_path, [request])[0].yes_no == YesNo(-0.1, -2.5)


def test_an_answer_without_probabilities_cannot_stand_for_a_forced_one(make):
    request = make.request("x", yes_no=True)
    ((_, outcome),) = ReplayBackend({prompt_digest(request.prompt): {0: Answer("Yes")}}).answer([request])
    assert (outcome.kind, "yes/no" in outcome.message) == ("unsupported", True)


def test_a_run_folder_is_replayed_from_what_was_joined_beforehand(make, tmp_path):
    request = make.request("x", make.picture(1))
    (tmp_path / "scratch").mkdir()
    said = Answer("Yes.", "length", "hm", 3, 4, YesNo(-0.5, -1.0), 0.7, "served", 0.2, ("ab",))
    outcomes = [said, Failure("timeout", "gone")]
    digest = prompt_digest(request.prompt)
    write_recorded(tmp_path / "scratch" / RECORDED, [(digest, outcome) for outcome in outcomes])
    assert replayed(tmp_path, tmp_path, [request, replace(request, repeat=1)]) == outcomes


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"answer": "x"}', "row 1: .*key or a prompt_digest"),
        ('{"sample_id": "s", "answer": "x"}', "imported into a run"),
        ('{"key": "k"}', "needs an answer"),
        ('{"key": "k", "answer": "x", "finish": "done"}', "row 1: finish"),
        ("nonsense", "cannot be read"),
    ],
)
def test_a_wrong_row_is_named_with_its_file(tmp_path, text, named):
    path = tmp_path / "answers.jsonl"
    path.write_text(text)
    with pytest.raises(ExperimentError, match=named):
        open_backend(parse_model(f"replay:{path}"), tmp_path)


@pytest.mark.parametrize("name", ["missing.jsonl", "answers.xlsx", "."])
def test_what_cannot_be_replayed_is_said(tmp_path, name):
    with pytest.raises(ExperimentError, match=r"cannot be read|Name a run folder|is a folder"):
        open_backend(parse_model(f"replay:{tmp_path / name}"), tmp_path / "scratch")


def test_requests_with_one_prompt_are_told_apart_by_their_keys(make, tmp_path):
    request = make.request("Is it broken?", make.picture(1))
    asked = [replace(request, key=letter * 64) for letter in "abc"]
    asked[1] = replace(asked[1], generation=replace(request.generation, yes_no=True))
    asked[2] = replace(asked[2], repeat=1)
    said = [Answer("There is a crack."), Answer("Yes", yes_no=YesNo(-0.1, -2.5)), Answer("A scratch.")]
    (tmp_path / "scratch").mkdir()
    rows = [(one.key, outcome) for one, outcome in zip(asked, said, strict=True)]
    write_recorded(tmp_path / "scratch" / RECORDED, reversed(rows), by="key")
    assert replayed(tmp_path, tmp_path, asked) == said
    written = json.loads((tmp_path / "scratch" / RECORDED).read_text().splitlines()[0])
    assert {"key", "prompt_digest", "repeat"} & set(written) == {"key"}


def test_a_missing_repeat_does_not_shift_the_others(make, tmp_path):
    request = make.request("x")
    path = tmp_path / "answers.jsonl"
    digest = prompt_digest(request.prompt)
    rows = [{"prompt_digest": digest, "answer": str(repeat), "repeat": repeat} for repeat in (2, 1)]
    path.write_text("\n".join(map(json.dumps, rows)))
    outcomes = replayed(path, tmp_path, [replace(request, repeat=number) for number in range(3)])
    assert outcomes == [Failure("unsupported", "no recorded answer"), Answer("1"), Answer("2")]


@pytest.mark.parametrize("place", [{"key": "k"}, {"prompt_digest": "d", "repeat": 0}])
def test_two_answers_to_one_request_are_refused_unless_they_are_the_same(tmp_path, place):
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(json.dumps(place | {"answer": text}) for text in ("x", "x")))
    open_backend(parse_model(f"replay:{path}"), tmp_path / "scratch")
    path.write_text("\n".join(json.dumps(place | {"answer": text}) for text in ("x", "y")))
    with pytest.raises(ExperimentError, match="row 2: a second answer to the same request"):
        open_backend(parse_model(f"replay:{path}"), tmp_path / "scratch")


@pytest.mark.parametrize(("yes_no", "able"), [(None, False), (YesNo(-0.1, -2.5), True)])
def test_the_backend_serves_forced_questions_only_with_probabilities(yes_no, able):
    assert ReplayBackend({"k": {0: Answer("Yes", yes_no=yes_no)}}).capabilities.yes_no is able
