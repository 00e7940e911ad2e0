"""Files that are nearly right: every value of every key replaced by odd ones, cut short, swapped."""

import json

import pytest

from vlm_eval.errors import ExperimentError
from vlm_eval.published.formats import FORMATS

ODD = (None, "", " ", "x", "A", 3, -1, 2.5, True, [], [1], {}, {"text": 1}, [[0, 5]], "é" * 50)
JUDGE = {
    "overall_score": 3,
    "dimension_scores": dict.fromkeys(
        ("technical_accuracy", "comprehensiveness", "relevance", "style_and_clarity"), 4
    ),
}
ROWS = {
    "pope": {"question": "Is there a cat?", "question_id": 1, "answer": "Yes.", "image": "1.jpg"},
    "mmad": {
        "image": "DS/bottle/good/1.png",
        "question": {"text": "Any?\nA. Yes\nB. No"},
        "question_type": "Anomaly Detection",
        "correct_answer": "B",
        "gpt_answer": "A",
    },
    "anomllm": {"custom_id": "a", "response": '[{"start": 10, "end": 20}]'},
    "robustmad": {
        "image_path": "a/b.png",
        "robustness_category": "one",
        "question_id": 1,
        "question": "What?",
        "answer": "A",
        "mslm_answer": "A",
        "raw_response": "A.",
        "difficulty": "general",
    },
    "robustmad judged": {
        "image_path": "a/b.png",
        "robustness_category": "one",
        "question_id": 1,
        "mslm_answer": "A cable.",
        "judge": JUDGE,
        "anomaly": True,
    },
}
LABELS = {
    "pope": {"question_id": 1, "text": "Is there a cat?", "label": "yes", "image": "1.jpg"},
    "anomllm": [[10, 20]],
}


def read(tmp_path, name, row, label=None):
    """Read one answer as a file of a format; the figures, or None where the file is refused."""
    file, labels = tmp_path / "answers.json", tmp_path / "labels.json"
    file.write_text(json.dumps({"questions": [row]} if name.endswith("judged") else [row]))
    own = label if label is not None else LABELS.get(name)
    if own is not None:
        labels.write_text(json.dumps([own]))
    try:
        return FORMATS[name.partition(" ")[0]].read(file, labels if own is not None else None).figures
    except ExperimentError as error:
        assert str(file.name) in str(error) or "labels" in str(error)
        return None


@pytest.mark.parametrize("name", ROWS)
def test_a_right_row_is_read_and_no_odd_value_gives_anything_but_figures_or_a_clear_refusal(tmp_path, name):
    assert read(tmp_path, name, ROWS[name])
    for key in ROWS[name]:
        left = {one: value for one, value in ROWS[name].items() if one != key}
        read(tmp_path, name, left)
        for value in ODD:
            figures = read(tmp_path, name, ROWS[name] | {key: value})
            assert figures is None or all(0 <= one.published <= 100 for one in figures)


@pytest.mark.parametrize("name", LABELS)
def test_no_odd_label_gives_anything_but_figures_or_a_clear_refusal(tmp_path, name):
    odd = [LABELS[name] | {"label": value} for value in ODD] if name == "pope" else [[value] for value in ODD]
    read_as = [read(tmp_path, name, ROWS[name], label) for label in odd]
    assert all(one is None for one in read_as[1:])


@pytest.mark.parametrize(
    ("name", "other"), [(name, other) for name in FORMATS for other in ROWS if not other.startswith(name)]
)
def test_a_file_of_another_format_is_refused(tmp_path, name, other):
    file, labels = tmp_path / "answers.json", tmp_path / "labels.json"
    file.write_text(json.dumps({"questions": [ROWS[other]]} if other.endswith("judged") else [ROWS[other]]))
    labels.write_text(json.dumps([LABELS[name]]) if name in LABELS else "[]")
    with pytest.raises(ExperimentError, match=r"has no '|holds \d+ cells|be in the same order"):
        FORMATS[name].read(file, labels)
