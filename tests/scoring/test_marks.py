import random
import time

import pytest

from vlm_eval.flow import Answer, Gold, Item, Question, Sample
from vlm_eval.scoring.marks import MarksScorer, read_mark_statements, read_marks

TWENTY = range(1, 21)
ALL = set(TWENTY)


def accused_and_cleared(text, marks=TWENTY):
    read = read_marks(text, marks)
    assert set(read) == set(marks)
    return {mark for mark, said in read.items() if said}, {mark for mark, said in read.items() if said is False}


@pytest.mark.parametrize(
    ("text", "accused", "cleared"),
    [
        ("Mark 15 shows a crack.", {15}, set()),
        ("All marks except 15 appear normal.", {15}, ALL - {15}),
        ("Marks 1-20 except 15 look normal.", {15}, ALL - {15}),
        ("Marks 1-20 look normal except for mark 15, which has a scratch.", {15}, ALL - {15}),
        ("Except for mark 15, all marks are normal.", {15}, ALL - {15}),
        ("With the exception of 7, every mark looks fine.", {7}, ALL - {7}),
        ("All but 15 are normal.", {15}, ALL - {15}),
        ("No defects are visible except at mark 15.", {15}, ALL - {15}),
        ("Marks 1-14 and 16-20 are normal and mark 15 shows a crack.", {15}, ALL - {15}),
        ("The regions labeled 4 and 7 have scratches while the others look fine.", {4, 7}, ALL - {4, 7}),
        ("I see an anomaly at #7. The rest are ok.", {7}, ALL - {7}),
        ("Normal: 1, 2, 4-20. Defective: 3.", {3}, ALL - {3}),
        ("Marks 1,2,3 are okay; 4 is not.", {4}, {1, 2, 3}),
        ("Marks 3 (crack) and 5 (dent) are anomalous, the rest normal.", {3, 5}, ALL - {3, 5}),
        ("No anomaly in marks 1, 2 or 3, but there is one in mark 4.", {4}, {1, 2, 3}),
        ("Marks 3 and 4 appear normal at first glance, but mark 4 has a hairline crack.", {4}, {3}),
        ("There is a crack visible. It is located at mark 15.", {15}, set()),
        ("The affected marks are 3, 4 and 5.", {3, 4, 5}, set()),
        ("Yes. Mark 15.", {15}, set()),
        ("3, 7", {3, 7}, set()),
        ("No. There are no anomalies or defects.", set(), ALL),
        ("None of the marked regions shows a defect.", set(), ALL),
        ("Neither mark 3 nor mark 4 shows any damage.", set(), {3, 4}),
        ("There is a scratch near mark 12.", {12}, set()),
        ("| Mark | Status |\n|---|---|\n| 1 | Normal |\n| 2 | Defective |", {2}, {1}),
        ("Mark 15 is the one with number 015.", set(), set()),
    ],
)
def test_what_is_accused_and_what_is_cleared(text, accused, cleared):
    assert accused_and_cleared(text) == (accused, cleared)


@pytest.mark.parametrize(
    ("text", "accused", "open_marks"),
    [
        ("Unlike marks 1-14, mark 15 is dented.", {15}, {1, 14}),
        ("Mark 15 is darker compared to marks 14 and 16.", {15}, {14, 16}),
        ("The anomaly is located at mark 6, near marks 5 and 7.", {6}, {5, 7}),
        ("A crack is visible between marks 3 and 5.", set(), {3, 4, 5}),
        ("Mark 15 might have a crack.", set(), {15}),
        ("All marks look normal, but mark 15 may have a scratch.", set(), {15}),
        ("It is hard to tell whether mark 3 is damaged.", set(), {3}),
        ("I cannot assist with that.", set(), ALL),
        ("", set(), ALL),
    ],
)
def test_marks_that_only_compare_or_are_hedged_stay_open(text, accused, open_marks):
    found, cleared = accused_and_cleared(text)
    assert found == accused
    assert not open_marks & (found | cleared)


@pytest.mark.parametrize(
    "text",
    [
        "1. There is some debris on the rim. 2. The rim has scratches. 3. The cord is frayed.",
        "The bottle has three washers instead of two.",
        "Step 1: look at the image. In image 2 there is a crack of 3 mm, 15 % of the width.",
        "The scratch lies near the point (2, 40).",
        "There is one point located near the (2, 40) mark that deviates from the general pattern.",
    ],
)
def test_list_numbers_counts_and_measures_are_no_marks(text):
    assert accused_and_cleared(text)[0] == set()


def test_list_numbers_before_named_marks_are_no_marks():
    text = "Based on the marks:\n1. Marks 1-14 look normal.\n2. Mark 15 shows a chip.\n3. Marks 16 to 20 are fine."
    assert accused_and_cleared(text) == ({15}, ALL - {15})


def test_a_list_that_goes_through_every_mark_numbers_marks():
    lines = [f"{mark}. {'There is a crack.' if mark == 9 else 'Normal surface.'}" for mark in TWENTY]
    assert accused_and_cleared("\n".join(lines)) == ({9}, ALL - {9})


