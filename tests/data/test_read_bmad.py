from pathlib import Path

import pytest
from PIL import Image

from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError


def write(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (16, 16), 40 + 7 * number).save(root / name)


def test_sets_with_and_without_masks_are_read(tmp_path: Path) -> None:
    write(tmp_path / "RESC", "train/good/a.png", "test/good/img/b.png", "test/good/label/b.png")
    write(tmp_path / "RESC", "test/Ungood/img/c.png", "test/Ungood/label/c.png")
    write(tmp_path / "Brain_AD", "test/good/img/e.png", "test/Ungood/img/f.png", "test/Ungood/anomaly_mask/f.png")
    write(tmp_path / "RSNA", "train/good/g.png", "test/good/h.png", "test/Ungood/i.png")
    data = load_dataset("bmad", root=tmp_path)
    found = {sample.id.partition("/")[2]: sample for sample in data.samples}
    assert {name: (sample.split, sample.gold.anomalous) for name, sample in found.items()} == {
        "Brain_AD/test/good/img/e.png": ("test", "no"),
        "Brain_AD/test/Ungood/img/f.png": ("test", "yes"),
        "RESC/train/good/a.png": ("train", "no"),
        "RESC/test/good/img/b.png": ("test", "no"),
        "RESC/test/Ungood/img/c.png": ("test", "yes"),
        "RSNA/train/good/g.png": ("train", "no"),
        "RSNA/test/good/h.png": ("test", "no"),
        "RSNA/test/Ungood/i.png": ("test", "yes"),
    }
    assert found["RESC/test/Ungood/img/c.png"].gold.masks == (tmp_path / "RESC/test/Ungood/label/c.png",)
    assert found["Brain_AD/test/Ungood/img/f.png"].gold.masks[0].parent.name == "anomaly_mask"
    assert found["RSNA/test/Ungood/i.png"].gold.masks == ()
    assert found["RSNA/test/good/h.png"].nouns["this"] == "X-ray image on the chest"


def test_sets_in_the_folders_of_their_archives_and_small_letters_are_read(tmp_path: Path) -> None:
    write(
        tmp_path / "Liver_AD" / "hist_DIY",
        "test/good/img/a.png",
        "test/ungood/img/b.png",
        "test/ungood/label/b.png",
    )
    write(tmp_path / "Chest_AD" / "Chest-RSNA", "test/good/a.png", "test/Ungood/b.png", "val/good/c.png")
    write(tmp_path / "Histopathology_AD" / "camelyon16_256", "test/good/a.png", "test/Ungood/b.png")
    data = load_dataset("bmad", root=tmp_path)
    assert {sample.object_class for sample in data.samples} == {
        "abdominal CT",
        "chest x-ray",
        "lymph node section",
    }
    gold = {sample.id: sample.gold.anomalous for sample in data.samples}
    assert gold["bmad/Liver_AD/hist_DIY/test/ungood/img/b.png"] == "yes" and len(gold) == 6


def test_a_root_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="holds no set"):
        load_dataset("bmad", root=tmp_path)
    write(tmp_path / "RESC", "test/good/a.png")
    with pytest.raises(CardError, match="holds no folder Ungood"):
        load_dataset("bmad", root=tmp_path)
