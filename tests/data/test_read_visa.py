from pathlib import Path

import pytest

from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError

SPLIT = """object,split,label,image,mask
candle,train,normal,candle/Data/Images/Normal/0000.JPG,
candle,test,normal,candle/Data/Images/Normal/0001.JPG,
candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,candle/Data/Masks/Anomaly/000.png
candle,test,anomaly,candle/Data/Images/Anomaly/001.JPG,candle/Data/Masks/Anomaly/001.png
"""
KINDS = """image,label,mask
candle/Data/Images/Normal/0001.JPG,normal,
candle/Data/Images/Anomaly/000.JPG,chunk of wax missing,candle/Data/Masks/Anomaly/000.png
candle/Data/Images/Anomaly/001.JPG,"foreign particals on candle,wax melded out of the candle",x.png
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "split_csv").mkdir()
    (tmp_path / "candle").mkdir()
    (tmp_path / "split_csv/1cls.csv").write_text(SPLIT, encoding="utf-8")
    return tmp_path


def test_the_split_file_tells_split_gold_and_mask(tree: Path) -> None:
    train, normal, first, _ = load_dataset("visa", root=tree).samples
    assert (train.split, train.gold.anomalous) == ("train", "no")
    assert (normal.split, normal.gold.anomalous, normal.gold.masks) == ("test", "no", ())
    assert first.id == "visa/candle/Data/Images/Anomaly/000.JPG"
    assert (first.gold.anomalous, first.gold.defect_type) == ("yes", None)
    assert first.gold.masks == (tree / "candle/Data/Masks/Anomaly/000.png",)
    assert (first.object_class, first.nouns["noun"]) == ("candle", "candle")


def test_the_class_folders_list_tells_the_defect_types(tree: Path) -> None:
    (tree / "candle/image_anno.csv").write_text(KINDS, encoding="utf-8")
    _, normal, first, second = load_dataset("visa", root=tree).samples
    assert normal.gold.defect_type is None
    assert first.gold.defect_type == "chunk of wax missing"
    assert second.gold.defect_type == "several defects"
    assert second.gold.accepted == ("foreign particals on candle", "wax melded out of the candle")


def test_a_folder_without_the_split_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"1cls\.csv is missing. Point --root"):
        load_dataset("visa", root=tmp_path)


def test_another_table_in_its_place_is_refused(tree: Path) -> None:
    (tree / "split_csv/1cls.csv").write_text("image,label\na,b\n", encoding="utf-8")
    with pytest.raises(CardError, match="no column 'object'; VisA's are object, split, label, image, mask"):
        load_dataset("visa", root=tree)


def test_an_object_that_leads_out_of_the_root_is_refused(tree: Path) -> None:
    rows = "object,split,label,image,mask\n../../elsewhere,test,anomaly,candle/a.JPG,\n"
    (tree / "split_csv/1cls.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(CardError, match=r"1cls\.csv, line 2: the path '\.\./\.\./elsewhere/.* leads out of"):
        load_dataset("visa", root=tree)
