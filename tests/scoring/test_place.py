import time

import numpy as np
import pytest
from PIL import Image

from vlm_eval.flow import Answer, Box, Gold, Item, Question, Sample
from vlm_eval.scoring.boxes import find_boxes
from vlm_eval.scoring.gold_place import mask_cells
from vlm_eval.scoring.grid_words import cell_names
from vlm_eval.scoring.place import PlaceScorer, read_place


def said(text, **options):
    return cell_names(place.cell for place in read_place(text, **options).places)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes. There is a scratch at the top left.", "top left"),
        ("The top left and top right candles are normal. The bottom right candle has a dent.", "bottom right"),
        ("There is a scratch. It is at the bottom.", "bottom"),
        ("A crack in the upper-left corner and a hole at the center.", "top left; center"),
        ("Yes. Top left.", "top left"),
        ("top left", "top left"),
        ("The fruit should be on the left side, but they are on the right side in the provided image.", "right"),
        ("No. The top left is fine.", ""),
        ("There might be a scratch on the left.", ""),
    ],
)
def test_only_accused_places_are_read(text, expected):
    assert said(text) == expected


def test_left_and_right_of_a_patient_do_not_count():
    assert said("There is a mass on the right side of the image.", medical=True) == "right"
    assert read_place("There is a mass in the right lung.", medical=True).ambiguous
    assert said("There's an opacity in the left upper lobe.", medical=True) == "top"
    assert said("There's an opacity in the left upper lobe.") == "top left"


def test_the_evidence_is_the_place_in_the_whole_answer():
    text = "<think>maybe at the bottom</think> There is a scratch at the top left."
    (place,) = read_place(text).places
    assert text[slice(*place.span)] == "top left"


@pytest.fixture
def mask(tmp_path):
    pixels = np.zeros((90, 60), dtype=np.uint8)
    pixels[5:25, 2:18] = 255  # the top left cell, 30 x 20 pixels
    path = tmp_path / "mask.png"
    Image.fromarray(pixels).save(path)
    return path


def item(text, *, anomalous="yes", modality="image", yes_means="anomalous", sources=(), metadata=None, **gold):
    sample = Sample("a", "c", modality, sources, "x", Gold(anomalous, **gold), "a", metadata=metadata or {})
    return Item(sample, Question("chat", "task", yes_means=yes_means), Answer(text))


def judge(*items, **options):
    return PlaceScorer(**options).judge(items)


def test_a_right_verdict_has_a_right_a_wrong_or_no_place(mask):
    right, wrong, none = judge(
        item("There is a scratch at the top left.", masks=(mask,)),
        item("There is a scratch at the bottom right.", masks=(mask,)),
        item("There is a scratch.", masks=(mask,)),
    )
    assert [one.value for one in (right, wrong, none)] == ["right", "wrong", "none"]
    assert right.details["exact"] is True
    assert right.details["chance"] == pytest.approx(1 / 9)
    assert (right.details["gold"], none.evidence) == ("top left", None)


def test_a_vague_place_is_right_but_its_chance_stands_beside_it(mask):
    (found,) = judge(item("There is a scratch on the left.", masks=(mask,)))
    assert (found.value, found.details["exact"]) == ("right", False)
    assert found.details["chance"] == pytest.approx(1 / 3)


def test_without_a_right_verdict_the_place_is_not_judged(mask):
    found = judge(
        item("No. It is fine.", masks=(mask,)),
        item("There is a scratch at the top.", anomalous="no"),
        item("There is a scratch at the top."),
        item("There is a scratch at the top.", masks=(mask.with_name("gone.png"),)),
    )
    assert [one.reason for one in found] == ["not-accused", "normal-item", "no-gold-place", "gold-unreadable"]
    assert {one.value for one in found} == {None}


def test_a_direct_question_for_the_place_needs_no_verdict(mask):
    (found,) = judge(item("Top left.", masks=(mask,), yes_means=None))
    assert found.value == "right"


def test_the_stated_place_of_a_data_set_is_used_where_there_is_no_mask():
    right, wrong = judge(
        item("There is a scratch at the top left.", place="top left"),
        item("A scratch at the top.", place="bottom"),
    )
    assert (right.value, wrong.value) == ("right", "wrong")


