import shutil
from pathlib import Path

import pytest

from vlm_eval.data.check import Finding, check_dataset
from vlm_eval.data.loading import load_dataset


def messages(folder_or_table: Path | str, root: Path | None = None) -> list[tuple[str, str | None, str]]:
    found = check_dataset(load_dataset(folder_or_table, root=root))
    return [(finding.level, finding.sample_id, finding.message) for finding in found]


def the_one(found: list[tuple[str, str | None, str]], part: str) -> tuple[str, str | None, str]:
    (hit,) = [entry for entry in found if part in entry[2]]
    return hit


def write_table(folder: Path, rows: str, columns: str = "{}") -> Path:
    (folder / "t.csv").write_text(rows, encoding="utf-8")
    card = folder / "t.yaml"
    text = (
        f"name: t\ntitle: T\nreader: table\nlicence: MIT\nroot: .\noptions: {{file: t.csv, columns: {columns}}}\n"
    )
    card.write_text(text, encoding="utf-8")
    return card


def test_a_sound_data_set_gives_its_counts_and_nothing_else(tmp_path: Path, picture) -> None:
    for number in range(3):
        picture(tmp_path / "d/good" / f"{number}.png", shade=number)
    picture(tmp_path / "d/bad/0.png", shade=9)
    assert check_dataset(load_dataset(tmp_path / "d")) == [Finding("info", None, "object: 3 normal, 1 anomalous")]


def test_missing_and_damaged_files_are_errors(tmp_path: Path, picture) -> None:
    whole = picture(tmp_path / "whole.png", size=(64, 64)).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    found = messages(write_table(tmp_path, "image,label\nwhole.png,0\ncut.png,1\ntext.png,1\nnone.png,1\n"))
    errors = [entry for entry in found if entry[0] == "error"]
    assert found[: len(errors)] == errors
    assert {entry[1] for entry in errors} == {"t/cut.png", "t/text.png", "t/none.png"}
    assert the_one(found, "missing or cannot be read")[1] == "t/none.png"


def test_a_picture_of_absurd_size_is_an_error(tmp_path: Path, picture, monkeypatch) -> None:
    from PIL import Image

    picture(tmp_path / "d/a.png", size=(40, 40))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert the_one(messages(tmp_path / "d"), "decompression bomb")[0] == "error"


def test_the_same_picture_twice_is_a_warning(tmp_path: Path, picture) -> None:
    for name in ("good/a.png", "good/b.png"):
        picture(tmp_path / "d" / name)
    picture(tmp_path / "d/bad/c.png", shade=9)
    level, sample, message = the_one(messages(tmp_path / "d"), "occurs 2 times")
    assert (level, sample) == ("warning", "d/good/a.png")
    assert "d/good/b.png" in message


def test_a_test_picture_that_is_a_training_picture_too_is_a_warning(tmp_path: Path, picture) -> None:
    picture(tmp_path / "nut/train/good/000.png")
    picture(tmp_path / "nut/test/good/000.png")
    assert the_one(messages("mvtec-ad", tmp_path), "training and the test split")[0] == "warning"


def test_one_picture_both_normal_and_anomalous_under_the_same_text_is_an_error(tmp_path: Path, picture) -> None:
    picture(tmp_path / "d/good/a.png")
    picture(tmp_path / "d/bad/b.png")
    assert the_one(messages(tmp_path / "d"), "same bytes and text")[:2] == ("error", "d/good/a.png")


def test_one_picture_may_be_both_where_the_question_differs(tmp_path: Path, picture) -> None:
    picture(tmp_path / "a.png")
    rows = "image,label,q,n\na.png,0,Is it round?,1\na.png,1,Is it square?,2\n"
    found = messages(write_table(tmp_path, rows, "{question: q, id: n}"))
    assert not [entry for entry in found if entry[0] == "error"]


