import time

import pytest

from vlm_eval.flow import Answer, Gold, Item, Question, Sample
from vlm_eval.scoring.choice import read_choice
from vlm_eval.scoring.choice_scorer import ChoiceScorer
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
        ("It is B.", "B"),
        ("Not A. It's B.", "B"),
        ('{"answer": "B"}', "B"),
        ("\\boxed{B}", "B"),
        ("<answer>B</answer>", "B"),
        ("It cannot be A or C, so B.", "B"),
        ("No defect is visible.", "B"),
    ],
)
def test_a_key_or_an_option_text_is_read(text, key):
    assert read_choice(text, TEXTS) == key


def test_an_article_is_no_key():
    assert read_choice("No defect is visible, A clean bottle", YES_NO) == "B"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot tell.",
        "A or B",
        "A, B",
        "Answer: A or B",
        "A. Yes\nB. No",
        "A. Yes. B. No.",
        "The answer is A. The answer is B.",
    ],
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


def test_a_denial_of_one_option_does_not_pick_the_one_that_begins_with_no():
    assert read_choice("Not A.", {"A": "A crack.", "B": "No defect."}) is None


@pytest.mark.parametrize("piece", ["answer ", "answer is ", "(", "A, ", "A. ", "it is ", "**A**", " "])
def test_a_megabyte_of_choices_is_read_in_linear_time(piece):
    text = "answer" + piece * (1_000_000 // len(piece))
    start = time.process_time()
    read_choice(text, TEXTS)
    assert time.process_time() - start < 2  # about 0.3 s; a quadratic reader takes minutes


def question(text, *, right="B", options=TEXTS):
    sample = Sample(
        "a", "c", "image", (), "x", Gold("yes"), "a", metadata={"right option": right} if right else {}
    )
    return Item(sample, Question("choice", "task", options=options), Answer(text))


def test_the_scorer_keeps_the_published_reading_apart_and_abstains_where_nothing_is_picked():
    texts = ["The answer is B.", "No defect is visible. A clean bottle", "I cannot tell.", ""]
    picked, clean, silent, empty = ChoiceScorer().judge([question(text) for text in texts])
    assert (picked.value, picked.details["hit"], picked.details["published"]) == ("B", True, "B")
    assert (clean.details["published"], silent.details["published"]) == ("A", None)
    assert (silent.value, silent.reason, silent.details["hit"]) == (None, "none", False)
    assert (empty.value, empty.reason) == (None, "empty")


def test_a_question_without_options_or_without_a_key_says_so():
    without, unkeyed = ChoiceScorer().judge([question("B", options={}), question("B", right=None)])
    assert (without.value, without.reason) == (None, "no-options")
    assert (unkeyed.value, "hit" in unkeyed.details) == ("B", False)


@pytest.mark.parametrize(
    "text", ["B</s>", "I would go with B", "I'd say B.", "I choose B because the edge is bent", "B<|im_end|>"]
)
def test_a_choice_is_read_in_the_words_that_models_use(text):
    assert read_choice(text, TEXTS) == "B"
