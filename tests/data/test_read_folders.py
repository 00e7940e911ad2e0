from pathlib import Path

import pytest

from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError


@pytest.mark.parametrize("names", [("normal", "anomalous"), ("Good", "Defective"), ("OK", "NG"), ("ok", "bad")])
def test_two_folders_with_common_names_are_read_without_a_card(tmp_path: Path, picture, names) -> None:
    picture(tmp_path / "parts" / names[0] / "a.png")
    picture(tmp_path / "parts" / names[1] / "deep" / "b.JPG")
    samples = load_dataset(tmp_path / "parts").samples
    assert {sample.id: sample.gold.anomalous for sample in samples} == {
        f"parts/{names[0]}/a.png": "no",
        f"parts/{names[1]}/deep/b.JPG": "yes",
    }
    assert {(sample.object_class, len(sample.nouns)) for sample in samples} == {("object", 0)}


def test_loose_pictures_are_unlabelled_whatever_their_names_say(shared_data: Path) -> None:
    samples = load_dataset(shared_data / "seed_cases" / "Industrial-AD" / "Case1").samples
    assert {sample.id: sample.gold.anomalous for sample in samples} == {
        "Case1/abnormal.png": "unknown",
        "Case1/normal.png": "unknown",
    }


def test_other_folder_names_are_refused_listing_what_is_there_and_what_is_allowed(tmp_path: Path, picture) -> None:
    picture(tmp_path / "fine" / "a.png")
    picture(tmp_path / "bad" / "a.png")
    with pytest.raises(CardError) as caught:
        load_dataset(tmp_path)
    for told in ("bad/, fine/", "normal, good, ok", "anomalous, abnormal, defective, defect, bad, ng", "card"):
        assert told in str(caught.value)


def test_a_folder_a_defect_type_with_masks_beside_the_pictures(tmp_path: Path, picture) -> None:
    picture(tmp_path / "MT_Free/a.jpg")
    picture(tmp_path / "MT_Free/a.png", shade=0)
    picture(tmp_path / "MT_Crack/b.jpg")
    mask = picture(tmp_path / "MT_Crack/b.png", shade=255)
    for folder in ("MT_Blowhole", "MT_Break", "MT_Fray", "MT_Uneven"):
        (tmp_path / folder).mkdir()
    free, crack = load_dataset("magnetic-tile", root=tmp_path).samples
    assert (free.gold.anomalous, free.gold.masks, free.gold.defect_type) == ("no", (), None)
    assert (crack.gold.anomalous, crack.gold.masks, crack.gold.defect_type) == ("yes", (mask,), "crack")


def test_the_real_magnetic_tiles_have_eight_items_a_class(shared_data: Path) -> None:
    samples = load_dataset("magnetic-tile", root=shared_data / "magnetic_tile").samples
    assert len(samples) == 48
    assert sum(sample.gold.anomalous == "no" for sample in samples) == 8
    assert all(mask.is_file() for sample in samples for mask in sample.gold.masks)


def test_training_folders_serve_as_references_only(tmp_path: Path, picture) -> None:
    for name in ("test/NORMAL/IM-0001.jpeg", "test/PNEUMONIA/person1_virus_6.jpeg", "train/NORMAL/IM-0115.jpeg"):
        picture(tmp_path / name)
    samples = {sample.id: sample for sample in load_dataset("chest-xray", root=tmp_path).samples}
    assert samples["chest-xray/train/NORMAL/IM-0115.jpeg"].split == "train"
    sick = samples["chest-xray/test/PNEUMONIA/person1_virus_6.jpeg"]
    assert (sick.split, sick.gold.defect_type, sick.group) == ("test", "pneumonia", "chest-xray/person1")
    assert (sick.modality, sick.domain) == ("medical", "medical")


def test_a_folder_that_the_card_names_and_the_root_lacks_is_refused(tmp_path: Path, picture) -> None:
    picture(tmp_path / "yes" / "a.png")
    with pytest.raises(CardError, match=r"lacks the folder 'no'; it holds yes/"):
        load_dataset("head-mri", root=tmp_path)


def test_a_card_cannot_lead_out_of_its_root(tmp_path: Path, picture, card) -> None:
    picture(tmp_path / "secret" / "a.png")
    (tmp_path / "root").mkdir()
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntitle: Mine\nreader: folders\nlicence: MIT\noptions: {folders: {../secret: normal}}\n",
        encoding="utf-8",
    )
    with pytest.raises(CardError, match="leads out of"):
        load_dataset(tmp_path / "mine.yaml", root=tmp_path / "root")
