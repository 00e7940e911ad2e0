import json

import pytest
from PIL import Image

from vlm_eval.data.cards import load_card
from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError

DETECTION = {
    "Question": "Is there any defect in the object?", "Answer": "A", "Options": {"A": "Yes.", "B": "No."},
    "type": "Anomaly Detection", "annotation": True,
}  # fmt: skip
TYPE = {
    **DETECTION,
    "Question": "What is the defect?",
    "Options": {"A": "A crack.", "B": "A hole."},
    "type": "Defect Classification",
}
TEMPLATE = "MVTec-AD/bottle/train/good/7.png"


@pytest.fixture
def root(tmp_path):
    paths = ("DS-MVTec/bottle/image/good/0.png", "DS-MVTec/bottle/image/broken/1.png")
    for path in (*paths, "DS-MVTec/bottle/mask/broken/1.png", TEMPLATE):
        file = tmp_path / "mmad" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (len(path), 0, 0)).save(file)
    normal, broken = paths
    write(tmp_path, {
        normal: {"mask_path": "", "similar_templates": [TEMPLATE], "conversation": [{**DETECTION, "Answer": "B"}]},
        broken: {
            "mask_path": "mask/broken/1.png", "similar_templates": [TEMPLATE], "conversation": [DETECTION, TYPE],
        },
    })  # fmt: skip
    return tmp_path


def write(tmp_path, entries):
    (tmp_path / "mmad" / "mmad.json").write_text(json.dumps(entries))


def load(root, card="mmad"):
    return load_dataset(str(card), root=root / "mmad").samples


def test_every_question_is_a_sample_with_its_options(root):
    normal, kind, detection = sorted(load(root), key=lambda sample: (sample.gold.anomalous, sample.id))
    assert (normal.gold.anomalous, detection.gold.anomalous) == ("no", "yes")
    assert normal.metadata["right option"] == "B"
    assert kind.question == "What is the defect?\nA. A crack.\nB. A hole."
    assert (kind.metadata["subtask"], kind.metadata["option B"]) == ("Defect Classification", "A hole.")
    assert detection.group == kind.group != normal.group
    assert (detection.object_class, detection.gold.defect_type) == ("bottle", "broken")
    assert [path.parent.parent.name for path in detection.gold.masks] == ["mask"]
    assert [path.name for path in detection.references] == ["7.png"]


def test_a_question_that_does_not_ask_for_an_anomaly_has_no_gold_verdict(root):
    kind = next(sample for sample in load(root) if sample.metadata["subtask"] == "Defect Classification")
    assert kind.gold.anomalous == "unknown"
    assert "yes means" not in kind.metadata


def test_a_mask_that_would_be_the_picture_itself_is_no_mask(root):
    entry = {"mask_path": "broken/1.png", "conversation": [DETECTION]}
    write(root, {"DS-MVTec/bottle/image/broken/1.png": entry})
    assert load(root)[0].gold.masks == ()


def test_a_subtask_that_the_file_does_not_hold_is_refused(root):
    card = root / "mine.yaml"
    card.write_text("name: mine\ntitle: t\nreader: mmad\nlicence: none\noptions: {subtasks: [Defect Detection]}\n")
    with pytest.raises(CardError, match=r"no question of Defect Detection\. Its subtasks are Anomaly Detection"):
        load(root, card)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "maps the path"),
        ({"a/b/good/1.png": {}}, "no list `conversation`"),
        ({"a/b/good/1.png": {"conversation": [{"Question": "x"}]}}, "lacks 'Answer'"),
        ({"a/b/good/1.png": {"conversation": [{**DETECTION, "Answer": "E"}]}}, "none of A, B"),
        ({"../x/good/1.png": {"conversation": [DETECTION]}}, "leads out of"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(root, entries, message):
    write(root, entries)
    with pytest.raises(CardError, match=message):
        load(root)


def test_the_card_says_what_may_be_done_with_the_data_and_who_made_it():
    card = load_card("mmad")
    assert "CC BY-NC-SA" in card.licence
    assert "2410.09453" in card.citation
    assert card.contamination
