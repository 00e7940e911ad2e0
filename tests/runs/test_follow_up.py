import pytest

from vlm_eval.flow import Answer, Generation, Model, Prompt, Turn
from vlm_eval.runs.follow_up import after_answer
from vlm_eval.runs.keys import make_request

ASKED = make_request(Model("scripted", "x"), Prompt((Turn("user", ("Is it fine?",)),)), Generation(), 2)


def test_the_follow_up_holds_the_question_the_answer_and_the_forced_question():
    found = after_answer(ASKED, Answer("There is a crack.", reasoning="hm"), "Answer with yes or no only.")
    assert [turn.role for turn in found.prompt.turns] == ["user", "assistant", "user"]
    assert found.prompt.text == "Is it fine?\nThere is a crack.\nAnswer with yes or no only."
    assert found.generation.yes_no and found.repeat == 2
    assert found.key != after_answer(ASKED, Answer("It is fine."), "Answer with yes or no only.").key


def test_an_empty_answer_has_no_follow_up():
    with pytest.raises(ValueError, match="nothing to follow up"):
        after_answer(ASKED, Answer(" "), "Answer with yes or no only.")
