"""Later rounds of a conversation, end to end: with the scripted backend, a server's double and pocket-llava."""

import csv
import importlib.util
import subprocess
import sys
from math import log
from pathlib import Path

import pytest

from vlm_eval.backends.scripted import ScriptedBackend
from vlm_eval.errors import ExperimentError, InputError, RunFolderError
from vlm_eval.flow import Answer, Capabilities, Failure, YesNo
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.run_info import read_info
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.forecast import forecast
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.runs.store import Store

ROUNDS = ["look-again", "hint-own"]


@pytest.fixture
def server(monkeypatch):
    """A chat-completions server that says that there is a scratch, and yes with three times the weight of no."""
    place = Path(__file__).parents[1] / "backends" / "mock_server.py"
    spec = importlib.util.spec_from_file_location("mock_server", place)
    mock = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "mock_server", mock)  # its dataclasses look their module up
    spec.loader.exec_module(mock)
    listed = [{"token": word, "logprob": log(share)} for word, share in ((" Yes", 0.6), ("No", 0.2), ("The", 0.2))]
    content = {"content": [{"token": " Yes", "logprob": log(0.6), "top_logprobs": listed}]}

    def plan(call):
        forced = bool(call.body.get("logprobs"))
        return mock.Step(
            mock.completion("Yes", logprobs=content) if forced else mock.completion("There is a scratch.")
        )

    running = mock.MockServer()
    running.plan = plan
    yield running
    running.close()


@pytest.fixture
def words(tmp_path):
    """A folder with a round of one's own."""
    folder = tmp_path / "words"
    (folder / "rounds").mkdir(parents=True)
    (folder / "rounds" / "hint-own.jinja").write_text("Are you sure?", encoding="utf-8")
    (folder / "rounds" / "rounds.yaml").write_text("hint-own: {yes_means: null}", encoding="utf-8")
    return folder


def plan_of(parts, words, **changes):
    experiment = {
        "dataset": str(parts),
        "models": ["scripted:no"],
        "yes_no": False,
        "rounds": ROUNDS,
        "limit": 6,
        **changes,
    }
    return make_plan(parse_experiment(experiment, "test"), prompts=[words])


def talk(request):
    """Change one's mind once: normal, then anomalous, then sure of it."""
    if request.generation.yes_no:
        return "Yes"
    turn = len(request.prompt.turns) // 2
    return ("No defects are visible.", "Yes, there is a scratch.", "I am sure: there is a scratch.")[turn]


def run_with(plan, folder, reply=talk):
    asked = []

    def answer(request):
        asked.append(request)
        return reply(request)

    backend = ScriptedBackend(answer)
    return execute(plan, folder, open_with=lambda spec, scratch: backend), asked


def test_each_round_holds_the_answers_before_it_and_is_kept_and_scored_apart(parts, words, tmp_path):
    result, asked = run_with(plan_of(parts, words), tmp_path / "run")
    assert (result.answered, result.open) == (18, 0)
    last = [request.prompt for request in asked if len(request.prompt.turns) == 5]
    assert len(last) == 6
    for prompt in last:
        assert [turn.role for turn in prompt.turns] == ["user", "assistant", "user", "assistant", "user"]
        assert prompt.turns[1].parts == ("No defects are visible.",)
        assert prompt.turns[3].parts == ("Yes, there is a scratch.",)
        assert "once more" in prompt.turns[2].parts[0] and prompt.turns[4].parts == ("Are you sure?",)
        assert len(prompt.views) == 1
    frame = read_frame(tmp_path / "run")
    assert frame.groupby("round")["verdict"].unique().map(list).to_dict() == {
        0: ["normal"],
        1: ["anomalous"],
        2: ["anomalous"],
    }


def test_what_a_plain_yes_means_is_declared_round_by_round(parts, words, tmp_path):
    run_with(plan_of(parts, words), tmp_path / "run", lambda request: "Yes.")
    frame = read_frame(tmp_path / "run")
    assert set(frame.loc[frame["round"] < 2, "verdict"]) == {"anomalous"}
    assert frame.loc[frame["round"] == 2, "verdict"].isna().all()


def test_a_finished_conversation_is_not_asked_again(parts, words, tmp_path):
    run_with(plan_of(parts, words), tmp_path / "run")
    result, asked = run_with(plan_of(parts, words), tmp_path / "run")
    assert asked == [] and result.answered == 18


