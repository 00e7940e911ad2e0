"""What single probes change of an item: standards, options, views, parts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlm_eval.flow import Answer, Box, Gold, Item, Question, Sample, Standard
from vlm_eval.runs.items import as_asked
from vlm_eval.runs.probe_changes import (
    Shown,
    other_options,
    other_view,
    random_marks,
    shuffled_rules,
    shuffled_words,
    swapped_options,
)
from vlm_eval.runs.probe_parts import free_part, knows_places
from vlm_eval.runs.probe_views import another_view
from vlm_eval.scoring.choice_scorer import ChoiceScorer
from vlm_eval.views.open import count_views, make_recipe

NINE = {
    "top left", "top middle", "top right", "middle left", "middle", "middle right",
    "bottom left", "bottom middle", "bottom right",
}  # fmt: skip


def sample(gold="no", **changes) -> Sample:
    gold = Gold(gold) if isinstance(gold, str) else gold
    return Sample("c/a.png", "c", "image", (Path("a.png"),), "bolt", gold, "c/a", **changes)


def told(change, **changes) -> Sample | None:
    found = change(Shown(sample(**changes), ()), ())
    return None if found is None else found.sample


def test_the_words_of_each_phrase_are_all_there_in_another_order() -> None:
    standard = Standard("show a clean thread", "dents or rust", ("The nut is round.",), "a book")
    shuffled = told(shuffled_words, standard=standard).standard
    for before, after in (
        (standard.normal, shuffled.normal),
        (standard.abnormal, shuffled.abnormal),
        (standard.rules[0], shuffled.rules[0]),
    ):
        assert before != after and sorted(before.split()) == sorted(after.split())
    assert shuffled == told(shuffled_words, standard=standard).standard


@pytest.mark.parametrize("standard", [None, Standard("shine"), Standard(rules=("Clean!",))])
def test_a_standard_without_an_order_has_no_other(standard) -> None:
    assert told(shuffled_words, standard=standard) is None
    assert told(shuffled_rules, standard=standard) is None


@pytest.mark.parametrize("count", [2, 3, 9])
def test_rules_stay_whole_and_change_places(count) -> None:
    rules = tuple(f"Rule {number} holds." for number in range(count))
    shuffled = told(shuffled_rules, standard=Standard(rules=rules)).standard.rules
    assert shuffled != rules and sorted(shuffled) == sorted(rules)


def test_options_change_places_under_the_same_letters() -> None:
    asked = sample(
        question="Is there a defect?\nA. Yes.\nB. No.",
        metadata={"option A": "Yes.", "option B": "No.", "right option": "A"},
    )
    shown = swapped_options(Shown(asked, ()), ()).sample
    assert shown.question == "Is there a defect?\nA. No.\nB. Yes."
    assert other_options(asked, shown) == {"A": "No.", "B": "Yes."}
    assert other_options(asked, asked) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"question": "Is it fine?"},
        {"question": "Is it?\nA) Yes\nB) No", "metadata": {"option A": "Yes", "option B": "No"}},
        {"metadata": {"option A": "Yes", "option B": "No"}},
    ],
)
def test_options_that_are_not_listed_line_by_line_stay(changes) -> None:
    assert told(swapped_options, **changes) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"project": {}}, {"project": {"turn_z": 30}}),
        ({"project": {"up": "-y", "turn_y": 10}}, {"project": {"up": "-y", "turn_y": 40}}),
        ({"plot": {"windows": 4}}, {"plot": {"windows": 3}}),
        ({"plot": {}}, {"plot": {"height": 224}}),
        ({"plot": {"height": 200}}, {"plot": {}}),
        ({"video": {"frames": 6}}, {"video": {"frames": 6, "at": "changes"}}),
        ({"video": {"at": "changes"}}, {"video": {}}),
        ({"nifti": {"plane": "coronal"}}, {"nifti": {"plane": "coronal", "side": "neurological"}}),
        ({"dicom": {"slices": 3}}, {"dicom": {"slices": 2}}),
        ({"plot": {}, "zoom": {"left": 0.5}}, {"plot": {"height": 224}, "zoom": {"left": 0.5}}),
        ({"resize": {}}, None),
        ({"dicom": {}}, None),
        ({"text": {}}, None),
        ({"video": {"times": "1, 2"}}, None),
    ],
)
def test_another_view_shows_the_same_thing_otherwise(before, after) -> None:
    found = another_view(make_recipe(before))
    expected = None if after is None else make_recipe(after)
    assert (found and [step.operation for step in found]) == (expected and [step.operation for step in expected])
    assert found is None or all(
        dict(one.parameters) == dict(other.parameters) for one, other in zip(found, expected, strict=True)
    )


def test_another_view_holds_for_references_too() -> None:
    turned = told(
        other_view, recipe=make_recipe({"project": {}}), reference_recipe=make_recipe({"project": {"size": 99}})
    )
    assert dict(turned.reference_recipe[0].parameters) == {"size": 99, "turn_z": 30}
    assert told(other_view) is None


def test_random_marks_are_as_many_as_those_that_a_data_set_brings() -> None:
    brought = told(random_marks, marked=Path("marked.png"), metadata={"marks": 6})
    assert brought.marked is None and dict(brought.marking[0].parameters) == {"count": 6, "regions": "random"}
    assert told(random_marks) is None


def test_the_part_that_is_asked_about_is_free_of_the_defect(tmp_path) -> None:
    Image.new("RGB", (90, 90)).save(tmp_path / "a.png")
    mask = np.zeros((90, 90), np.uint8)
    mask[40:50, 65:70] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    by_mask = replace(sample(Gold("yes", masks=(tmp_path / "mask.png",))), sources=(tmp_path / "a.png",))
    assert free_part(by_mask) in {"top left", "middle left", "bottom left"}
    by_box = replace(by_mask, gold=Gold("yes", boxes=(Box(0, 0, 60, 90),)))
    assert free_part(by_box).endswith("right")
    everywhere = replace(by_mask, gold=Gold("yes", boxes=(Box(0, 0, 90, 90),)))
    assert free_part(everywhere) is None


def test_a_place_in_words_is_enough_and_no_place_is_not() -> None:
    assert free_part(sample(Gold("yes", place="top left"))) == "bottom right"
    assert free_part(sample(Gold("yes"))) is None
    assert free_part(sample("unknown")) is None
    assert not knows_places([sample(), sample(Gold("yes"))])
    assert knows_places([sample(), sample(Gold("yes", place="top left"))])


def test_any_part_of_a_normal_item_will_do_and_all_of_them_are_drawn() -> None:
    drawn = [free_part(replace(sample(), id=f"c/{number}")) for number in range(200)]
    assert set(drawn) == NINE
    assert drawn == [free_part(replace(sample(), id=f"c/{number}")) for number in range(200)]


def test_several_pictures_have_no_part_in_common() -> None:
    several = sample(recipe=make_recipe({"project": {"views": "around 6"}}))
    assert count_views(several.recipe) == 6 and free_part(several) is None


def test_marks_at_random_places_are_not_taken_for_those_whose_gold_is_known() -> None:
    marked = sample(metadata={"marks": 2, "mark 1": "0 0 5 5", "mark 2": "5 0 9 5"})
    roles = ("query", "marked")
    assert list(as_asked(Question("chat", "marks", image_roles=roles), marked).marks) == ["1", "2"]
    assert not as_asked(Question("chat", "marks ~ random-marks", image_roles=roles), marked).marks


@pytest.mark.parametrize(("said", "hit"), [("A", False), ("B", True)])
def test_an_option_that_changed_places_is_right_by_what_it_says(said, hit) -> None:
    asked = sample(metadata={"option A": "Yes.", "option B": "No.", "right option": "A"})
    swapped = Question("choice", "task ~ swapped-options", None, options={"A": "No.", "B": "Yes."})
    (judged,) = ChoiceScorer().judge([Item(asked, swapped, Answer(said))])
    assert judged.details["hit"] is hit
    plain = as_asked(Question("choice", "task", None), asked)
    (judged,) = ChoiceScorer().judge([Item(asked, plain, Answer(said))])
    assert judged.details["hit"] is not hit
