"""The names of the embedding scorers."""

import pytest

from vlm_eval.errors import ExperimentError
from vlm_eval.scoring.mapping_names import is_mapping_name, open_mapping


@pytest.mark.parametrize("name", ["mapping", "mapping:open-images", "categories", "categories:via-classes"])
def test_a_scorer_is_opened_by_its_own_name(name):
    assert is_mapping_name(name)
    assert open_mapping(name).name == name


def test_options_follow_a_question_mark_and_are_part_of_the_version():
    scorer = open_mapping("mapping:open-images?embed=whole&descriptions=both&embedder=clip:org/name&threshold=0.3")
    assert scorer.name == "mapping:open-images"
    for part in ("embed=whole", "descriptions=both", "embedder=clip:org/name", "threshold=0.3"):
        assert part in scorer.version


def test_a_table_of_descriptions_changes_the_version():
    name = "categories?descriptions=answers"
    assert open_mapping(name).version != open_mapping(name, {"a": "b"}).version


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("words", "no embedding scorer"),
        ("mapping:nothing", "no label space"),
        ("mapping?embd=whole", "'embd' is no option"),
        ("mapping?embed=all", "accused, sentence, whole"),
        ("mapping?threshold=high", "must be a number"),
        ("categories?threshold=nan", "between -1 and 1"),
    ],
)
def test_a_name_that_cannot_be_used_is_explained(name, message):
    with pytest.raises(ExperimentError, match=message):
        open_mapping(name)
