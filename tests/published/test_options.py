"""MMAD's results and RobustMAD's answers, against aggregates counted by hand."""

import json
import random

import pandas as pd
import pytest

from vlm_eval.errors import ExperimentError
from vlm_eval.published.options import read_mmad_results, read_robustmad

ASKED = {"type": "text", "text": "Question: Is there any defect? \nA. Yes\nB. No\n"}


def mmad(image, right, said, kind="Anomaly Detection"):
    return {"image": image, "question": ASKED, "question_type": kind, "correct_answer": right, "gpt_answer": said}


def write(tmp_path, data):
    file = tmp_path / "answers.json"
    file.write_text(json.dumps(data))
    return file


def test_mmads_detection_is_the_mean_of_both_rates_and_its_dropping_of_answers_is_reproduced(tmp_path):
    rows = [
        mmad("DS-MVTec/bottle/image/good/000.png", "B", "B"),
        mmad("DS-MVTec/bottle/image/good/001.png", "B", ""),  # dropped, and the next with it
        mmad("DS-MVTec/bottle/image/crack/000.png", "A", "A"),
        mmad("DS-MVTec/bottle/image/crack/001.png", "A", "B"),
    ]
    replay = read_mmad_results(write(tmp_path, rows))
    found = {one.name: (one.published, one.ours) for one in replay.figures if one.part == "DS-MVTec"}
    assert found["Overkill"] == (0, 50)
    assert found["Miss"][1] == 50
    assert found["Anomaly Detection"][1] == 50  # of four questions the empty one and one other are wrong
    assert len(replay.items) == 4 and replay.items[1].answer.text == ""
    assert replay.items[0].question.options == {"A": "Yes", "B": "No"}


def test_a_row_of_mmad_that_lacks_a_key_is_named(tmp_path):
    with pytest.raises(ExperimentError, match="entry 1 has no 'question_type'"):
        read_mmad_results(write(tmp_path, [{"image": "a", "question": "b"}]))


def robustmad(number, right, stored, raw, category="General Object Understanding"):
    return {
        "image_path": "MVTec-AD/bottle/test/good/014.png",
        "robustness_category": category,
        "difficulty": "general",
        "question_id": number,
        "question": "What is the object in the image?",
        "answer": right,
        "mslm_answer": stored,
        "raw_response": raw,
    }


def test_robustmads_accuracy_is_that_of_the_stored_letter_and_ours_that_of_the_answer(tmp_path):
    rows = [
        robustmad(1, "E", "E", "E"),
        robustmad(2, "B", "A", "A crack runs along the rim.\n\nB"),  # its parser took the article
        robustmad(3, "C", "C", "The answer is C."),
        robustmad(4, "D", "D", "D", "Unanswerable or Misleading Query Detection"),
    ]
    replay = read_robustmad(write(tmp_path, rows))
    found = {one.part: one for one in replay.figures}
    assert found["General Object Understanding"].published == pytest.approx(200 / 3)
    assert found["Unanswerable or Misleading Query Detection"].published == 100
    assert [one.sample_id for one in replay.differences] == ["robustmad/2"]


def judged(number, overall, category="pairwise"):
    dimensions = dict.fromkeys(("technical_accuracy", "comprehensiveness", "relevance", "style_and_clarity"), 5)
    judge = {"dimension_scores": dimensions, "overall_score": overall, "is_accurate": 1}
    return {"question_id": number, "robustness_category": category, "mslm_answer": "The cable ...", "judge": judge}


def test_judged_answers_give_the_mean_points_of_each_category(tmp_path):
    replay = read_robustmad(write(tmp_path, {"questions": [judged(1, 3), judged(2, 4)], "meta_metrics": {}}))
    found = {(one.part, one.name): one.published for one in replay.figures}
    assert found["pairwise", "overall score"] == 70
    assert found["pairwise", "relevance"] == 100


@pytest.mark.parametrize("points", [0, 6, "4", True, None])
def test_points_that_no_judge_gives_are_refused(tmp_path, points):
    with pytest.raises(ExperimentError, match="a judge gives 1 to 5 points"):
        read_robustmad(write(tmp_path, {"questions": [judged(1, points)]}))


