import pytest

from vlm_eval.scoring.choice import read_choice
from vlm_eval.scoring.yes_no import read_yes_no

YES_NO = {"A": "Yes", "B": "No"}
TEXTS = {"A": "There is a crack in region C", "B": "No defect", "C": "A clean bottle"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("B", "B"),
        ("b.", "B"),
        ("(b)", "B"),
        ("**B.** No", "B"),
        ("B because of what is seen in region C", "B"),
        ("Answer: A", "A"),
        ("The correct answer is (A).", "A"),
        ("Option B is correct.", "B"),
        ("C. A clean bottle", "C"),
        ("A clean bottle", "C"),
        ("There is a crack in region C.", "A"),
        ("It may look like A, but the final answer is B.", "B"),
    ],
)
def test_a_key_or_an_option_text_is_read(text, key):
    assert read_choice(text, TEXTS) == key


def test_an_article_is_no_key():
    assert read_choice("No defect is visible, A clean bottle", YES_NO) == "B"


@pytest.mark.parametrize(
    "text", ["", "I cannot tell.", "A or B", "A. Yes\nB. No", "The answer is A. The answer is B."]
)
def test_nothing_is_guessed(text):
    assert read_choice(text, YES_NO) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes", "yes"),
        ("**No**", "no"),
        ("no, both circles are equal", "no"),
        ("The answer is yes.", "yes"),
        ("There is a dog in the image.", "yes"),
        ("There is no dog in the image.", "no"),
        ("It does not.", "no"),
        ("True", "yes"),
        ("ASSISTANT: No", "no"),
        ("Yes and no.", None),
        ("I can't tell.", None),
        ("It might be.", None),
        ("The dog is brown.", None),
        ("", None),
    ],
)
def test_yes_and_no_are_read_for_any_direct_question(text, answer):
    assert read_yes_no(text) == answer