def test_one_picture_listed_in_two_scopes_is_meant_so(tmp_path: Path, picture) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("image,label,part\na.png,0,cap\na.png,1,label\n")
    card = tmp_path / "mine.yaml"
    card.write_text(
        "name: mine\ntitle: Mine\nlicence: MIT\nreader: table\nroot: t.csv\n"
        "options: {columns: {object_class: part}}\n"
    )
    assert not [entry for entry in messages(card) if "same" in entry[2]]


def test_a_reference_must_be_of_the_same_class_normal_and_another_picture(tmp_path: Path, picture) -> None:
    for shade, name in enumerate(("nut", "nut2", "bent", "bolt")):
        picture(tmp_path / f"{name}.png", shade=shade)
    shutil.copy(tmp_path / "nut.png", tmp_path / "copy.png")
    rows = (
        "image,label,part,ref\nnut.png,0,nut,copy.png\nnut2.png,0,nut,bolt.png\n"
        "bent.png,1,nut,nut.png\nbolt.png,1,bolt,bolt.png\n"
    )
    found = messages(write_table(tmp_path, rows, "{object_class: part, reference: ref}"))
    assert the_one(found, "copy.png is the very picture")[:2] == ("error", "t/nut.png")
    assert the_one(found, "bolt.png shows another class, 'bolt'")[:2] == ("error", "t/nut2.png")
    assert the_one(found, "is anomalous itself")[:2] == ("error", "t/nut2.png")
    assert the_one(found, "bolt.png is the very picture")[:2] == ("error", "t/bolt.png")
    assert not [entry for entry in found if entry[1] == "t/bent.png"]


@pytest.mark.parametrize(
    ("shade", "size", "level", "told"),
    [
        (0, (8, 6), "warning", "its mask is empty"),
        (255, (6, 8), "error", "is 6 x 8 pixels, the picture 8 x 6"),
        (255, None, "error", "cannot be read"),
    ],
)
def test_masks_must_be_there_filled_and_of_the_pictures_size(
    tmp_path: Path, picture, shade: int, size: tuple[int, int] | None, level: str, told: str
) -> None:
    picture(tmp_path / "nut/test/good/000.png", shade=1)
    picture(tmp_path / "nut/test/bent/000.png")
    (tmp_path / "nut/ground_truth/bent").mkdir(parents=True)
    if size:
        picture(tmp_path / "nut/ground_truth/bent/000_mask.png", shade=shade, size=size)
    assert the_one(messages("mvtec-ad", tmp_path), told)[:2] == (level, "mvtec-ad/nut/test/bent/000.png")


def test_one_filled_mask_of_several_is_enough(tmp_path: Path, picture) -> None:
    picture(tmp_path / "bag/test/good/000.png", shade=1)
    picture(tmp_path / "bag/test/logical_anomalies/000.png")
    for number, shade in enumerate((0, 3)):
        picture(tmp_path / f"bag/ground_truth/logical_anomalies/000/{number}.png", shade=shade)
    assert {entry[0] for entry in messages("mvtec-loco", tmp_path)} == {"info"}


def test_counts_name_defect_types_training_and_one_sided_classes(tmp_path: Path, picture) -> None:
    picture(tmp_path / "nut/train/good/000.png", shade=1)
    picture(tmp_path / "nut/test/bent/000.png", shade=2)
    picture(tmp_path / "bolt/test/good/000.png", shade=3)
    found = messages("mvtec-ad", tmp_path)
    assert ("info", None, "nut: 0 normal, 1 anomalous (bent 1); 1 normal for training") in found
    assert the_one(found, "nut has no normal test item")[0] == "warning"
    assert the_one(found, "bolt has no anomalous test item")[0] == "warning"


def test_what_the_reader_mended_is_reported(tmp_path: Path, picture) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("image\na.png\n", encoding="utf-8")
    assert the_one(messages(tmp_path / "t.csv"), "no column 'label'")[0] == "warning"


def test_the_one_empty_mask_of_the_real_tiles_is_found(shared_data: Path) -> None:
    found = messages("magnetic-tile", shared_data / "magnetic_tile")
    assert [entry[1] for entry in found if entry[0] != "info"] == ["magnetic-tile/MT_Uneven/exp4_num_352527.jpg"]