def their_mmad(rows):
    """Sum a result file up by MMAD_RULES: what it counts in a loop over a list that the loop shortens."""
    walked, answers = list(rows), []
    for answer in walked:
        if answer["correct_answer"] not in "ABCDE" or not answer["gpt_answer"]:
            walked.remove(answer)
        else:
            answers.append(answer)
    table = {}
    for name in sorted({row["image"].split("/")[0] for row in rows}):
        own = [one for one in answers if one["image"].split("/")[0] == name]
        kinds = {}
        for kind in sorted({row["question_type"] for row in rows}):
            asked = [one for one in own if one["question_type"] == kind]
            right = [one for one in asked if one["gpt_answer"] == one["correct_answer"]]
            kinds[kind] = 100 * len(right) / len(asked) if asked else 0
        detection = [one for one in own if one["question_type"] == "Anomaly Detection"]
        rates = []
        for good in (True, False):
            half = [one for one in detection if ("good" in one["image"]) == good]
            right = [one for one in half if one["gpt_answer"] == one["correct_answer"]]
            rates.append((len(right), len(half)))
        (passed, normal), (found, anomalous) = rates
        kinds["Anomaly Detection"] = 50 * (passed / normal + found / anomalous)
        recall, precision = found / anomalous, found / (found + normal - passed)
        kinds["F1"] = 100 * 2 * precision * recall / (precision + recall)
        table[name] = kinds
    table["Average"] = {kind: sum(own[kind] for own in table.values()) / len(table) for kind in kinds}
    return table


@pytest.mark.parametrize("seed", range(4))
def test_mmads_table_is_that_of_its_own_loop(tmp_path, seed):
    rng = random.Random(seed)
    folders = [f"{name}/part/image/{kind}" for name in ("DS-MVTec", "VisA") for kind in ("good", "crack")]
    rows = [
        mmad(
            f"{rng.choice(folders)}/{number}.png",
            rng.choice("AB"),
            rng.choice(["A", "B", "A", "B", ""]),
            rng.choice(["Anomaly Detection", "Anomaly Detection", "Defect Analysis"]),
        )
        for number in range(400)
    ]
    found = {(one.part, one.name): one.published for one in read_mmad_results(write(tmp_path, rows)).figures}
    for part, expected in their_mmad(rows).items():
        for name, value in expected.items():
            assert found[part, name] == pytest.approx(value), (part, name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"correct_answer": "Yes"}, "correct_answer is 'Yes'; allowed are A, B, C, D, E"),
        ({"gpt_answer": ["A"]}, "an answer is a text"),
        ({"question": {"type": "text"}}, "the question a text or an object with one"),
        ({"image": ""}, "The image is a path that begins with the data set"),
    ],
)
def test_an_entry_that_is_none_of_mmads_is_named(tmp_path, change, message):
    row = mmad("DS-MVTec/bottle/image/good/000.png", "B", "B")
    with pytest.raises(ExperimentError, match=f"entry 2: .*{message}"):
        read_mmad_results(write(tmp_path, [row, row | change]))


@pytest.mark.parametrize("seed", range(3))
def test_robustmads_accuracy_is_that_of_pandas_by_category(tmp_path, seed):
    rng = random.Random(seed)
    rows = [
        robustmad(number, rng.choice("ABCDE"), rng.choice("ABCDE"), "E", rng.choice(["one", "two", "three"]))
        for number in range(200)
    ]
    table = pd.DataFrame(rows)
    expected = (table["mslm_answer"] == table["answer"]).groupby(table["robustness_category"]).mean()
    found = {one.part: (one.published, one.items) for one in read_robustmad(write(tmp_path, rows)).figures}
    assert {part: value for part, (value, _) in found.items()} == pytest.approx(dict(100 * expected))
    assert {part: items for part, (_, items) in found.items()} == dict(table["robustness_category"].value_counts())


def test_a_file_without_raw_answers_is_read_by_the_stored_letter(tmp_path):
    rows = [robustmad(1, "A", "A", None), robustmad(2, "B", "C", None)]
    for row in rows:
        del row["raw_response"]
    (figure,) = read_robustmad(write(tmp_path, rows)).figures
    assert (figure.published, figure.ours) == (50, 50)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([robustmad(1, "A crack", "A", "A")], "question 1: answer is 'A crack'; allowed are A, B, C, D, E"),
        ([robustmad(1, "A", "A", 7)], "raw_response is 7; an answer is a text"),
        ([robustmad(1, "A", "A", "A"), robustmad(1, "B", "B", "B")], "two answers named robustmad/1"),
        ({"images": []}, "this one holds images"),
        ({"questions": []}, "holds no answers"),
        ([], "holds no answers"),
        (None, "this one is a NoneType"),
    ],
)
def test_a_file_that_is_none_of_robustmads_is_refused(tmp_path, rows, message):
    with pytest.raises(ExperimentError, match=message):
        read_robustmad(write(tmp_path, rows))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00", b"image,answer\na,b\n", b'{"questions": 3}'])
def test_a_file_that_is_no_list_of_answers_is_refused(tmp_path, content):
    file = tmp_path / "answers.json"
    file.write_bytes(content)
    for read in (read_mmad_results, read_robustmad):
        with pytest.raises(ExperimentError, match=r"holds no answers|cannot be read|no valid JSON|has no '"):
            read(file)
