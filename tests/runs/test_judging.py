"""Scorers over repeats and human verdicts: what is judged together, and against what it is compared."""

import json
from itertools import pairwise, product

import pytest
from PIL import Image

from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import ExperimentError, InputError
from vlm_eval.flow import Gold, Question, Sample
from vlm_eval.runs import items
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.imported import Polarity, import_answers
from vlm_eval.runs.items import as_asked
from vlm_eval.runs.judging import judgements_of, rescore
from vlm_eval.runs.readings import read_readings
from vlm_eval.runs.scores import choose_source
from vlm_eval.runs.store import Store

SAYS = {"y": "Yes, there is a crack.", "n": "No defects.", "-": ""}


@pytest.fixture
def data(tmp_path):
    for kind, number in product(("normal", "anomalous"), range(3)):
        file = tmp_path / "parts" / kind / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (9 * number, 90 if kind == "normal" else 0, 0)).save(file)
    return load_dataset(str(tmp_path / "parts"))


@pytest.fixture
def import_run(tmp_path, data):
    """Make a run of answers by (sample, model): one letter a repeat."""

    def build(answers, folder="run"):
        rows = [
            {"sample_id": f"{name}.png", "answer": SAYS[letter], "model": model, "cell": "task", "repeat": repeat}
            for (name, model), letters in answers.items()
            for repeat, letter in enumerate(letters)
        ]
        table = tmp_path / "answers.jsonl"
        table.write_text("\n".join(json.dumps(row) for row in rows))
        import_answers(table, data, tmp_path / folder, columns=None, polarity=Polarity())
        return tmp_path / folder

    return build


def test_the_repeats_of_a_question_are_judged_together_whatever_the_page(import_run, monkeypatch):
    monkeypatch.setattr(items, "PAGE", 2)
    names = [f"{kind}/{number}" for kind, number in product(("normal", "anomalous"), range(3))]
    folder = import_run({(name, "a"): "yny" for name in names} | {(name, "b"): "nnn" for name in names})
    with Store(folder, write=True) as store:
        change = rescore(store, ["votes"])[0]
        judged = read_readings(store, "votes", change.version)
    assert (change.judged, change.total, change.unit) == (12, 12, "questions")
    shares = {(one.model, round(one.judgement.score, 6)) for one in judged}
    assert shares == {("a", 0.666667), ("b", 0.0)}
    assert {one.repeat for one in judged} == {0}
    assert {one.judgement.details["answers"] for one in judged} == {3}


def test_a_question_is_judged_again_when_it_has_more_repeats(import_run):
    folder = import_run({("normal/0", "a"): "y"})
    with Store(folder, write=True) as store:
        assert rescore(store, ["votes"])[0].judged == 1
        assert rescore(store, ["votes"])[0].judged == 0
    import_run({("normal/0", "a"): "ynn"})
    with Store(folder, write=True) as store:
        assert rescore(store, ["votes"])[0].judged == 1
        assert [one.score for one in judgements_of(store, "votes").values()] == [pytest.approx(1 / 3)]


def test_votes_are_a_source_of_scores_that_a_report_can_be_told_to_take(import_run):
    folder = import_run({("normal/0", "a"): "yn-", ("anomalous/1", "a"): "yyy", ("anomalous/2", "a"): "---"})
    assert read_frame(folder)["anomaly_score"].isna().all()
    with Store(folder, write=True) as store:
        choose_source(store, "votes")
    frame = read_frame(folder).drop_duplicates("sample_id").set_index("sample_id")
    assert dict(frame["anomaly_score"].dropna()) == {"parts/normal/0.png": 0.5, "parts/anomalous/1.png": 1.0}
    assert set(frame["score_source"]) == {"votes"}
    with Store(folder, write=True) as store:
        choose_source(store, "stored")
        with pytest.raises(ExperimentError, match="no score source 'guess'"):
            choose_source(store, "guess")
    assert read_frame(folder)["score_source"].isna().all()


def human(tmp_path, text, name="human.csv"):
    path = tmp_path / name
    path.write_text(text)
    return f"human:{path}"


