"""POPE's and MME's files: their own rule reproduced by hand-counted figures, ours beside it."""

import json
import random

import pytest

from vlm_eval.errors import ExperimentError
from vlm_eval.published.yes_no import read_mme, read_pope

ANSWERS = (
    ("Yes, there is a snowboard in the image.", "yes"),  # both right
    ("No.", "yes"),  # both wrong
    ("There is no dog in the picture.", "no"),  # theirs: no; ours takes it for no claim about an anomaly
    ("NO", "no"),  # theirs: yes, for only 'No' and 'no' count
    ("I'm sorry, but I can't help with that.", "no"),  # theirs: yes
    ("No, there isn't.", "no"),
)


@pytest.fixture
def pope(tmp_path):
    answers, labels = tmp_path / "llava.jsonl", tmp_path / "coco_pope_random.json"
    answers.write_text("\n".join(json.dumps({"question": "Is there ...?", "answer": text}) for text, _ in ANSWERS))
    rows = [{"question_id": n, "image": f"{n // 2}.jpg", "label": label} for n, (_, label) in enumerate(ANSWERS)]
    labels.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return answers, labels


def figures(replay, part="all"):
    return {one.name: (one.published, one.ours) for one in replay.figures if one.part == part}


def test_pope_counts_as_its_own_script_does_and_ours_stands_beside_it(pope):
    found = figures(read_pope(*pope))
    # Theirs: yes, no, no, yes, yes, no; true positives 1, false positives 2, true negatives 2, false negatives 1.
    assert found["accuracy"] == (pytest.approx(50), pytest.approx(50))
    assert found["precision"] == (pytest.approx(100 / 3), pytest.approx(100))
    assert found["recall"] == (pytest.approx(50), pytest.approx(50))
    assert found["F1"][0] == pytest.approx(40)
    assert found["yes ratio"] == (pytest.approx(50), pytest.approx(100 / 6))


def test_each_answer_that_is_read_otherwise_is_listed_with_its_cause(pope):
    differences = {one.text: one for one in read_pope(*pope).differences}
    assert set(differences) == {"NO", "There is no dog in the picture.", "I'm sorry, but I can't help with that."}
    assert differences["NO"].why == "we read: NO"
    assert differences["I'm sorry, but I can't help with that."].why == "we abstain: refused"


def test_pope_without_labels_or_with_too_few_is_refused(pope, tmp_path):
    with pytest.raises(ExperimentError, match="give the file of questions with --labels"):
        read_pope(pope[0], None)
    short = tmp_path / "short.json"
    short.write_text('{"label": "yes"}\n')
    with pytest.raises(ExperimentError, match=r"holds 6 answers, but .* 1 labels"):
        read_pope(pope[0], short)


def test_mme_asks_for_both_questions_of_a_picture(tmp_path):
    table = tmp_path / "existence.txt"
    rows = [
        ("1.png", "Is there a cat?", "Yes", "Yes, a cat."),
        ("1.png", "Is there a dog?", "No", "No"),
        ("2.png", "Is there a cat?", "Yes", "In the image, yes."),  # theirs: neither, for yes stands too late
        ("2.png", "Is there a dog?", "No", "None that I can see, yes or no."),  # theirs: no
    ]
    table.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    found = figures(read_mme(table), "existence")
    assert found["accuracy"][0] == 75
    assert found["accuracy+"][0] == 50
    assert found["score"][0] == 125
    assert figures(read_mme(tmp_path), "existence") == found  # a folder with one file a subtask


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "No"}, "entry 1: label is 'No'; allowed are yes, no"),
        ({"label": True}, "label is True"),
        ({"question_id": 7}, "about question 0 .*the label about 7"),
        ({"text": "Is there a fork?"}, "Both files must be in the same order"),
    ],
)
def test_pope_labels_that_do_not_belong_to_the_answers_are_refused(tmp_path, change, message):
    asked = "Is there a knife?"
    answers, labels = tmp_path / "answers.jsonl", tmp_path / "labels.json"
    answers.write_text(json.dumps({"question_id": 0, "question": f"{asked}\nAnswer shortly.", "answer": "No"}))
    row = {"question_id": 0, "text": asked, "label": "no"}
    labels.write_text(json.dumps(row))
    assert figures(read_pope(answers, labels))["accuracy"] == (100, 100)
    labels.write_text(json.dumps(row | change))
    with pytest.raises(ExperimentError, match=message):
        read_pope(answers, labels)


