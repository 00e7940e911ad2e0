from pathlib import Path

import pytest

from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample


def by_id(samples: tuple[Sample, ...]) -> dict[str, Sample]:
    return {sample.id: sample for sample in samples}


@pytest.fixture
def tree(tmp_path: Path, picture) -> Path:
    root = tmp_path / "mvtec"
    for number in range(3):
        picture(root / f"bottle/train/good/00{number}.png", shade=number)
    picture(root / "bottle/test/good/000.png")
    picture(root / "bottle/test/broken_large/000.png")
    picture(root / "bottle/test/broken_large/001.png")
    picture(root / "bottle/ground_truth/broken_large/000_mask.png", shade=255)
    (root / "license.txt").write_text("not a picture", encoding="utf-8")
    (root / "bottle/test/broken_large/Thumbs.db").write_bytes(b"nor this")
    return root


def test_the_tree_gives_training_normal_and_anomalous_items(tree: Path) -> None:
    samples = by_id(load_dataset("mvtec-ad", root=tree).samples)
    assert len(samples) == 6
    assert samples["mvtec-ad/bottle/train/good/000.png"].split == "train"
    good = samples["mvtec-ad/bottle/test/good/000.png"]
    assert (good.split, good.gold.anomalous, good.gold.defect_type, good.gold.masks) == ("test", "no", None, ())
    broken = samples["mvtec-ad/bottle/test/broken_large/000.png"]
    assert (broken.object_class, broken.gold.anomalous, broken.gold.defect_type) == (
        "bottle",
        "yes",
        "large break",
    )
    assert broken.gold.masks == (tree / "bottle/ground_truth/broken_large/000_mask.png",)
    assert broken.standard is not None
    assert broken.standard.normal == "depict clear and identifiable bottles"


def test_a_mask_that_is_not_there_is_named_for_the_check_to_report(tree: Path) -> None:
    sample = by_id(load_dataset("mvtec-ad", root=tree).samples)["mvtec-ad/bottle/test/broken_large/001.png"]
    assert [mask.is_file() for mask in sample.gold.masks] == [False]


def test_a_tree_without_ground_truth_gives_no_masks(tmp_path: Path, picture) -> None:
    picture(tmp_path / "nut/test/bent/000.png")
    (sample,) = load_dataset("mvtec-ad", root=tmp_path).samples
    assert sample.gold.masks == ()


def test_loco_keeps_several_masks_an_image_and_the_two_kinds_apart(tmp_path: Path, picture) -> None:
    for kind in ("good", "logical_anomalies", "structural_anomalies"):
        picture(tmp_path / f"screw_bag/test/{kind}/000.png")
    masks = [
        picture(tmp_path / f"screw_bag/ground_truth/logical_anomalies/000/00{number}.png", shade=200)
        for number in range(2)
    ]
    picture(tmp_path / "screw_bag/ground_truth/structural_anomalies/000/000.png", shade=255)
    samples = by_id(load_dataset("mvtec-loco", root=tmp_path).samples)
    logical = samples["mvtec-loco/screw_bag/test/logical_anomalies/000.png"]
    assert logical.gold.masks == tuple(masks)
    assert logical.gold.defect_type == "logical anomaly"
    assert logical.metadata == {"anomaly_kind": "logical_anomalies"}
    structural = samples["mvtec-loco/screw_bag/test/structural_anomalies/000.png"]
    assert structural.gold.defect_type == "structural anomaly"
    assert len(structural.gold.masks) == 1
    assert logical.domain == "logical"
    assert logical.standard is not None
    assert logical.standard.rules[0] == "Includes two screws, two nuts, and two washers."


def test_3d_ad_keeps_pictures_and_masks_below_the_defect(tmp_path: Path, picture) -> None:
    picture(tmp_path / "bagel/train/good/xyz/000.tiff")
    picture(tmp_path / "bagel/test/hole/xyz/000.tiff")
    picture(tmp_path / "bagel/test/hole/rgb/000.png")
    mask = picture(tmp_path / "bagel/test/hole/gt/000.png", shade=255)
    samples = by_id(load_dataset("mvtec-3d-ad", root=tmp_path).samples)
    assert set(samples) == {
        "mvtec-3d-ad/bagel/train/good/xyz/000.tiff",
        "mvtec-3d-ad/bagel/test/hole/xyz/000.tiff",
    }
    assert samples["mvtec-3d-ad/bagel/test/hole/xyz/000.tiff"].gold.masks == (mask,)


def test_3d_ad_without_the_scans_is_refused_naming_the_folder(tmp_path: Path, picture) -> None:
    picture(tmp_path / "bagel/test/hole/rgb/000.png")
    with pytest.raises(CardError, match=r"bagel/test/hole holds no folder 'xyz'"):
        load_dataset("mvtec-3d-ad", root=tmp_path)


def test_one_class_given_as_the_root_is_refused_with_the_right_one(tree: Path) -> None:
    with pytest.raises(CardError, match=f"holds the class folders: {tree}"):
        load_dataset("mvtec-ad", root=tree / "bottle")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="holds no class folder"):
        load_dataset("mvtec-ad", root=tmp_path)
