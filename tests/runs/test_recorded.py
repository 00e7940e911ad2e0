"""Answers that exist already are joined to the plan by sample, or from another run."""

import json

import pytest

from vlm_eval.errors import ExperimentError
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute


def plan_of(parts, source, **more):
    keys = {"dataset": str(parts), "models": [f"replay:{source}"], "yes_no": False, **more}
    return make_plan(parse_experiment(keys, "test"))


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_answers_by_sample_are_scored_and_the_missing_ones_are_failures(parts, tmp_path):
    rows = [
        {"sample_id": f"parts/normal/{index:02d}.png", "answer": "No, the part looks fine."}
        for index in range(0, 8, 2)
    ]
    plan = plan_of(parts, write(tmp_path / "answers.jsonl", rows))
    result = execute(plan, tmp_path / "run")
    frame = read_frame(tmp_path / "run")
    assert (result.answered, result.failed) == (4, 8)
    assert set(frame.loc[frame["status"] == "answered", "verdict"]) == {"normal"}


def test_a_csv_works_like_a_jsonl_file(parts, tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text('sample_id,answer\nparts/anomalous/01.png,"Yes, a scratch, clearly."\n')
    execute(plan_of(parts, path), tmp_path / "run")
    frame = read_frame(tmp_path / "run")
    assert list(frame.loc[frame["status"] == "answered", "text"]) == ["Yes, a scratch, clearly."]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"sample_id": "parts/normal/99.png", "answer": "No."}], "not planned"),
        ([{"sample_id": "parts/normal/00.png", "answer": "No."}] * 2, "a second answer"),
        ([{"sample_id": "parts/normal/00.png", "answer": "No.", "cel": "x"}], "cel: Extra inputs"),
        ([{"sample_id": "parts/normal/00.png"}], "answer: Field required"),
        (
            [
                {"sample_id": "parts/normal/00.png", "answer": "No.", "model": "a"},
                {"sample_id": "parts/normal/02.png", "answer": "No.", "model": "b"},
            ],
            "several models",
        ),
    ],
)
def test_rows_that_cannot_be_placed_are_named(parts, tmp_path, rows, message):
    with pytest.raises(ExperimentError, match=message):
        execute(plan_of(parts, write(tmp_path / "answers.jsonl", rows)), tmp_path / "run")


def test_another_run_is_replayed_whatever_model_answered_there(parts, tmp_path):
    keys = {"dataset": str(parts), "models": ["scripted:coin"], "repeats": 2}
    execute(make_plan(parse_experiment(keys, "test")), tmp_path / "first")
    result = execute(plan_of(parts, tmp_path / "first", repeats=2, yes_no=True), tmp_path / "second")
    first, second = read_frame(tmp_path / "first"), read_frame(tmp_path / "second")
    assert result.failed == 0
    assert list(first["text"]) == list(second["text"])
    assert list(first["anomaly_score"]) == list(second["anomaly_score"])
