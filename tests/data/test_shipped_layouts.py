"""ISIC, HyperKvasir and LAD-Bench, each on a miniature of its layout."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlm_eval.data.check import check_dataset
from vlm_eval.data.loading import load_dataset
from vlm_eval.views.gold import gold_regions


@pytest.fixture
def isic(tmp_path: Path, picture) -> Path:
    for number, shade in ((3, 40), (12, 90)):
        picture(tmp_path / "ISBI2016_ISIC_Part3_Test_Data" / f"ISIC_{number:07d}.jpg", shade)
    picture(tmp_path / "ISBI2016_ISIC_Part1_Test_GroundTruth" / "ISIC_0000012_Segmentation.png", 255)
    (tmp_path / "ISBI2016_ISIC_Part3_Test_GroundTruth.csv").write_text("ISIC_0000003,0.0\nISIC_0000012,1.0\n")
    return tmp_path


def test_isic_is_read_from_a_table_without_a_header(isic: Path) -> None:
    benign, malignant = load_dataset("isic", root=isic).samples
    assert (benign.gold.anomalous, malignant.gold.anomalous) == ("no", "yes")
    assert malignant.gold.defect_type == "melanoma" and not benign.gold.masks
    assert [mask.name for mask in malignant.gold.masks] == ["ISIC_0000012_Segmentation.png"]
    assert malignant.id == "isic/ISBI2016_ISIC_Part3_Test_Data/ISIC_0000012.jpg"


def test_isic_is_read_with_words_for_labels_and_without_outlines(isic: Path) -> None:
    (isic / "ISBI2016_ISIC_Part3_Test_GroundTruth.csv").write_text("ISIC_0000003,benign\nISIC_0000012,malignant\n")
    (isic / "ISBI2016_ISIC_Part1_Test_GroundTruth" / "ISIC_0000012_Segmentation.png").unlink()
    benign, malignant = load_dataset("isic", root=isic).samples
    assert (benign.gold.anomalous, malignant.gold.anomalous) == ("no", "yes")
    assert malignant.gold.masks == ()
    assert not [one for one in check_dataset(load_dataset("isic", root=isic)) if one.level == "error"]


@pytest.fixture
def kvasir(tmp_path: Path, picture) -> Path:
    lower = tmp_path / "labeled-images" / "lower-gi-tract"
    for number, name in enumerate(
        (
            "anatomical-landmarks/cecum",
            "anatomical-landmarks/retroflex-rectum",
            "pathological-findings/hemorrhoids",
            "pathological-findings/ulcerative-colitis-grade-1",
            "pathological-findings/ulcerative-colitis-grade-2",
            "pathological-findings/ulcerative-colitis-grade-3",
        )
    ):
        picture(lower / name / f"{number}.jpg", 20 * number)
    picture(tmp_path / "segmented-images" / "images" / "p.jpg", 200, (32, 32))
    mask = np.zeros((32, 32), np.uint8)
    mask[9:21, 9:21] = 255
    (tmp_path / "segmented-images" / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "segmented-images" / "masks" / "p.jpg", quality=60)
    return tmp_path


def test_hyper_kvasir_has_landmarks_as_normal_and_findings_by_folder(kvasir: Path) -> None:
    samples = load_dataset("hyper-kvasir", root=kvasir).samples
    gold = [(sample.gold.anomalous, sample.gold.defect_type) for sample in samples]
    assert gold.count(("no", None)) == 2 and gold.count(("yes", "ulcerative colitis")) == 3
    assert ("yes", "polyp") in gold and ("yes", "hemorrhoids") in gold
    assert {sample.gold.defect_type for sample in samples if sample.gold.masks} == {"polyp"}


def test_the_specks_of_a_jpeg_mask_are_not_part_of_the_polyp(kvasir: Path) -> None:
    (polyp,) = [one for one in load_dataset("hyper-kvasir", root=kvasir).samples if one.gold.masks]
    stored = np.asarray(Image.open(polyp.gold.masks[0]))
    assert (stored > 0).sum() > 144  # compression left specks
    (region,) = gold_regions(polyp)
    expected = np.zeros((32, 32), bool)
    expected[9:21, 9:21] = True
    assert (region == expected).all()


def test_lad_bench_is_read_from_the_table_that_its_card_describes(tmp_path: Path, picture) -> None:
    for name in ("a", "b"):
        picture(tmp_path / f"{name}.png", ord(name))
    (tmp_path / "lad-bench.csv").write_text(
        "image,label,domain,fault\na.png,1,urban,a car on a roof\nb.png,0,nature,\n"
    )
    first, second = load_dataset("lad-bench", root=tmp_path).samples
    assert (first.gold.anomalous, first.gold.defect_type) == ("yes", "a car on a roof")
    assert (second.gold.anomalous, second.nouns["noun"]) == ("no", "nature scene")
