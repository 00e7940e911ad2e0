"""RobustMAD's file, in miniature."""

import json
from pathlib import Path

import pytest

from vlm_eval.data.loading import load_dataset
from vlm_eval.data.read_robustmad import PAIRWISE
from vlm_eval.errors import CardError, InputError
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan


def question(number: int, category: str, text: str = "What is the object?", answer: str = "B") -> dict:
    options = {letter: f"option {letter.lower()}" for letter in "ABCDE"}
    return {
        "question_id": number,
        "robustness_category": category,
        "question_type": "MCQ",
        "question": text,
        "options": options,
        "answer": answer,
    }


def image(category: str, kind: str, file: str, reference: str, numbers: list[int], data: str = "MVTec-AD") -> dict:
    first, second, third = numbers
    return {
        "dataset": data,
        "category": category,
        "image_id": file,
        "image_path": f"{data}/{category}/test/{kind}/{file}",
        "specie_name": kind,
        "anomaly": int(kind != "good"),
        "difficulty": "general",
        "reference_image_id": reference,
        "reference_image_path": f"{data}/{category}/test/good/{reference}",
        "questions": [
            question(first, "General Object Understanding"),
            question(second, PAIRWISE, "The first image shows a normal object. The second shows the query."),
            question(third, "Unanswerable or Misleading Query Detection", answer="E"),
        ],
    }


@pytest.fixture
def root(tmp_path: Path, picture) -> Path:
    entries = [
        image("bottle", "good", "014.png", "005.png", [1, 2, 3]),
        image("pcb3", "bad", "013.JPG", "1002.JPG", [4, 5, 6], "VisA"),
    ]
    for number, entry in enumerate(entries):
        picture(tmp_path / entry["image_path"], 10 + number)
        picture(tmp_path / entry["reference_image_path"], 50 + number)
    (tmp_path / "RobustMAD_MCQ.json").write_text(json.dumps({"images": entries}))
    return tmp_path


def test_every_question_on_one_picture_is_an_item_without_a_gold_verdict(root: Path) -> None:
    samples = load_dataset("robustmad", root=root).samples
    assert [sample.metadata["right option"] for sample in samples] == ["B", "E", "B", "E"]
    assert {sample.gold.anomalous for sample in samples} == {"unknown"}
    assert [sample.metadata["picture"] for sample in samples] == ["normal", "normal", "anomalous", "anomalous"]
    assert samples[0].id == "robustmad/MVTec-AD/bottle/test/good/014.png#1"
    assert samples[0].question.endswith("D. option d\nE. option e")
    assert samples[0].group == samples[1].group != samples[2].group
    assert not any(sample.references for sample in samples)
    assert samples[2].nouns["noun"] == "PCB"


def test_the_questions_of_comparison_bring_their_reference(root: Path) -> None:
    samples = load_dataset("robustmad-pairs", root=root).samples
    assert [sample.references[0].name for sample in samples] == ["005.png", "1002.JPG"]
    settings = {"dataset": "robustmad-pairs", "roots": {"robustmad-pairs": str(root)}, "models": ["scripted:no"]}
    plan = make_plan(parse_experiment({**settings, "layout": "choice", "shots": [1]}, "x"))
    roles = [view.role for view in next(iter(plan.asks())).request.prompt.views]
    assert roles == ["reference", "query"]


def test_a_layout_that_shows_no_options_is_refused(root: Path) -> None:
    settings = {"dataset": "robustmad", "roots": {"robustmad": str(root)}, "models": ["scripted:no"]}
    with pytest.raises(InputError, match="4 items bring a multiple-choice question of their own"):
        make_plan(parse_experiment(settings, "x"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "one object with a list `images`"),
        ("{", "no valid JSON"),
        ('{"images": [{"image_path": "a.png"}]}', "image 1 lacks 'category'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "RobustMAD_MCQ.json").write_text(content)
    with pytest.raises(CardError, match=message):
        load_dataset("robustmad", root=tmp_path)


def test_an_answer_that_is_no_option_is_refused_by_its_question(root: Path) -> None:
    file = root / "RobustMAD_MCQ.json"
    content = json.loads(file.read_text())
    content["images"][1]["questions"][0]["answer"] = "F"
    file.write_text(json.dumps(content))
    with pytest.raises(CardError, match="image 2, question 4: the answer 'F' is none of A, B, C, D, E"):
        load_dataset("robustmad", root=root)