@pytest.mark.parametrize("dies_at", [3, 8, 15])
def test_a_run_that_is_stopped_in_any_round_goes_on_there(parts, words, tmp_path, dies_at):
    count = iter(range(1, 100))

    def dies(request):
        if next(count) == dies_at:
            raise KeyboardInterrupt
        return talk(request)

    first, asked = run_with(plan_of(parts, words), tmp_path / "run", dies)
    assert first.stopped and first.answered == dies_at - 1
    second, rest = run_with(plan_of(parts, words), tmp_path / "run")
    assert (second.answered, second.open) == (18, 0)
    keys = [request.key for request in [*asked[:-1], *rest]]
    assert len(keys) == len(set(keys)) == 18


KILLED = """
import os, sys
from pathlib import Path
from vlm_eval.backends.scripted import ScriptedBackend
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute

count = iter(range(100))
def reply(request):
    if next(count) == 9:
        os.kill(os.getpid(), 9)
    return "Yes, there is a scratch." if len(request.prompt.turns) > 1 else "No defects are visible."

asked = {"dataset": sys.argv[1], "models": ["scripted:no"], "yes_no": False, "rounds": ["look-again"], "limit": 6}
plan = make_plan(parse_experiment(asked, "test"))
execute(plan, Path(sys.argv[2]), open_with=lambda spec, scratch: ScriptedBackend(reply))
"""


def test_kill_9_in_a_later_round_loses_only_what_was_in_flight(parts, words, tmp_path):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(parts), str(tmp_path / "run")], check=False)
    assert ended.returncode == -9
    kept = read_frame(tmp_path / "run")
    answered = int((kept["status"] == "answered").sum())
    assert 6 <= answered <= 9 and set(kept["round"]) == {0, 1}
    result, asked = run_with(plan_of(parts, words, rounds=["look-again"]), tmp_path / "run")
    assert (result.answered, result.open, len(asked)) == (12, 0, 12 - answered)


def test_a_failed_round_makes_the_later_ones_not_asked_and_resuming_asks_them(parts, words, tmp_path):
    failing = iter(range(100))

    def fails_once(request):
        return Failure("api-error", "500") if next(failing) == 0 else talk(request)

    result, asked = run_with(plan_of(parts, words), tmp_path / "run", fails_once)
    assert len(asked) == 16  # the failed one is not asked again within the run
    assert (result.answered, result.failed, result.open) == (15, 0, 1)
    frame = read_frame(tmp_path / "run")
    assert list(frame.loc[frame["status"] == "failed", "failure"].sort_values()) == [
        "api-error",
        "not-asked",
        "not-asked",
    ]
    result, asked = run_with(plan_of(parts, words), tmp_path / "run")
    assert len(asked) == 3 and (result.answered, result.open) == (18, 0)
    assert (read_frame(tmp_path / "run")["status"] == "answered").all()


def test_rounds_after_a_final_failure_are_not_asked_for_good(parts, words, tmp_path):
    def one_is_broken(request):
        return Failure("bad-input", "torn") if request.prompt.views[0].path.name == "01.png" else talk(request)

    plan = plan_of(parts, words, limit=None)
    for _ in range(2):
        result, _ = run_with(plan, tmp_path / "run", one_is_broken)
        assert (result.answered, result.failed, result.open) == (33, 1, 0)
        frame = read_frame(tmp_path / "run")
        assert sorted(frame["failure"].dropna()) == ["bad-input", "not-asked", "not-asked"]
        assert frame.loc[frame["status"] == "failed", "verdict"].isna().all()


def test_a_run_grows_by_rounds_and_refuses_other_words(parts, words, tmp_path):
    run_with(plan_of(parts, words, rounds=[]), tmp_path / "run")
    result, asked = run_with(plan_of(parts, words), tmp_path / "run")
    assert len(asked) == 12 and result.answered == 18
    with pytest.raises(RunFolderError, match="another prompt"):
        run_with(plan_of(parts, words, rounds=ROUNDS[::-1]), tmp_path / "run")
    assert len(read_frame(tmp_path / "run")) == 18


def test_each_repeat_is_a_conversation_of_its_own(parts, words, tmp_path):
    result, asked = run_with(plan_of(parts, words, repeats=2, rounds=["look-again"]), tmp_path / "run")
    assert result.answered == 24
    assert sorted(request.repeat for request in asked if len(request.prompt.turns) == 3) == [0] * 6 + [1] * 6


def test_reports_tell_rounds_apart_and_compare_them_on_the_same_items(parts, words, tmp_path):
    run_with(plan_of(parts, words), tmp_path / "run")
    info = read_info(tmp_path / "run")
    assert [(name, levels["round"]) for name, levels in info["cells"]] == [
        ("naive/zero-shot", 0),
        ("naive/zero-shot, round 1", 1),
        ("naive/zero-shot, round 2", 2),
    ]
    assert any("1 look-again, 2 hint-own" in note for note in info["notes"])
    (panel,) = read_panels(read_frame(tmp_path / "run"), [name for name, _ in info["cells"]])
    yes = {cell: set(arrays.yes) for cell, arrays in panel.cells.items()}
    assert yes == {
        "naive/zero-shot": {0.0},
        "naive/zero-shot, round 1": {1.0},
        "naive/zero-shot, round 2": {1.0},
    }


