"""AnomLLM's answers: its measures against scikit-learn on the vectors of points that it compares."""

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from vlm_eval.errors import ExperimentError
from vlm_eval.published.series import read_anomllm

ANSWERS = (
    ('[{"start": 100, "end": 200}]', [[150, 250]]),
    ("[]", []),
    ("I see no unusual values.", []),  # cannot be parsed: counts as none, and as right
    ('Here: [{"start": 990, "end": 1200}]', [[980, 1000]]),  # cut at the end of the series
    ("There is an anomaly from 300 to 320.", [[300, 320]]),  # cannot be parsed: counts as none, and as wrong
)


@pytest.fixture
def files(tmp_path):
    answers, labels = tmp_path / "0shot-vision.jsonl", tmp_path / "gold.jsonl"
    rows = [{"custom_id": f"point_{n:05}", "request": {}, "response": text} for n, (text, _) in enumerate(ANSWERS)]
    answers.write_text("\n".join(map(json.dumps, rows)))
    labels.write_text("\n".join(json.dumps(gold) for _, gold in ANSWERS))
    return answers, labels


def vector(spans):
    points = np.zeros(1000)
    for start, end in spans:
        points[start:end] = 1
    return points


def test_point_measures_are_those_of_scikit_learn_on_the_points(files):
    said = ([[100, 200]], [], [], [[990, 1000]], [])
    expected = {"precision": [], "recall": [], "F1": []}
    for claim, (_, gold) in zip(said, ANSWERS, strict=True):
        one, other = vector(gold), vector(claim)
        for name, measure in zip(expected, (precision_score, recall_score, f1_score), strict=True):
            empty = 1.0 if not one.any() and not other.any() else 0.0
            expected[name].append(round(measure(one, other), 3) if one.any() and other.any() else empty)
    found = {one.name: one.published for one in read_anomllm(*files).figures}
    for name, values in expected.items():
        assert found[name] == pytest.approx(100 * np.mean(values))
    assert 0 < found["affiliation F1"] < 100


def test_an_answer_that_its_parser_loses_is_listed(files):
    differences = {one.sample_id: one for one in read_anomllm(*files).differences}
    lost = differences["anomllm/point_00004"]
    assert (lost.published, lost.ours) == ("unread", "300-320")
    assert lost.why == "it could not be parsed, and counts as no anomaly"


def test_true_intervals_are_needed_and_must_be_intervals(files, tmp_path):
    with pytest.raises(ExperimentError, match="give --labels"):
        read_anomllm(files[0], None)
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("\n".join(['[["a", 1]]'] * len(ANSWERS)))
    with pytest.raises(ExperimentError, match="is no list of"):
        read_anomllm(files[0], wrong)


@pytest.mark.parametrize("span", [[200, 100], [0.1, 0.2], [-5, 10], [900, 1001]])
def test_true_intervals_outside_the_series_or_the_wrong_way_round_are_refused(files, tmp_path, span):
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("\n".join([json.dumps([span])] * len(ANSWERS)))
    with pytest.raises(ExperimentError, match="the start below the end"):
        read_anomllm(files[0], wrong)


def test_two_answers_of_one_name_and_files_that_are_exchanged_are_refused(files, tmp_path):
    twice = tmp_path / "twice.jsonl"
    twice.write_text("\n".join([json.dumps({"custom_id": "a", "response": "[]"})] * len(ANSWERS)))
    with pytest.raises(ExperimentError, match="two answers named anomllm/a"):
        read_anomllm(twice, files[1])
    with pytest.raises(ExperimentError, match="entry 1 has no 'response'"):
        read_anomllm(files[1], files[0])
