import json
import os
import subprocess
import sys

import pytest

from vlm_eval.scoring.verdict import read_verdict
from vlm_eval.scoring.yes_no import read_yes_no

YES = (
    *("A: Yes", "Output: Yes", "Q: Is there a defect? A: Yes", "\\boxed{yes}", "<answer>Yes</answer>", "Yes</s>"),
    *(
        "yes yes yes",
        "It does.",
        "It is.",
        "There is.",
        "I think yes.",
        "Definitely yes",
        "Y",
        "Of course",
        "Correct.",
    ),
)
NO = (
    *(
        "A: No",
        "Response: no",
        "Q: Is there a defect? A: No",
        "\\boxed{\\text{No}}",
        "<answer>No</answer>",
        "No</s>",
    ),
    *(
        "no no no",
        "It does not.",
        "It doesn't",
        "There isn't.",
        "Certainly not!",
        "Definitely not.",
        "Of course not.",
    ),
    *("Not at all.", "I think no", "I would say no.", "N", "No<|im_end|>", "It does not. The bottle is intact."),
)


@pytest.mark.parametrize(("text", "said"), [*((text, "yes") for text in YES), *((text, "no") for text in NO)])
def test_a_yes_or_a_no_is_read_in_whatever_words_it_comes(text, said):
    claim, other = ("anomalous", "normal") if said == "yes" else ("normal", "anomalous")
    assert read_yes_no(text) == said
    assert read_verdict(text).claim == claim
    if "intact" not in text:
        assert read_verdict(text, yes_means="normal").claim == other


@pytest.mark.parametrize("opening", ["Certainly!", "Sure.", "Of course!", "Absolutely.", "Correct."])
def test_a_way_to_begin_is_no_yes(opening):
    assert read_verdict(f"{opening} The bottle is intact and shows no defects.").claim == "normal"


def test_a_short_answer_is_no_claim_where_the_question_was_no_yes_or_no_question():
    assert read_verdict("It does not.", yes_means=None).claim is None


def test_a_question_that_asks_for_kinds_of_faults_still_mutes_the_answer_to_it():
    text = "What could be wrong? Cracks, dents.\nThe bottle is intact."
    assert read_verdict(text).claim == "normal"


def test_the_order_in_which_python_keeps_sets_changes_no_reading():
    code = "import sys, json; from vlm_eval import read_verdict, read_yes_no; " + (
        "print([(read_verdict(text).claim, read_yes_no(text)) for text in json.load(sys.stdin)])"
    )
    read = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            input=json.dumps([*YES, *NO]),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "4", "7")
    ]
    assert read[0] == read[1] == read[2]
