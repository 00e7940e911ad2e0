"""What must never become a wrong number, whatever the user does in between."""

import json

import pytest

from vlm_eval.errors import ExperimentError, InputError
from vlm_eval.flow import Answer, Capabilities, YesNo
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.forecast import forecast
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute


class Says:
    """A backend whose yes is certain for every picture."""

    capabilities = Capabilities(yes_no=True)

    def answer(self, requests):
        for request in requests:
            yield request.key, Answer("Yes, it is.", yes_no=YesNo(-0.01, -5.0))


def plan_of(dataset, *, prompts=(), **more):
    keys = {"dataset": str(dataset), "models": ["scripted:no"], **more}
    return make_plan(parse_experiment(keys, "test"), prompts=prompts)


def test_an_answer_that_nobody_has_judged_is_judged_when_it_is_read(parts, tmp_path):
    execute(plan_of(parts, scorers=["words"]), tmp_path / "run")
    assert set(read_frame(tmp_path / "run")["verdict"]) == {"normal"}


def test_a_corrected_label_replaces_the_first_one_and_asks_nothing(parts, tmp_path):
    table = parts / "table.csv"
    table.write_text("image,label\nnormal/00.png,normal\nnormal/02.png,normal\nanomalous/01.png,anomalous\n")
    execute(plan_of(table), tmp_path / "run")
    table.write_text("image,label\nnormal/00.png,anomalous\nnormal/02.png,normal\nanomalous/01.png,anomalous\n")

    class Watch:
        revised = None

        def planned(self, growth, open_requests):
            self.revised = (growth.revised, open_requests)

        def model_started(self, name, open_requests):
            raise AssertionError("nothing should be asked")

        def arrived(self, name, outcome):
            raise AssertionError("nothing should be asked")

    watch = Watch()
    execute(plan_of(table), tmp_path / "run", listener=watch)
    assert watch.revised == (1, 0)
    assert list(read_frame(tmp_path / "run")["gold"]).count("yes") == 2


@pytest.fixture
def asks_for_normality(tmp_path):
    """Return a folder whose chat layout asks the other way round."""
    layouts = tmp_path / "mine" / "layouts"
    layouts.mkdir(parents=True)
    (layouts / "chat.jinja").write_text("Is this picture free of anomalies?")
    (layouts / "layouts.yaml").write_text("chat: {yes_means: normal}\n")
    return tmp_path / "mine"


def test_the_score_follows_what_a_yes_means(parts, tmp_path, asks_for_normality):
    plan = plan_of(parts, yes_no=True, prompts=[asks_for_normality])
    execute(plan, tmp_path / "run", open_with=lambda spec, scratch: Says())
    frame = read_frame(tmp_path / "run")
    assert (frame["anomaly_score"] < 0.01).all()
    assert set(frame["verdict"]) == {"normal"}


def test_a_question_that_is_no_yes_no_question_gets_no_score(parts, tmp_path):
    card = tmp_path / "holes.yaml"
    card.write_text(
        f"name: holes\ntitle: Holes\nlicence: CC0\nreader: folders\nroot: {parts}\n"
        'common: {question: "How many holes are there?"}\n'
    )
    plan = plan_of(card, layout="vqa", yes_no=True)
    assert {ask.purpose for ask in plan.asks()} == {"answer"}


def test_two_data_sets_of_one_name_are_refused(parts, tmp_path):
    other = tmp_path / "elsewhere" / "parts"
    other.parent.mkdir()
    other.symlink_to(parts)
    with pytest.raises(ExperimentError, match="Two data sets are called parts"):
        make_plan(parse_experiment({"dataset": [str(parts), str(other)], "models": "scripted:no"}, "test"))


def test_a_data_set_left_without_items_is_refused(parts):
    for folder in ("normal", "anomalous"):
        for picture in sorted((parts / folder).iterdir())[1 if folder == "normal" else 0 :]:
            picture.unlink()
    with pytest.raises(InputError, match="Nothing is left to ask"):
        plan_of(parts, shots=[1])


def test_an_unknown_scorer_is_refused_before_anything_is_asked(parts):
    with pytest.raises(InputError, match="no scorer 'foo'"):
        plan_of(parts, scorers=["verdict", "foo"])


def test_a_forecast_says_that_the_run_folder_will_refuse_and_changes_nothing(parts, tmp_path):
    execute(plan_of(parts, shots=[0, 1]), tmp_path / "run")
    before = (tmp_path / "run" / "run.sqlite").read_bytes()
    notes = forecast(plan_of(parts, shots=[1]), tmp_path / "run", None).notes
    assert any("may grow, not shrink" in note for note in notes)
    assert (tmp_path / "run" / "run.sqlite").read_bytes() == before


def test_the_resolved_experiment_lies_in_the_run_folder_and_can_be_run(parts, tmp_path):
    from vlm_eval.runs.experiment import read_experiment

    plan = plan_of(parts, shots=[0, 1], limit=6)
    execute(plan, tmp_path / "run")
    assert read_experiment(tmp_path / "run" / "experiment.yaml") == plan.experiment


def test_the_same_picture_with_two_answers_cannot_be_replayed(parts, tmp_path):
    (parts / "normal" / "02.png").write_bytes((parts / "normal" / "00.png").read_bytes())
    table = tmp_path / "answers.jsonl"
    rows = [("parts/normal/00.png", "No."), ("parts/normal/02.png", "Yes, a scratch.")]
    table.write_text("".join(json.dumps({"sample_id": name, "answer": text}) + "\n" for name, text in rows))
    with pytest.raises(ExperimentError, match="cannot tell them apart"):
        execute(plan_of(parts, models=[f"replay:{table}"], yes_no=False), tmp_path / "run")


def test_a_missing_first_repeat_does_not_shift_the_others(parts, tmp_path):
    table = tmp_path / "answers.jsonl"
    table.write_text(json.dumps({"sample_id": "parts/normal/00.png", "answer": "No.", "repeat": 1}) + "\n")
    execute(plan_of(parts, models=[f"replay:{table}"], yes_no=False, repeats=2), tmp_path / "run")
    frame = read_frame(tmp_path / "run")
    assert list(frame.loc[frame["status"] == "answered", "repeat"]) == [1]
