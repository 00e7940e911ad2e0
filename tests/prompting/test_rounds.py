"""The words of later rounds."""

from pathlib import Path

import pytest

from vlm_eval.errors import PromptError
from vlm_eval.flow import Gold, Sample, Standard
from vlm_eval.prompting.cells import Ingredients
from vlm_eval.prompting.environment import open_templates
from vlm_eval.prompting.render import render_round
from vlm_eval.prompting.rounds import read_rounds
from vlm_eval.resources import shipped

TEMPLATES = open_templates()


def sample(standard=None):
    nouns = {"noun": "bottle", "plural": "bottles"}
    return Sample(
        "c/a", "c", "image", (Path("a.png"),), "bottle", Gold("no"), "c/a", nouns=nouns, standard=standard
    )


FULL = sample(Standard("show a clean bottle", "cracks, dents"))


def test_every_shipped_round_is_declared():
    assert set(read_rounds(TEMPLATES)) == {path.stem for path in shipped("prompts").glob("rounds/*.jinja")}


@pytest.mark.parametrize("name", sorted(read_rounds(TEMPLATES)))
def test_every_shipped_round_is_one_clean_line(name):
    text = render_round(FULL, Ingredients(shots=1), name, TEMPLATES, "Are you sure?")
    assert text and "  " not in text and " ." not in text and "\n" not in text
    assert name == "feedback" or "second image" in text


def test_rules_are_numbered_one_by_one():
    rules = sample(Standard(rules=("The cap must be closed.", "The label must be straight.")))
    text = render_round(rules, Ingredients(), "check-each-rule", TEMPLATES)
    assert (
        "1. The cap must be closed. 2. The label must be straight. Then conclude: Does the image contain" in text
    )


def test_a_hint_tells_what_the_cell_did_not_and_the_question_stays_the_cells():
    text = render_round(FULL, Ingredients(), "hint-normal", TEMPLATES)
    assert "should show a clean bottle" in text and "Does the image contain anomalies" in text


@pytest.mark.parametrize("name", ["check-each-rule", "hint-normal", "hint-defects"])
def test_a_round_that_needs_what_the_card_lacks_says_so(name):
    with pytest.raises(PromptError, match="Add it to the card"):
        render_round(sample(), Ingredients(), name, TEMPLATES)
