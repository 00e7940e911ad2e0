import time

import pytest

from vlm_eval.flow import Answer, Failure
from vlm_eval.scoring.judge_reading import combine_orders, grade_outcome, judgement_of, read_grades, read_winner

REPLY = '{"verdict": 1, "named_defect": 0, "place": "abstain", "reason": 1}'


def met(text):
    return {name: grade.met for name, grade in read_grades(text).items()}


@pytest.mark.parametrize(
    "text",
    [
        REPLY,
        f"Here is my rating:\n```json\n{REPLY}\n```\nThe defect is not named.",
        "{'verdict': 1, 'named_defect': 0, 'place': null, 'reason': 1,}",
        "verdict: 1\nnamed defect: 0\nplace: abstain\nreason: 1.",
        "**verdict**: yes\n**named_defect**: no\n**place**: n/a\n**reason**: true",
    ],
)
def test_a_reply_is_read_however_it_is_wrapped(text):
    assert met(text) == {"verdict": True, "named_defect": False, "place": None, "reason": True}


def test_the_reason_for_no_grade_is_kept():
    grades = read_grades('{"verdict": 1, "place": "abstain", "reason": 1} or rather "reason": 0')
    assert grades["named_defect"].reason == "unreadable"
    assert grades["place"].reason == "abstained"
    assert grades["reason"].reason == "contradictory"
    assert read_grades("")["verdict"].reason == "empty"


def test_a_word_that_only_holds_the_name_of_a_criterion_is_no_field():
    assert met('{"no_verdict": 1}')["verdict"] is None
    assert met("The verdict of the answer is right.")["verdict"] is None


def test_a_failed_call_is_an_abstention_never_a_zero():
    grades = grade_outcome(Failure("timeout", "too slow"))
    assert judgement_of(grades).value is None
    assert judgement_of(grades).reason == "judge-failed: timeout"
    assert grade_outcome(None)["verdict"].reason == "not-asked"
    assert grade_outcome(Answer("", finish="content-filter"))["verdict"].reason == "judge-refused"


def test_a_judgement_points_to_the_grade_in_the_reply():
    judgement = judgement_of(grade_outcome(Answer(REPLY)), "named_defect")
    assert judgement.value is False
    assert REPLY[slice(*judgement.evidence)] == "0"
    assert judgement.details == {"verdict": True, "named_defect": False, "place": None, "reason": True}


@pytest.mark.parametrize(
    ("text", "winner"),
    [('{"better": "first"}', "first"), ("better: second", "second"), ('"winner": "B"', "second"),
     ("better: tie", "tie"), ("better: first, no, better: second", None), ("Both are good.", None)],
)  # fmt: skip
def test_the_better_answer_is_read(text, winner):
    assert read_winner(text) == winner


def test_a_preference_that_turns_with_the_order_is_none():
    first, second, tie = (Answer(f'{{"better": "{word}"}}') for word in ("first", "second", "tie"))
    assert combine_orders(first, second).winner == "first"
    assert combine_orders(second, first).winner == "second"
    assert combine_orders(tie, tie).winner == "tie"
    assert combine_orders(first, first).reason == "depends-on-order"
    assert combine_orders(first, Failure("api-error", "x")).reason == "judge-failed: api-error"
    assert combine_orders(first, None).reason == "judge-failed: not-asked"
    assert combine_orders(first, Answer("hm")).reason == "unreadable"


@pytest.mark.parametrize("piece", ["verdict", '"', "verdict: ", "reason:          "])
def test_a_megabyte_is_read_in_linear_time(piece):
    text = piece * (1_000_000 // len(piece))
    start = time.process_time()
    read_grades(text)
    assert time.process_time() - start < 2
