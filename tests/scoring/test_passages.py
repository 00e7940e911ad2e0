"""What of an answer is embedded."""

import time

import pytest

from vlm_eval.flow import Question, ReplyField
from vlm_eval.scoring.passages import find_in_item, find_passages

ROOM = "The image shows a living room with a sofa and a lamp. There is a rug on the floor. "


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        ("a bathtub", "a bathtub"),
        ("The stretcher.", "The stretcher"),
        ("Sports uniform", "Sports uniform"),
        ("The surfboard is out of place in this room.", "The surfboard"),
        (ROOM + "The anomaly in this scene is the surfboard, because it does not belong there.", "the surfboard"),
        ("There is a crocodile in the bathroom, which is unusual.", "a crocodile"),
        ("Yes. There is a scratch at the top left.", "a scratch"),
        ("The bottle has a large crack on its neck.", "a large crack"),
        ("The two objects that stand out are a chainsaw and a doll.", "a chainsaw and a doll"),
        ("The object in question is a llama.", "a llama"),
        ("**Answer:** The snowman", "The snowman"),
    ],
)
def test_the_accused_phrase_is_cut_out_of_the_answer(answer, phrase):
    (passage,) = find_passages(answer).passages
    assert passage.text == phrase
    assert answer[slice(*passage.span)] == phrase


def test_where_the_conclusion_names_nothing_the_findings_before_it_are_taken():
    answer = "There is a crack on the rim. There is a dent on the base. In conclusion, the image has anomalies."
    assert [passage.text for passage in find_passages(answer).passages] == ["a crack", "a dent"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        (" \n ...", "empty"),
        ("No. There are no anomalies or defects.", "claims-normal"),
        ("None", "claims-normal"),
        ("I'm sorry, but I cannot help with this image.", "refused"),
        ("Yes", "names-nothing"),
        ("Yes, there is an anomaly.", "names-nothing"),
    ],
)
def test_an_answer_that_names_nothing_has_no_passage_but_a_reason(answer, reason):
    found = find_passages(answer)
    assert (found.passages, found.reason) == ((), reason)


def test_a_sentence_whose_phrase_cannot_be_told_is_taken_as_it_is():
    (passage,) = find_passages("Hello. Yes, the wire is bent.").passages
    assert passage.kind == "sentence" and "wire is bent" in passage.text


def test_each_sentence_or_the_whole_answer_can_be_taken_instead():
    answer = ROOM + "The surfboard is out of place."
    sentences = find_passages(answer, "sentence").passages
    assert [passage.text for passage in sentences] == [
        "The image shows a living room with a sofa and a lamp",
        "There is a rug on the floor",
        "The surfboard is out of place",
    ]
    assert find_passages(answer, "whole").passages[0].text == answer.rstrip(".")


def test_a_reasoning_trace_is_not_embedded():
    (passage,) = find_passages("<think>Maybe the crocodile?</think>The surfboard", "whole").passages
    assert passage.text == "The surfboard"


def test_a_plain_no_follows_what_its_question_means_by_no(item):
    asked = Question("chat", "naive", yes_means="normal")
    assert find_in_item(item("Yes.", question=asked), "accused").reason == "claims-normal"


def test_a_declared_normal_verdict_in_json_has_no_passage(item):
    fields = (ReplyField("verdict", "verdict", ("anomalous",), ("normal",)),)
    asked = Question("json", "naive", reply_fields=fields)
    assert find_in_item(item('{"verdict": "normal"}', question=asked), "accused").reason == "claims-normal"


@pytest.mark.parametrize("part", ["accused", "sentence", "whole"])
@pytest.mark.parametrize("piece", ["there is a ", "the object ", "a", ", because ", "is odd ", "a crack. "])
def test_time_is_linear_in_the_length_of_an_answer(part, piece):
    def seconds(length):
        start = time.process_time()
        find_passages((piece * length)[:length], part)
        return time.process_time() - start

    assert seconds(400_000) < 12 * seconds(100_000) + 0.5