def test_what_people_say_of_one_model_is_not_said_of_another(import_run, tmp_path):
    folder = import_run({("normal/0", "a"): "y", ("normal/0", "b"): "n", ("normal/1", "a"): "y"})
    name = human(tmp_path, "sample_id,model,verdict,reviewer\nparts/normal/0.png,a,yes,R\n")
    with Store(folder, write=True) as store:
        change = rescore(store, [name])[0]
        said = {(one.model, one.sample.id): one.judgement for one in read_readings(store, "human", change.version)}
    assert said["a", "parts/normal/0.png"].value == "anomalous"
    assert said["b", "parts/normal/0.png"].reason == "not-labelled"
    assert change.reasons == {"not-labelled": 2}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("sample_id,verdict\nparts/normal/0.png,yes\n", "name no model, but the run has 2"),
        ("sample_id,model,verdict\nparts/normal/7.png,a,yes\n", "about a sample_id that the run lacks"),
        ("sample_id,model,verdict\nparts/normal/0.png,c,yes\n", "about a model that the run lacks, such as 'c'"),
        ("sample_id,model,cell,verdict\nparts/normal/0.png,a,z,yes\n", "about a cell that the run lacks"),
    ],
)
def test_human_verdicts_that_fit_no_answer_are_refused(import_run, tmp_path, rows, message):
    folder = import_run({("normal/0", "a"): "y", ("normal/0", "b"): "n"})
    with Store(folder, write=True) as store, pytest.raises(InputError, match=message):
        rescore(store, [human(tmp_path, rows)])


def test_human_verdicts_about_no_answer_are_counted(import_run, tmp_path):
    folder = import_run({("normal/0", "a"): "y"})
    rows = "sample_id,verdict,repeat\nparts/normal/0.png,yes,0\nparts/normal/0.png,no,5\n"
    with Store(folder, write=True) as store:
        assert rescore(store, [human(tmp_path, rows)])[0].note == "1 of 2 human verdicts meet no answer"


def test_a_scoring_is_compared_with_the_one_before_it_not_with_the_greatest_version(import_run, tmp_path):
    folder = import_run({("normal/0", "a"): "y"})
    yes = human(tmp_path, "sample_id,verdict\nparts/normal/0.png,yes\n", "one.csv")
    no = human(tmp_path, "sample_id,verdict\nparts/normal/0.png,no\n", "two.csv")
    unsure = human(tmp_path, "sample_id,verdict\nparts/normal/0.png,unsure\n", "three.csv")
    with Store(folder, write=True) as store:
        versions = [rescore(store, [name])[0] for name in (yes, no, unsure, yes)]
    for earlier, later in pairwise(versions):
        assert (later.before, later.changed) == (earlier.version, 1)


def sample(**metadata):
    return Sample("a", "c", "image", (), "x", Gold("yes"), "a", metadata=metadata)


def test_a_question_gets_the_options_and_marks_that_its_sample_brings_along():
    held = sample(
        **{
            "option A": "Yes.",
            "option B": "No.",
            "yes means": "normal",
            "marks": "1-3, 7, X",
            "mark 7": "0 1 8 9.5",
        }
    )
    asked = as_asked(Question("choice", "task", yes_means=None), held)
    assert asked.options == {"A": "Yes.", "B": "No."}
    assert asked.yes_means == "normal"
    assert asked.marks == {"1": "", "2": "", "3": "", "7": "0 1 8 9.5", "X": ""}
    assert as_asked(Question("chat", "task"), sample()) == Question("chat", "task")


def test_marks_that_the_prompt_did_not_show_are_not_filled_in():
    assert as_asked(Question("chat", "task", image_roles=("query",)), sample(marks=3)).marks == {}
    shown = Question("chat", "task", image_roles=("query", "marked"))
    assert list(as_asked(shown, sample(marks=3)).marks) == ["1", "2", "3"]
    assert as_asked(shown, sample(marks=True)).marks == {}


def test_a_region_that_is_not_four_numbers_is_refused():
    with pytest.raises(InputError, match="A region is four numbers"):
        as_asked(Question("chat", "task"), sample(**{"marks": 2, "mark 2": "1 2 3"}))
