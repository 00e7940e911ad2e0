"""The key of a request is pinned: a change of its form must be meant."""

from dataclasses import replace
from pathlib import Path

import pytest

from vlm_eval.flow import Generation, Model, Prompt, Turn, View
from vlm_eval.runs.keys import request_key


def view(identity="a" * 64, role="query"):
    return View(role, Path("x.png"), (), identity, (8, 8), lambda path, recipe: b"")


MODEL = Model("openai", "gpt-4o")
PROMPT = Prompt((Turn("user", (view(), "Is anything wrong?")),))
GOLDEN = "89a9a9ce3fd9d61853d51930a6328af3d1cc83a8434638dc52ec10a9b3b0648d"


def test_the_golden_key_has_not_changed():
    assert request_key(MODEL, PROMPT, Generation(), 0) == GOLDEN


@pytest.mark.parametrize(
    "other",
    [
        (replace(MODEL, family="auto"), PROMPT, Generation(), 0),
        (replace(MODEL, checkpoint="gpt-5"), PROMPT, Generation(), 0),
        (replace(MODEL, revision="abc"), PROMPT, Generation(), 0),
        (replace(MODEL, dtype="float16"), PROMPT, Generation(), 0),
        (replace(MODEL, quantization="4bit"), PROMPT, Generation(), 0),
        (MODEL, PROMPT, Generation(max_tokens=5), 0),
        (MODEL, PROMPT, Generation(temperature=0.5), 0),
        (MODEL, PROMPT, Generation(yes_no=True), 0),
        (MODEL, PROMPT, Generation(), 1),
        (MODEL, Prompt((Turn("user", (view(), "Is anything wrong??")),)), Generation(), 0),
        (MODEL, Prompt((Turn("user", (view("b" * 64), "Is anything wrong?")),)), Generation(), 0),
        (MODEL, Prompt((Turn("user", ("Is anything wrong?", view())),)), Generation(), 0),
    ],
)
def test_whatever_can_change_an_answer_changes_the_key(other):
    assert request_key(*other) != GOLDEN


def test_where_the_file_lies_and_what_role_it_plays_do_not_change_the_key():
    elsewhere = View("reference", Path("y.png"), (), "a" * 64, (1, 1), lambda path, recipe: b"")
    same = Prompt((Turn("user", (elsewhere, "Is anything wrong?")),))
    assert request_key(MODEL, same, Generation(), 0) == GOLDEN