def test_the_forecast_counts_what_may_follow_and_what_is_answered(parts, words, tmp_path):
    plan = plan_of(parts, words, yes_no="after-answer")
    (before,) = forecast(plan, tmp_path / "run", None).models
    assert (before.requests, before.answered) == (6 * (3 + 3), 0)
    run_with(plan, tmp_path / "run")
    (after,) = forecast(plan, tmp_path / "run", None).models
    assert (after.requests, after.answered, after.tokens_in) == (36, 36, 0)
    other = plan_of(parts, words, rounds=ROUNDS[::-1], yes_no="after-answer")
    assert any("will refuse" in note for note in forecast(other, tmp_path / "run", None).notes)


# --- the forced yes/no question after the model's own answer


def scoring(request):
    """Say yes with 0.8 when asked after an answer that claims a scratch, else with 0.3."""
    if not request.generation.yes_no:
        return talk(request)
    sure = 0.8 if "scratch" in request.prompt.turns[-2].parts[0] else 0.3
    return Answer("Yes", yes_no=YesNo(log(sure), log(1 - sure)))


def test_the_score_after_an_answer_is_its_own_source_and_belongs_to_its_round(parts, words, tmp_path):
    plan = plan_of(parts, words, rounds=["look-again"], yes_no="after-answer")
    result, asked = run_with(plan, tmp_path / "run", scoring)
    assert result.answered == 6 * 4
    forced = [request.prompt.turns for request in asked if request.generation.yes_no]
    assert {len(turns) for turns in forced} == {3, 5}
    assert all("Answer with yes or no only." in turns[-1].parts[0] for turns in forced)
    frame = read_frame(tmp_path / "run")
    assert set(frame["score_source"]) == {"yes-no-after-answer"}
    scores = frame.groupby("round")["anomaly_score"].unique().map(list).to_dict()
    assert scores == {0: [pytest.approx(0.3)], 1: [pytest.approx(0.8)]}
    assert frame["yes_no_mass"].tolist() == pytest.approx([1.0] * 12)


def test_the_question_alone_scores_no_later_round(parts, words, tmp_path):
    plan = plan_of(parts, words, rounds=["look-again"], yes_no=True)
    run_with(plan, tmp_path / "run", lambda request: "No." if request.generation.yes_no else talk(request))
    frame = read_frame(tmp_path / "run")
    assert set(frame.loc[frame["round"] == 0, "score_source"]) == {"yes-no"}
    assert frame.loc[frame["round"] == 1, "anomaly_score"].isna().all()


def test_an_empty_answer_has_no_score(parts, words, tmp_path):
    plan = plan_of(parts, words, rounds=[], yes_no="after-answer")
    result, asked = run_with(plan, tmp_path / "run", lambda request: " ")
    assert len(asked) == 6 and result.open == 0
    assert read_frame(tmp_path / "run")["anomaly_score"].isna().all()