def test_pope_files_that_are_exchanged_are_named(pope):
    with pytest.raises(ExperimentError, match=r"has no 'answer'.*answers and labels are not exchanged"):
        read_pope(*reversed(pope))


@pytest.mark.parametrize("answer", [7, ["yes"], {"text": "yes"}])
def test_an_answer_that_is_no_text_is_refused(tmp_path, answer):
    answers, labels = tmp_path / "answers.jsonl", tmp_path / "labels.json"
    answers.write_text(json.dumps({"answer": answer}))
    labels.write_text('{"label": "no"}')
    with pytest.raises(ExperimentError, match="an answer is a text"):
        read_pope(answers, labels)


def test_popes_figures_are_those_of_scikit_learn_on_its_own_reading(tmp_path):
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    said = ["Yes, it is.", "no", "No, none.", "Yes. No.", "not at all", "It does not, I think", "yes", "maybe"]
    rng = random.Random(3)
    texts, gold = rng.choices(said, k=300), rng.choices(["yes", "no"], k=300)
    answers, labels = tmp_path / "answers.jsonl", tmp_path / "labels.json"
    answers.write_text("\n".join(json.dumps({"answer": text}) for text in texts))
    labels.write_text("\n".join(json.dumps({"label": label}) for label in gold))
    claims = []
    for text in texts:  # the rule in the words of POPE_RULES
        before = text[: text.index(".")] if "." in text else text
        words = before.replace(",", "").split(" ")
        claims.append(0 if "No" in words or "not" in words or "no" in words else 1)
    truth = [0 if label == "no" else 1 for label in gold]
    found = {name: value[0] for name, value in figures(read_pope(answers, labels)).items()}
    assert found["accuracy"] == pytest.approx(100 * accuracy_score(truth, claims))
    assert found["precision"] == pytest.approx(100 * precision_score(truth, claims))
    assert found["recall"] == pytest.approx(100 * recall_score(truth, claims))
    assert found["F1"] == pytest.approx(100 * f1_score(truth, claims))
    assert found["yes ratio"] == pytest.approx(100 * sum(claims) / len(claims))


def test_mmes_score_is_that_of_a_walk_in_pairs_of_lines(tmp_path):
    """Its own code takes two lines at a time; both right counts once for accuracy+."""
    rng = random.Random(5)
    rows = [
        (f"{picture}.png", "Is it?", label, rng.choice(["Yes", "No", "yes.", "Nope", "It is so", "No, yes"]))
        for picture in range(40)
        for label in ("Yes", "No")
    ]
    table = tmp_path / "count.txt"
    table.write_text("\n".join("\t".join(row) for row in rows))
    right = []
    for _, _, label, answer in rows:
        start = answer.lower()[:4]
        read = "yes" if "yes" in start else "no" if "no" in start else "other"
        right.append(read == label.lower())
    both = sum(right[place] and right[place + 1] for place in range(0, 80, 2))
    found = {name: value[0] for name, value in figures(read_mme(table), "count").items()}
    assert found["accuracy"] == pytest.approx(100 * sum(right) / 80)
    assert found["accuracy+"] == pytest.approx(100 * both / 40)
    assert found["score"] == pytest.approx(found["accuracy"] + found["accuracy+"])


def test_an_mme_picture_with_one_question_and_an_empty_table_are_refused(tmp_path):
    table = tmp_path / "t.txt"
    table.write_text("1.png\tIs it?\tYes\tYes\n")
    with pytest.raises(ExperimentError, match=r"1\.png has 1 question"):
        read_mme(table)
    table.write_text("\n")
    with pytest.raises(ExperimentError, match="holds no answers"):
        read_mme(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [("a.png\tIs it?\tYes", "holds 3 cells"), ("a.png\tIs it?\tMaybe\tNo", "must be Yes or No")],
)
def test_a_line_that_is_none_of_mmes_is_named(tmp_path, line, message):
    table = tmp_path / "t.txt"
    table.write_text(f"{line}\n")
    with pytest.raises(ExperimentError, match=f"line 1.*{message}"):
        read_mme(table)


def test_an_empty_folder_is_no_mme(tmp_path):
    with pytest.raises(ExperimentError, match=r"holds no \.txt files"):
        read_mme(tmp_path)
