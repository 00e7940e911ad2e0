import json

import pytest
from PIL import Image

from vlm_eval.data.loading import load_dataset
from vlm_eval.data.read_mmad import MmadOptions, read_mmad
from vlm_eval.data.readers import READERS, Reader
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


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setitem(READERS, "mmad", Reader(MmadOptions, read_mmad))
    for path in ("bottle/image/good/0.png", "bottle/image/broken/1.png", "bottle/mask/broken/1.png"):
        file = tmp_path / "mmad" / "DS-MVTec" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (len(path), 0, 0)).save(file)
    normal = "DS-MVTec/bottle/image/good/0.png"
    write(tmp_path, {
        normal: {"mask_path": "", "similar_templates": [], "conversation": [{**DETECTION, "Answer": "B"}]},
        "DS-MVTec/bottle/image/broken/1.png": {
            "mask_path": "mask/broken/1.png", "similar_templates": [normal], "conversation": [DETECTION, TYPE],
        },
    })  # fmt: skip
    return tmp_path


def write(tmp_path, entries):
    (tmp_path / "mmad" / "mmad.json").write_text(json.dumps(entries))
    (tmp_path / "mmad.yaml").write_text("name: mmad\ntitle: MMAD\nmodality: image\nreader: mmad\nlicence: none\n")


def load(root):
    return load_dataset(str(root / "mmad.yaml"), root=root / "mmad").samples


def test_every_question_is_a_sample_with_its_options(root):
    normal, detection, kind = sorted(load(root), key=lambda sample: (sample.gold.anomalous, sample.id))
    assert (normal.gold.anomalous, detection.gold.anomalous) == ("no", "yes")
    assert normal.metadata["right option"] == "B"
    assert kind.question == "What is the defect?\nA. A crack.\nB. A hole."
    assert (kind.metadata["subtask"], kind.metadata["option B"]) == ("Defect Classification", "A hole.")
    assert detection.group == kind.group != normal.group
    assert (detection.object_class, detection.gold.defect_type) == ("bottle", "broken")
    assert detection.gold.masks[0].is_file()
    assert [path.name for path in detection.references] == ["0.png"]


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
