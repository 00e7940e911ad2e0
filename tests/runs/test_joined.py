"""Views of an item joined by each rule, on frames made by hand."""

import math

import pandas as pd
import pytest

from vlm_eval.runs.frame import COLUMNS
from vlm_eval.runs.joined import SEVERAL, TIE, decide, join_scores, join_views

NAN = math.nan


def view(number, verdict="normal", score=NAN, **given):
    """Make the row of one view; what is not given is as of a plain answer."""
    row = dict.fromkeys(COLUMNS) | {
        "model": "m", "cell": "c", "card": "k", "sample_id": "k/1", "object_class": "bolt", "group": "k/1",
        "gold": "yes", "round": 0, "repeat": 0, "status": "answered", "text": f"said of {number}",
        "finish": "stop", "verdict": verdict, "verdict_reason": None if verdict else "hedged",
        "anomaly_score": score, "yes_no_mass": NAN, "latency": 0.5, "prompt_tokens": 10, "completion_tokens": 2,
        "metadata": {},
    }  # fmt: skip
    return row | {"view": number, "ask": 100 + number} | given


def joined(rows, rule):
    frame = join_views(pd.DataFrame(rows), rule)
    assert list(frame.columns) == [*COLUMNS, "ask", "views"] and len(frame) == 1
    return frame.iloc[0]


A, N = "anomalous", "normal"


@pytest.mark.parametrize(
    ("rule", "claims", "scores", "claim", "deciding"),
    [
        ("any", [N, A, A], [0.9, 0.2, 0.3], A, 1),
        ("any", [N, N, N], [0.9, 0.9, 0.9], N, 0),
        ("any", [N, None, N], [NAN] * 3, None, 1),
        ("any", [None, A], [NAN] * 2, A, 1),
        ("max", [A, N, N], [0.2, 0.9, 0.3], N, 1),
        ("max", [N, A, N], [0.9, 0.9, 0.3], A, 1),
        ("max", [N, None], [0.2, 0.9], None, 1),
        ("max", [N, A], [0.2, NAN], A, 1),
        ("majority", [N, A, A], [0.9, 0.2, 0.3], A, 1),
        ("majority", [None, N, None], [NAN] * 3, N, 1),
        ("mean", [A, N, N], [0.9, 0.9, 0.9], N, 1),
        ("mean", [A, N], [0.9, 0.9], None, 0),
        ("majority", [None, None], [NAN] * 2, None, 0),
    ],
)
def test_a_rule_decides_by_claims_or_by_the_highest_score(rule, claims, scores, claim, deciding):
    decision = decide(rule, claims, ["hedged"] * len(claims), scores)
    assert (decision.claim, decision.view) == (claim, deciding)
    assert (decision.reason is None) == (claim is not None)


def test_no_claim_says_why():
    assert decide("majority", [A, N], [None, None], [NAN] * 2).reason == TIE
    assert decide("any", [N, None, None], [None, "empty", "empty"], [NAN] * 3).reason == "empty"
    assert decide("any", [N, None, None], [None, "empty", "hedged"], [NAN] * 3).reason == SEVERAL
    assert decide("max", [N, None], [None, "empty"], [0.1, 0.2]).reason == "empty"


def test_scores_are_joined_only_where_every_view_has_one():
    assert join_scores("any", [0.1, 0.7]) == join_scores("max", [0.1, 0.7]) == 0.7
    assert join_scores("mean", [0.1, 0.7]) == join_scores("majority", [0.1, 0.7]) == pytest.approx(0.4)
    for rule in ("any", "max", "mean", "majority"):
        assert math.isnan(join_scores(rule, [0.1, NAN]))


def test_views_become_one_row_with_all_answers_and_the_sums_of_what_they_cost():
    rows = [view(1, A, 0.8, yes_no_mass=0.5), view(0, N, 0.2, yes_no_mass=0.9), view(2, N, 0.4, yes_no_mass=0.7)]
    row = joined(rows, "max")
    assert (row["verdict"], row["anomaly_score"], row["yes_no_mass"]) == (A, 0.8, 0.5)
    assert row["text"] == "view 1: said of 0\nview 2: said of 1\nview 3: said of 2"
    assert (row["latency"], row["prompt_tokens"], row["completion_tokens"]) == (1.5, 30, 6)
    assert (row["ask"], row["views"]) == (101, (100, 101, 102))


def test_words_hit_where_an_answer_that_claims_an_anomaly_names_it():
    said = [view(0, N, words=True), view(1, A, words=False, label="dent")]
    assert joined(said, "any")["words"] == False  # noqa: E712 - it may be of NumPy
    said[1] |= {"words": True}
    assert joined(said, "any")["words"] == True  # noqa: E712
    assert joined(said, "any")["label"] == "dent"
    assert joined([view(0, N), view(1, A)], "any")["words"] is None
    labels = [view(0, A, label="dent"), view(1, A, label="scratch"), view(2, A, label="scratch")]
    assert joined(labels, "majority")["label"] == "scratch"
    assert joined([view(0, N, label="dent"), view(1, N)], "any")["label"] is None


def test_a_failed_view_fails_the_item_and_an_open_one_leaves_it_open():
    lost = {"status": "failed", "failure": "timeout", "text": None, "verdict": None, "verdict_reason": None}
    waiting = lost | {"status": "open", "failure": None}
    failed = joined([view(0, A, 0.9), view(1) | lost, view(2) | waiting], "any")
    assert (failed["status"], failed["failure"], failed["verdict"], failed["text"]) == (
        "failed",
        "timeout",
        None,
        None,
    )
    assert math.isnan(failed["anomaly_score"]) and failed["ask"] == 101
    waits = joined([view(0, A, 0.9), view(1) | waiting], "any")
    assert (waits["status"], waits["failure"], waits["verdict"]) == ("open", None, None)


def test_a_round_that_is_planned_for_some_views_only_is_open():
    rows = [view(0), view(1), view(0, A, round=1)]
    frame = join_views(pd.DataFrame(rows), "any")
    assert frame[["round", "status"]].to_numpy().tolist() == [[0, "answered"], [1, "open"]]


def test_a_single_view_stays_as_it_was_said():
    row = joined([view(0, None, 0.3, finish="length")], "majority")
    assert (row["text"], row["verdict"], row["verdict_reason"], row["finish"]) == (
        "said of 0", None, "hedged", "length")  # fmt: skip


def test_models_cells_items_rounds_and_repeats_are_kept_apart_in_their_order():
    places = [("m", "c", "k/2", 0, 1), ("m", "c", "k/2", 0, 0), ("n", "c", "k/1", 0, 0), ("m", "d", "k/1", 1, 0)]
    names = ["model", "cell", "sample_id", "round", "repeat"]
    rows = [
        view(number, A if place[0] == "n" else N, **dict(zip(names, place, strict=True)))
        for number in (1, 0)
        for place in places
    ]
    frame = join_views(pd.DataFrame(rows), "any")
    assert [tuple(row) for row in frame[names].to_numpy().tolist()] == places
    assert frame["verdict"].tolist() == [N, N, A, N]


def test_a_run_without_asks_gives_an_empty_frame():
    frame = pd.DataFrame([view(0)]).iloc[:0]
    assert join_views(frame, "any").empty
