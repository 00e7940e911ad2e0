import json
from pathlib import Path

import pytest

from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError

BROKEN = r"datasets/bottle\test\broken_large\000.png"
GOOD = [rf"datasets/bottle\test\good\00{number}.png" for number in range(3)]


def entry(defect: str, good: str, label: int, kind: str) -> dict[str, object]:
    return {
        "object_type": "bottle",
        "defect_img_path": defect,
        "good_img_path": good,
        "label": label,
        "defect_type": kind,
    }


ENTRIES = [entry(BROKEN, GOOD[0], 0, "broken_large"), *(entry(good, good, 1, "good") for good in GOOD)]


def load(folder: Path, text: str):
    (folder / "vlm_for_ad_dataset.json").write_text(text, encoding="utf-8")
    return load_dataset("customizable-vlm", root=folder)


def test_label_1_is_normal_and_label_0_anomalous(tmp_path: Path) -> None:
    samples = load(tmp_path, json.dumps(ENTRIES)).samples
    assert [sample.gold.anomalous for sample in samples] == ["yes", "no", "no", "no"]
    assert [sample.gold.defect_type for sample in samples] == ["large break", None, None, None]
    assert samples[0].id == "customizable-vlm/bottle/test/broken_large/000.png"
    assert samples[0].references == (tmp_path / "bottle/test/good/000.png",)


def test_an_item_that_is_its_own_reference_gets_another_and_it_is_told(tmp_path: Path) -> None:
    dataset = load(tmp_path, json.dumps(ENTRIES))
    assert [sample.references[0].name for sample in dataset.samples[1:]] == ["001.png", "002.png", "000.png"]
    assert any("3 items named themselves as reference" in note for note in dataset.notes)


def test_trailing_commas_are_ignored_and_told_but_commas_in_texts_stay(tmp_path: Path) -> None:
    text = json.dumps([entry("a,]b.png", "c.png", 0, "x")]).replace("}", ",}").replace("]", ", ]")
    text = text.replace("a,, ]b.png", "a,]b.png")
    dataset = load(tmp_path, text)
    assert dataset.samples[0].id == "customizable-vlm/a,]b.png"
    assert any("2 trailing commas were ignored" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[{]", "no valid JSON, even without trailing commas"),
        ("{}", "a list of objects is needed"),
        ('[{"object_type": "bottle"}]', "entry 1: the key 'defect_img_path' is missing"),
        ("[3]", "entry 1: the key 'object_type' is missing"),
        (json.dumps([entry("a.png", "b.png", 2, "x")]), "label 2; allowed are 1 for normal and 0 for anomalous"),
        (json.dumps([entry("../a.png", "b.png", 0, "x")]), "leads out of"),
        ("[]", "holds no item to evaluate"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(CardError, match=told):
        load(tmp_path, text)


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"vlm_for_ad_dataset\.json cannot be read.*--root"):
        load_dataset("customizable-vlm", root=tmp_path)