def test_a_server_is_asked_for_log_probabilities_after_its_own_answer(parts, words, tmp_path, server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    model = {"model": "openai:mock", "options": {"base_url": server.url, "concurrency": 4}}
    plan = plan_of(parts, words, models=[model], rounds=[], yes_no="after-answer")
    assert execute(plan, tmp_path / "run").answered == 12
    frame = read_frame(tmp_path / "run")
    assert set(frame["score_source"]) == {"yes-no-after-answer"}
    assert frame["anomaly_score"].tolist() == pytest.approx([0.75] * 6)
    bodies = [call.body for call in server.calls if call.body.get("logprobs")]
    assert len(bodies) == 6
    assert all(
        [message["role"] for message in body["messages"]] == ["user", "assistant", "user"] for body in bodies
    )
    assert all(body["messages"][1]["content"] == "There is a scratch." for body in bodies)


@pytest.mark.local
def test_pocket_llava_holds_a_conversation_and_scores_its_own_answers(tmp_path):
    pytest.importorskip("torch", reason="pocket-llava needs torch")
    pytest.importorskip("transformers", reason="pocket-llava needs transformers")
    experiment = {
        "dataset": "demo",
        "models": ["pocket-llava"],
        "levels": ["naive"],
        "limit": 4,
        "rounds": ["look-again"],
        "yes_no": "after-answer",
        "generation": {"max_tokens": 24},
    }
    result = execute(make_plan(parse_experiment(experiment, "test")), tmp_path / "run")
    assert (result.answered, result.failed, result.open) == (16, 0, 0)
    frame = read_frame(tmp_path / "run")
    assert list(frame["round"].value_counts()) == [4, 4]
    assert set(frame["score_source"]) == {"yes-no-after-answer"}
    assert frame["anomaly_score"].between(0, 1).all() and (frame["yes_no_mass"] > 0).all()
    with Store(tmp_path / "run") as store:
        prompts = [
            store.load_prompt(form).turns
            for (form,) in store.connection.execute(
                "SELECT prompt FROM request JOIN ask ON ask.request = request.id WHERE round = 1"
            )
        ]
    answers = set(frame.loc[frame["round"] == 0, "text"])
    assert {turns[1].parts[0] for turns in prompts} == answers


# --- what is refused before anything is spent


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rounds": ["look-agian"]}, "Unknown round 'look-agian'. Allowed: after-answer, check-each-rule"),
        ({"rounds": ["hint-normal"]}, "round 1, hint-normal"),
        ({"rounds": ["feedback"]}, "rounds_feedback has no row for it"),
        ({"models": ["blip2:somewhere"]}, "takes one turn"),
        ({"models": ["blip2:somewhere"], "rounds": [], "yes_no": "after-answer"}, "takes one turn"),
    ],
)
def test_what_cannot_be_asked_is_said_in_the_plan(parts, words, changes, message):
    with pytest.raises(InputError, match=message):
        plan_of(parts, words, **changes)


def test_a_model_without_probabilities_is_not_asked_for_them(parts, words, tmp_path):
    answers = tmp_path / "answers.csv"
    answers.write_text("sample_id,answer\nx,Yes.\n", encoding="utf-8")
    with pytest.raises(InputError, match="gives no probabilities of yes and no"):
        plan_of(parts, words, models=[f"replay:{answers}"], rounds=[], yes_no="after-answer")


def write_feedback(path: Path, rows):
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("sample_id", "round", "text"), *rows])
    return str(path)


def test_feedback_is_read_from_a_file_item_by_item(parts, words, tmp_path):
    ids = [sample.id for sample in plan_of(parts, words).samples]
    path = write_feedback(tmp_path / "said.csv", [(name, 1, f"Look at {name}.") for name in ids])
    plan = plan_of(parts, words, rounds=["feedback"], rounds_feedback=path)
    _, asked = run_with(plan, tmp_path / "run")
    said = {request.prompt.turns[2].parts[0] for request in asked if len(request.prompt.turns) == 3}
    assert said == {f"Look at {name}." for name in ids}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("nobody", 1, "x")], "row 2: there is no sample 'nobody'"),
        ([("ID", 2, "x")], "row 2: round 2, but the experiment has 1"),
        ([("ID", 0, "x")], "row 2: round: Input should be greater"),
        ([("ID", 1, "x"), ("ID", 1, "y")], "row 3: a second text"),
    ],
)
def test_feedback_that_does_not_fit_is_refused_by_row(parts, words, tmp_path, rows, message):
    name = plan_of(parts, words).samples[0].id
    path = write_feedback(tmp_path / "said.csv", [(name if row[0] == "ID" else row[0], *row[1:]) for row in rows])
    with pytest.raises(ExperimentError, match=message):
        plan_of(parts, words, rounds=["feedback"], rounds_feedback=path)


def test_a_conversation_is_replayed_from_a_table_and_from_a_run(parts, words, tmp_path):
    plan = plan_of(parts, words, rounds=["look-again"])
    run_with(plan, tmp_path / "run")
    frame = read_frame(tmp_path / "run")
    table = tmp_path / "answers.csv"
    frame.rename(columns={"text": "answer"})[["sample_id", "round", "answer"]].to_csv(table, index=False)
    for number, source in enumerate((table, tmp_path / "run")):
        folder = tmp_path / f"again{number}"
        again = plan_of(parts, words, rounds=["look-again"], models=[f"replay:{source}"])
        assert execute(again, folder).answered == 12
        assert read_frame(folder)["text"].tolist() == frame["text"].tolist()


def test_a_backend_of_ones_own_is_opened_once_for_all_waves(parts, words, tmp_path):
    opened = []

    class Own:
        capabilities = Capabilities()

        def answer(self, requests):
            for request in requests:
                yield request.key, Answer(talk(request))

    def open_with(spec, scratch):
        opened.append(spec)
        return Own()

    assert execute(plan_of(parts, words), tmp_path / "run", open_with=open_with).answered == 18
    assert len(opened) == 1
