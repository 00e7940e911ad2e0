import time

import pytest

from vlm_eval.flow import Answer, Gold, Item, Question, ReplyField, Sample
from vlm_eval.scoring.verbalised import VerbalisedScorer, read_stated_score

FIELD = (ReplyField("anomaly_score", "score"),)


@pytest.mark.parametrize(
    ("text", "scale", "expected"),
    [
        ("0.85", "unit", 0.85),
        ("85", "hundred", 0.85),
        ("85", "percent", 0.85),
        ("85%", None, 0.85),
        ("Anomaly score: 85/100", None, 0.85),
        ("I would rate it 8 out of 10.", None, 0.8),
        ("The anomaly score is 0.85.", "unit", 0.85),
        ("There are 3 scratches. Anomaly score: 0.9", "unit", 0.9),
        ("At first the score seems 0.2. After a closer look the score is 0.9.", "unit", 0.9),
        ("There is an 80% chance that the part is defective.", None, 0.8),
        ("Probability of a defect = 12.5 %", None, 0.125),
        ("I am 90% confident that there is a defect.", None, 0.9),
        ("0", "unit", 0.0),
        ("1", "unit", 1.0),
        ("1", "hundred", 0.01),
    ],
)
def test_stated_scores_are_read(text, scale, expected):
    found = read_stated_score(text, scale=scale)
    assert found.value == pytest.approx(expected), found
    assert text[slice(*found.span)][0].isdigit()


@pytest.mark.parametrize(
    ("text", "scale", "reason"),
    [
        ("", "unit", "none"),
        ("There is a crack.", "unit", "none"),
        ("0.85", None, "scale"),
        ("85", "unit", "range"),
        ("Score: -1", "unit", "range"),
        ("Score: 12 out of 10", None, "range"),
        ("It has 3 washers and 2 screws.", "hundred", "several"),
        ("The probability that the part is normal is 0.9.", "unit", "polarity"),
        ("I am 95% confident that there is no defect.", None, "polarity"),
        ("Confidence: 95%", None, "polarity"),
    ],
)
def test_what_cannot_be_told_is_an_abstention_with_its_reason(text, scale, reason):
    found = read_stated_score(text, scale=scale)
    assert (found.value, found.reason) == (None, reason)


def test_the_declared_field_of_a_reply_decides():
    text = '```json\n{"confidence": 0.3, "anomaly_score": 0.75, "verdict": "anomalous",}\n```'
    assert read_stated_score(text, scale="unit", reply_fields=FIELD).value == 0.75
    assert read_stated_score("{'anomaly_score': '40%'}", reply_fields=FIELD).value == 0.4


def test_the_scorer_says_its_scale_in_its_name():
    sample = Sample("a", "c", "image", (), "x", Gold("yes"), "a")
    judged = VerbalisedScorer("hundred").judge([Item(sample, Question("chat", "task"), Answer("Score: 40"))])
    assert (judged[0].score, judged[0].evidence) == (0.4, (7, 9))
    assert VerbalisedScorer("hundred").name == "verbalised:hundred"
    assert VerbalisedScorer().judge([Item(sample, Question("chat", "task"), Answer("40"))])[0].reason == "scale"


@pytest.mark.parametrize("piece", ["score 1 ", "9", "1.", "chance ", "anomaly_", "0.5% ", "1 out of "])
def test_a_megabyte_is_read_in_linear_time(piece):
    text = piece * (1_000_000 // len(piece))
    start = time.process_time()
    read_stated_score(text, scale="unit")
    assert time.process_time() - start < 1.5
