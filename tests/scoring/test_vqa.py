import json
import time
from pathlib import Path

import pytest

from vlm_eval.flow import Answer, Gold, Item, Question, Sample
from vlm_eval.scoring.vqa import VqaScorer, normalize_vqa, vqa_accuracy

OFFICIAL = Path(__file__).parents[2].parent / "shared" / "data" / "vqa_official_dev.json"


def official():
    if not OFFICIAL.is_file():
        pytest.skip("the recorded outputs of the official scorer are not here")
    return json.loads(OFFICIAL.read_text())


def test_normalisation_matches_the_official_scorer():
    rows = official()["normalisation"]
    assert [normalize_vqa(row["text"]) for row in rows] == [row["normalized"] for row in rows]


def test_accuracy_matches_the_official_scorer():
    rows = official()["accuracy"]
    found = [vqa_accuracy(row["answer"], row["gt"]) for row in rows]
    assert found == pytest.approx([row["official_accuracy"] for row in rows], abs=1e-9)


def test_nothing_is_normalised_where_all_people_agree():
    assert vqa_accuracy("Yes", ["yes"] * 10) == 0
    assert vqa_accuracy("yes", ["yes"] * 10) == 100
    assert vqa_accuracy("Yes", ["yes"] * 9 + ["no"]) == 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", "0"),
        ("a.b.", "ab"),
        ("3.5 cm", "3.5 cm"),
        ("red/blue", "red blue"),
        ("red / blue", "red blue"),
        ("1,000-2", "10002"),  # a comma in a number lets every mark be deleted
        ("well-known", "well known"),
        ("dont", "don't"),
        ("couldnt've", "couldn't've"),
        ("it's: fine", "it's: fine"),  # apostrophe and colon are not on its list
        ("." * 40, "." * 8),  # its flag is taken for a count of 32
        ("line\none\ttwo", "line 1 2"),
    ],
)
def test_quirks_are_kept(text, expected):
    assert normalize_vqa(text) == expected


def test_a_question_without_human_answers_is_refused():
    with pytest.raises(ValueError, match="no human answers"):
        vqa_accuracy("yes", [])


def item(text, **gold):
    metadata = gold.pop("metadata", {})
    sample = Sample("c/1", "c", "image", (), "thing", Gold("yes", **gold), "c/1", metadata=metadata)
    return Item(sample, Question("vqa", "task"), Answer(text))


def test_the_scorer_takes_ten_answers_from_the_metadata_and_accepted_names_otherwise():
    people = "|".join(["yes"] * 3 + ["no"] * 7)
    judged = VqaScorer().judge(
        [item("Yes.", metadata={"answers": people}), item("scratch", accepted=("scratch", "scuff")), item("x")]
    )
    assert [round(one.score, 9) if one.score is not None else None for one in judged] == [0.9, 1.0, None]
    assert [one.value for one in judged] == [False, True, None]
    assert judged[2].reason == "no-accepted-answers"


def test_a_megabyte_is_normalised_in_under_a_second():
    start = time.process_time()
    normalize_vqa("the crack, couldnt've been 1.000 / " * 30_000)
    assert time.process_time() - start < 1


def test_one_string_of_human_answers_is_refused():
    with pytest.raises(ValueError, match="give a list"):
        vqa_accuracy("yes", "yes")