def test_the_stated_place_counts_beside_the_mask(mask):
    by_mask, by_word = judge(
        item("There is a scratch at the top left.", masks=(mask,), place="top"),
        item("There is a scratch at the top.", masks=(mask,), place="top"),
    )
    assert (by_mask.value, by_mask.details["exact"]) == ("right", False)
    assert (by_word.value, by_word.details["exact"]) == ("right", True)


def test_a_medical_answer_that_names_the_patients_side_has_no_place(mask):
    (found,) = judge(item("There is a mass in the left lung.", modality="medical", masks=(mask,)))
    assert (found.value, found.reason) == ("none", "left-or-right-of-the-patient")


@pytest.mark.parametrize(
    ("text", "scale", "value"),
    [
        ("There is a scratch at [0.05, 0.06, 0.3, 0.27].", None, "right"),
        ("There is a scratch at [0.5, 0.6, 0.9, 0.9].", None, "wrong"),
        ("There is a scratch <box>(33,55),(300,277)</box>.", None, "right"),
        ("There is a scratch at [2, 5, 18, 25].", "pixel", "right"),
        ("There is a scratch at [33, 55, 300, 277].", "thousand", "right"),
    ],
)
def test_boxes_are_compared_with_the_mask(mask, text, scale, value):
    (found,) = judge(item(text, masks=(mask,)), box_scale=scale)
    assert found.value == value
    assert "[" in text[slice(*found.evidence)] or "(" in text[slice(*found.evidence)]


def test_the_iou_of_a_box_is_exact(mask):
    (found,) = judge(item("There is a scratch at [2, 5, 18, 45].", masks=(mask,)), box_scale="pixel")
    assert found.score == pytest.approx(0.5)


def test_the_scale_of_a_box_is_never_guessed(mask):
    (found,) = judge(item("There is a scratch at [2, 5, 18, 25].", masks=(mask,)))
    assert (found.value, found.reason) == (None, "box-scale")


def test_gold_boxes_need_the_pictures_size(tmp_path):
    picture = tmp_path / "picture.png"
    Image.new("RGB", (60, 90)).save(picture)
    box = (Box(2, 5, 18, 25),)
    right, unknown = judge(
        item("A scratch at the top left.", boxes=box, sources=(picture,)), item("A scratch at the top.", boxes=box)
    )
    assert (right.value, unknown.reason) == ("right", "gold-unreadable")


def test_times_are_compared_with_gold_intervals():
    right, wrong, none = judge(
        item("There is a spike at t=130.", intervals=((120, 140),), modality="time-series"),
        item("There is a spike at t=300.", intervals=((120, 140),), modality="time-series"),
        item("There is a spike.", intervals=((120, 140),), modality="time-series"),
    )
    assert [one.value for one in (right, wrong, none)] == ["right", "wrong", "none"]


def test_an_anomaly_lies_in_every_cell_with_a_fifth_of_it():
    wide = np.zeros((9, 9), dtype=bool)
    wide[0, 0:6] = True
    assert cell_names(mask_cells(wide)) == "top left; top"
    everywhere = np.ones((9, 9), dtype=bool)
    assert len(mask_cells(everywhere)) == 9  # none has a fifth; all are the fullest


def test_numbers_that_are_no_box_are_not_read():
    assert find_boxes("The point (2, 40) and [1, 2, 3] and 1, 2, 3, 4.") == []
    (reversed_box,) = find_boxes("[0.9, 0.9, 0.1, 0.1]")
    assert reversed_box.in_pixels((10, 10)) is None


def test_a_megabyte_is_read_in_about_a_second():
    text = "There is a scratch at the top left. " * 28_000
    start = time.process_time()
    assert read_place(text).places
    assert time.process_time() - start < 3.5  # about one on an idle core


@pytest.mark.parametrize(
    "piece", ["top ", "left lower part of the ", "top of the ", "[1,", "(1,2),", "top left and "]
)
def test_time_is_linear_in_the_length(piece):
    def least(size):
        text = piece * (size // len(piece))
        times = []
        for _ in range(3):
            start = time.process_time()
            read_place(text)
            find_boxes(text)
            times.append(time.process_time() - start)
        return min(times)

    assert least(80_000) < 8 * 3 * max(least(10_000), 0.01)  # a quadratic reader takes 64 times as long