def test_an_answer_that_mentions_every_mark_and_accuses_one():
    lines = [f"Mark {mark}: Intact, no visible defects." for mark in TWENTY]
    lines[8] = "Mark 9: The surface is darker here. There is a visible crack."
    assert accused_and_cleared("\n".join(lines)) == ({9}, ALL - {9})


@pytest.mark.parametrize(
    ("text", "accused", "cleared"),
    [
        ('{"anomalous_marks": [15, 3], "normal_marks": [1, 2]}', {3, 15}, {1, 2}),
        ('{"15": "defective", "3": "normal"}', {15}, {3}),
        ('```json\n[{"mark": 3, "verdict": "anomalous"}, {"mark": 4, "verdict": "normal"}]\n```', {3}, {4}),
    ],
)
def test_replies_in_json_are_read(text, accused, cleared):
    assert accused_and_cleared(text) == (accused, cleared)


def test_letters_can_be_marks_and_the_article_is_none():
    assert read_marks("Region B has a crack; A and C are fine.", "ABC") == {"A": False, "B": True, "C": False}
    assert read_marks("A crack is visible.", "ABC")["A"] is None


def test_marks_keep_the_type_they_were_given_in():
    assert read_marks("Mark 2 is broken.", ["1", "2"]) == {"1": None, "2": True}
    assert read_marks("Mark 2 is broken.", []) == {}


def test_clearing_one_mark_clears_no_other():
    assert accused_and_cleared("Mark 3 is intact.") == (set(), {3})


def test_a_reasoning_trace_is_not_read():
    text = "<think>Mark 3 looks cracked.</think>Mark 5 is cracked."
    readings = read_mark_statements(text, TWENTY)
    assert [mark for mark, reading in readings.items() if reading.accused] == [5]
    assert "Mark 5 is cracked" in text[slice(*readings[5].span)]


def test_the_first_image_of_a_set_of_mark_prompt_is_the_inspected_one():
    text = "The first image shows a crack in the shell. In the second image, this corresponds to mark 6."
    assert accused_and_cleared(text)[0] == {6}


def item(text, *, anomalous="yes", marks=(15,), shown=20):
    names = {str(number): "" for number in range(1, 1 + (shown or 0))}
    sample = Sample("a", "c", "image", (), "x", Gold(anomalous, marks=marks), "a")
    return Item(sample, Question("chat", "task", image_roles=("query", "marked"), marks=names), Answer(text))


def test_the_scorer_compares_with_the_gold_marks():
    right, half, miss, clear, silent, unknown = MarksScorer().judge(
        [
            item("Mark 15 shows a crack."),
            item("Marks 15 and 16 are cracked."),
            item("All marks are normal."),
            item("All marks are normal.", anomalous="no", marks=()),
            item("There is a crack."),
            item("Mark 15 shows a crack.", shown=None),
        ]
    )
    assert (right.value, right.score, right.details["chance"]) == (True, 1.0, pytest.approx(1 / 20))
    assert (half.value, half.score, half.details["precision"], half.details["recall"]) == (False, 0.5, 0.5, 1.0)
    assert (miss.value, miss.score, clear.value, clear.score) == (False, 0.0, True, 1.0)
    assert (silent.value, silent.reason, unknown.reason) == (None, "no-mark-judged", "no-marks")


def long_answer(size):
    generator = random.Random(size)
    nouns = ["crack", "scratch", "dent", "stain"]
    sentences = [
        f"Mark {generator.randint(1, 20)} shows a {generator.choice(nouns)} of {generator.random():.6f} mm. "
        for _ in range(size // 36)
    ]
    return "".join(sentences)


@pytest.mark.parametrize(
    "piece",
    ["1,", "1. ", "mark ", "mark 3 and ", "except ", "(", "1-", "mark 3, which ", "\n", "the other "],
)
def test_time_is_linear_in_the_length(piece):
    def least(size):
        text = piece * (size // len(piece))
        times = []
        for _ in range(3):
            start = time.process_time()
            read_marks(text, TWENTY)
            times.append(time.process_time() - start)
        return min(times)

    assert least(80_000) < 8 * 3 * max(least(10_000), 0.01)  # a quadratic reader takes 64 times as long


def test_a_megabyte_of_statements_is_read_in_about_a_second():
    text = long_answer(1_000_000)
    start = time.process_time()
    assert any(read_marks(text, TWENTY).values())
    assert time.process_time() - start < 3.5  # about one on an idle core


def test_more_numbers_than_anybody_writes_are_not_read():
    text = "Mark 15 is bad. " + "15, " * 110_000
    assert not any(read_marks(text, TWENTY).values())
    assert MarksScorer().judge([item(text)])[0].reason == "too-long"


@pytest.mark.parametrize(
    "text",
    [
        "All except 15 are normal.",
        "All, except for mark 15, are fine.",
        "Everything except 15 is normal.",
        "Everything but 15 looks fine.",
    ],
)
def test_all_except_one_clears_the_rest(text):
    assert read_marks(text, TWENTY) == {mark: mark == 15 for mark in TWENTY}
