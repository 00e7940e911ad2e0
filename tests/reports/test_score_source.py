import pytest

from vlm_eval.errors import InputError
from vlm_eval.reports.measures import measure
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.score_source import score_source, votes_note


def panel_of(frame, source):
    frame = frame.assign(score_source=source)
    return read_panels(frame, [])[0]


def test_the_source_of_the_scores_is_named_in_words(frame_of):
    panel = panel_of(frame_of(per_class=4), "verbalised")
    assert measure(panel, "task").score_source == "stated in the answer"
    assert votes_note(panel) is None


def test_scores_of_two_sources_of_one_model_are_an_error(frame_of):
    frame = frame_of(per_class=4)
    frame["score_source"] = ["votes", "yes-no"] * (len(frame) // 2)
    with pytest.raises(
        InputError, match=r"toy\): its scores come from several sources, votes, yes-no.*--score-source"
    ):
        score_source(frame)


def test_votes_tell_k_and_their_levels(frame_of):
    frame = frame_of(per_class=20, repeats=3)
    share = (frame["verdict"] == "anomalous").groupby([frame["cell"], frame["sample_id"]]).transform("mean")
    panel = panel_of(frame.assign(anomaly_score=share, yes_no_mass=float("nan")), "votes")
    assert "k = 3 answers a question" in votes_note(panel)
    assert "Distinct levels in a cell: 4." in votes_note(panel)


def test_one_vote_a_question_is_a_hard_label_and_is_not_ranked(frame_of):
    frame = frame_of(per_class=4)
    frame["anomaly_score"] = (frame["verdict"] == "anomalous").astype(float)
    found = measure(panel_of(frame.assign(yes_no_mass=float("nan")), "votes"), "task").measures["auroc"]
    assert found.value is None
    assert "hard labels" in found.reason


def test_a_source_that_no_answer_gives_is_named(frame_of):
    frame = frame_of(per_class=4).assign(anomaly_score=float("nan"), yes_no_mass=float("nan"))
    found = measure(panel_of(frame, "verbalised"), "task").measures["auroc"]
    assert "no answer of this cell gives one (source: stated in the answer)" in found.reason


def test_a_score_that_is_no_probability_is_ranked_but_not_calibrated(frame_of):
    frame = frame_of(per_class=6)
    frame["anomaly_score"] *= 40
    measures = measure(panel_of(frame.assign(yes_no_mass=float("nan")), "model"), "task").measures
    assert measures["auroc"].value is not None
    assert measures["brier"].value is None
    assert "no probabilities" in measures["calibration_error"].reason


def test_a_baseline_that_says_nothing_is_not_told_as_naming_nothing(frame_of):
    from vlm_eval.reports.measures import measure
    from vlm_eval.reports.panel import read_panels

    frame = frame_of(models=("baseline:patch-nn",)).assign(
        verdict=None, words=False, score_source="model", round=0
    )
    (silent,) = read_panels(frame.assign(text=""), [])
    (names,) = read_panels(frame.assign(text="crocodile"), [])
    assert measure(silent, "task").measures["words"].value is None
    assert measure(names, "task").measures["words"].value == 0
