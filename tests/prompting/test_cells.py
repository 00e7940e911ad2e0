"""Cells of a grid: their names, their levels, and what a grid refuses."""

import pytest

from vlm_eval.errors import ExperimentError
from vlm_eval.prompting.cells import Ingredients, ablation_levels, factorial, read_ingredients


def test_the_usual_wording_and_the_usual_seed_are_not_told_in_a_name():
    cells = factorial({"reference": [1], "wording": [0, 2, "terse"], "reference_seed": [7, 8]}, usual_seed=7)
    assert [cell.name for cell in cells] == [
        "task+reference",
        "task+reference+seed8",
        "task+reference+wording2",
        "task+reference+wording2+seed8",
        "task+reference+wording-terse",
        "task+reference+wording-terse+seed8",
    ]


def test_levels_keep_their_kind_and_a_seed_is_told_only_where_it_is_a_factor():
    (cell,) = factorial({"wording": ["terse"], "reference": [1], "reference_seed": [3]})
    assert cell.ingredients.levels() == {
        "class": 0, "standard": 0, "reference": 1, "marks": 0, "wording": "terse", "reference_seed": 3,
    }  # fmt: skip
    assert "reference_seed" not in Ingredients(shots=1).levels()


def test_without_a_reference_all_its_seeds_are_one_cell():
    cells = factorial({"reference": [0, 1], "reference_seed": [0, 1, 2]})
    assert [cell.name for cell in cells] == [
        "task",
        "task+reference",
        "task+reference+seed1",
        "task+reference+seed2",
    ]
    assert cells[0].ingredients == Ingredients()


def test_a_grid_without_the_new_factors_is_as_before():
    cells = factorial({"class": [0, 1], "reference": [0, 2]})
    assert [cell.name for cell in cells] == ["task", "task+reference2", "task+class", "task+class+reference2"]
    assert cells[3].ingredients == Ingredients(class_info=True, shots=2)


def test_an_ablation_gives_each_factor_the_levels_it_stands_for():
    assert ablation_levels(["class", " wording"]) == {"class": [0, 1], "wording": [0, 1, 2, 3]}
    assert ablation_levels(["reference", "reference_seed"]) == {"reference": [0, 1], "reference_seed": [0, 1, 2]}
    assert ablation_levels(["reference_seed"])["reference"] == [1]


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"reference_seed": [0, 1]}, "Add reference: .1. to the grid"),
        ({"reference": [0], "reference_seed": [0, 1]}, "Add reference: .1. to the grid"),
        ({"reference": [1], "reference_seed": ["a"]}, "allowed are whole numbers"),
        ({"wording": ["../secret"]}, "names of folders under wordings/"),
        ({"wording": [-1]}, "names of folders under wordings/"),
        ({"wording": [1, "1"]}, "give each level once"),
        ({"class": ["terse"]}, "allowed are off and on"),
        ({"reference": [-1]}, "numbers of pictures"),
        ({"class": []}, "give each level once"),
    ],
)
def test_an_impossible_level_is_named(factors, message):
    with pytest.raises(ExperimentError, match=message):
        factorial(factors)


def test_a_wording_can_be_named_where_one_prompt_is_asked_for():
    assert read_ingredients({"class": 1, "wording": "terse"}) == Ingredients(class_info=True, wording="terse")


def test_readings_and_kinds_of_references_are_told_where_they_are_on():
    cells = factorial({"auxiliary": [0, 1], "reference": [0, 2], "reference_kind": ["normal", "defect"]})
    assert [cell.name for cell in cells] == [
        "task",
        "task+reference2",
        "task+reference2+defect",
        "task+auxiliary",
        "task+reference2+auxiliary",
        "task+reference2+auxiliary+defect",
    ]
    assert "auxiliary" not in cells[0].ingredients.levels()
    assert cells[-1].ingredients.levels()["reference_kind"] == "defect"
    assert ablation_levels(["reference_kind"]) == {"reference": [1], "reference_kind": ["normal", "defect"]}


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"reference_kind": ["normal", "defect"]}, "reference_kind is in the grid, but no cell shows a reference"),
        ({"reference": [1], "reference_kind": ["bad"]}, "allowed are normal and defect"),
        ({"auxiliary": [2]}, "allowed are off and on"),
    ],
)
def test_kinds_and_readings_take_their_own_levels_only(factors, message):
    with pytest.raises(ExperimentError, match=message):
        factorial(factors)
