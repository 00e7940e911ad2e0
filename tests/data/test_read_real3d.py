from pathlib import Path

import pytest

from vlm_eval.data.check import check_dataset
from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError

PCD = "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 2\nHEIGHT 1\nPOINTS 2\nDATA ascii\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    clouds = (
        "train/1_prototype",
        "train/2_prototype",
        "test/1_bulge",
        "test/2_sink_cut",
        "test/3_good",
        "test/4_good_cut",
    )
    for number, name in enumerate(clouds):
        file = tmp_path / "duck" / f"{name}.pcd"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{PCD}0 0 {number}\n1 1 1\n")
    (tmp_path / "duck" / "gt").mkdir()
    for name in ("1_bulge", "2_sink_cut"):
        (tmp_path / "duck" / "gt" / f"{name}.txt").write_text("0 0 2 1\n1 1 1 0\n")
    return tmp_path


def test_names_tell_the_state_and_gold_labels_points(tree: Path) -> None:
    data = load_dataset("real3d-ad", root=tree)
    test = {sample.id.rpartition("/")[2]: sample for sample in data.samples if sample.split == "test"}
    assert sum(sample.split == "train" for sample in data.samples) == 2
    assert {name: sample.gold.defect_type for name, sample in test.items()} == {
        "1_bulge.pcd": "bulge", "2_sink_cut.pcd": "sink", "3_good.pcd": None, "4_good_cut.pcd": None
    }  # fmt: skip
    assert test["1_bulge.pcd"].gold.masks == (tree / "duck" / "gt" / "1_bulge.txt",)
    assert test["1_bulge.pcd"].recipe[0].operation == "project"
    assert test["1_bulge.pcd"].nouns["noun"] == "toy duck"
    assert not [finding for finding in check_dataset(data) if finding.level == "error"]


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="holds no class folder"):
        load_dataset("real3d-ad", root=tmp_path)
