import time

import pytest

from vlm_eval.flow import Answer, Gold, Item, Question, Sample
from vlm_eval.scoring.intervals import read_intervals
from vlm_eval.scoring.intervals_scorer import IntervalsScorer
from vlm_eval.scoring.marks import MarksScorer
from vlm_eval.scoring.place import PlaceScorer
from vlm_eval.scoring.too_long import is_too_long

MEGABYTE = 1_000_000
PROSE = "The surface of the part looks smooth and even, with no visible scratches or dents. "
SCORERS = [MarksScorer(), IntervalsScorer(), PlaceScorer()]


def filled(piece):
    return (piece * (MEGABYTE // len(piece) + 1))[:MEGABYTE]


def item(text):
    gold = Gold("yes", place="top left", marks=(3,), intervals=((1.0, 2.0),))
    sample = Sample("a", "c", "image", (), "x", gold, "a")
    return Item(sample, Question("chat", "task", marks={"3": "", "4": ""}), Answer(text))


def test_a_megabyte_of_prose_is_an_answer_and_a_list_of_numbers_is_none():
    assert not is_too_long(filled(PROSE))
    assert is_too_long(filled("1, "))
    assert is_too_long(filled("a "))
    assert not is_too_long("1, " * 5000)


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: scorer.name)
@pytest.mark.parametrize(
    "piece", [PROSE, "1 ", "1-2, ", "mark 3 ", "1:00 ", "t=5. ", "[1, 2], ", "{", "2020-01-01 ", "except 15 ", " "]
)
def test_a_megabyte_takes_under_a_second(scorer, piece):
    asked = item(filled(piece))
    times = []
    for _ in range(3):
        start = time.process_time()
        scorer.judge([asked])
        times.append(time.process_time() - start)
        if times[-1] < 0.5:
            break
    assert min(times) < 1.5  # under one on an idle core; a quadratic reader takes minutes


def test_what_is_too_long_is_said_to_be_so():
    assert read_intervals(filled("1-2, ")).reason == "too-long"
    assert {scorer.judge([item(filled("1-2, "))])[0].reason for scorer in SCORERS} == {"too-long"}
