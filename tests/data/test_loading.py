from pathlib import Path

import pytest

from vlm_eval.data import load_dataset
from vlm_eval.data.loading import find_root
from vlm_eval.errors import CardError


def test_the_root_is_the_stated_one_then_the_variables_then_the_cards(tmp_path: Path, card, monkeypatch) -> None:
    for name in ("stated", "variable", "own"):
        (tmp_path / name).mkdir()
    mine = card("folders", root=str(tmp_path / "own"))
    assert find_root(mine) == tmp_path / "own"
    monkeypatch.setenv("VLM_EVAL_MINE", str(tmp_path / "variable"))
    assert find_root(mine) == tmp_path / "variable"
    assert find_root(mine, tmp_path / "stated") == tmp_path / "stated"


def test_data_that_nobody_pointed_to_is_asked_for_with_where_to_get_it() -> None:
    with pytest.raises(CardError) as caught:
        load_dataset("mvtec-ad")
    for told in ("mvtec-ad", "https://www.mvtec.com", "--root", "VLM_EVAL_MVTEC_AD"):
        assert told in str(caught.value)


def test_a_root_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"not at .*/nowhere"):
        load_dataset("mvtec-ad", root=tmp_path / "nowhere")


def test_a_file_where_a_folder_is_needed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "visa.tar").write_bytes(b"")
    with pytest.raises(CardError, match=r"visa\.tar is a file, but the reader visa needs a folder"):
        load_dataset("visa", root=tmp_path / "visa.tar")


def test_a_file_that_may_not_be_read_is_one_message(tmp_path: Path, monkeypatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path / "good"))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(CardError, match="good cannot be read: Permission denied"):
        load_dataset(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="holds nothing"):
        load_dataset(tmp_path)
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    with pytest.raises(CardError, match="holds no item to evaluate"):
        load_dataset(tmp_path)


def test_a_cards_name_comes_before_a_folder_of_the_same_name(tmp_path: Path, picture, monkeypatch) -> None:
    picture(tmp_path / "visa" / "good" / "a.png")
    picture(tmp_path / "visa" / "bad" / "b.png")
    monkeypatch.chdir(tmp_path)
    assert len(load_dataset("./visa").samples) == 2
    with pytest.raises(CardError, match="spot-diff"):
        load_dataset("visa")


def test_what_is_neither_card_folder_nor_table_is_refused() -> None:
    with pytest.raises(CardError, match="There is no dataset 'bottels'"):
        load_dataset("bottels")
    with pytest.raises(CardError, match=r"table bottels\.csv does not exist"):
        load_dataset("bottels.csv")


def test_repeated_ids_are_refused_naming_the_first(tmp_path: Path, picture) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("image,label\na.png,0\na.png,1\n", encoding="utf-8")
    with pytest.raises(CardError, match=r"1 sample ids of t occur more than once, the first is t/a\.png"):
        load_dataset(tmp_path / "t.csv")


def test_samples_can_be_sent_to_another_process(tmp_path: Path, picture) -> None:
    import pickle

    picture(tmp_path / "a.png")
    samples = load_dataset(tmp_path).samples
    assert pickle.loads(pickle.dumps(samples)) == samples


README_CARD = """\
name: bolts
title: Our bolts
licence: internal
reader: {reader}
root: ../bolts
common:
  nouns: {{noun: bolt, plural: bolts}}
  standard: {{normal: show a straight bolt with an intact thread, abnormal: "bent shafts, stripped threads"}}
"""


def readers_data(folder: Path, reader: str) -> None:
    rows = {
        "visa": "split_csv/1cls.csv|object,split,label,image,mask\nbolt,test,normal,bad/b.png,\n",
        "customizable-vlm": 'vlm_for_ad_dataset.json|[{"object_type": "bolt", "defect_img_path": "bad/b.png", '
        '"good_img_path": "good/a.png", "label": 0}]',
    }
    if reader in rows:
        name, _, text = rows[reader].partition("|")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("reader", ["folders", "table", "visa", "customizable-vlm"])
@pytest.mark.parametrize("start", ["here", "inside"])
def test_a_cards_root_beside_its_folder_is_read_by_every_reader(
    tmp_path: Path, picture, monkeypatch, reader: str, start: str
) -> None:
    for name in ("good/a.png", "bad/b.png"):
        picture(tmp_path / "bolts" / name)
    readers_data(tmp_path / "bolts", reader)
    (tmp_path / "my_cards").mkdir()
    text = README_CARD.format(reader=reader)
    if reader == "table":
        (tmp_path / "bolts/t.csv").write_text("image,label\ngood/a.png,0\nbad/b.png,1\n", encoding="utf-8")
        text += "options: {file: t.csv}\n"
    (tmp_path / "my_cards/bolts.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path if start == "here" else tmp_path / "my_cards")
    samples = load_dataset("bolts", search=[Path("my_cards" if start == "here" else ".")]).samples
    assert "bolts/bad/b.png" in {sample.id for sample in samples}
    assert all(sample.sources[0].is_file() for sample in samples)
    assert samples[0].nouns["plural"] == "bolts"


def test_a_root_that_leads_through_a_link_is_the_folder_that_the_system_finds(
    tmp_path: Path, picture, card
) -> None:
    picture(tmp_path / "disk/bolts/a.png")
    (tmp_path / "disk/cards").mkdir()
    (tmp_path / "cards").symlink_to(tmp_path / "disk/cards")
    assert find_root(card("folders"), tmp_path / "cards/../bolts") == (tmp_path / "disk/bolts").resolve()


@pytest.mark.parametrize("stated", [".", "..", "../my bolts/"])
def test_a_folder_goes_by_its_own_name_however_it_is_stated(
    tmp_path: Path, picture, monkeypatch, stated: str
) -> None:
    picture(tmp_path / "my bolts/a.png")
    (tmp_path / "my bolts/sub").mkdir()
    monkeypatch.chdir(tmp_path / "my bolts" / ("sub" if stated == ".." else ""))
    (sample,) = load_dataset(stated).samples
    assert sample.id == "my-bolts/a.png"
    assert sample.sources[0].is_file()


def test_a_folder_that_was_named_comes_before_the_variable_of_a_card_of_that_name(
    tmp_path: Path, picture, monkeypatch
) -> None:
    picture(tmp_path / "pictures/a.png")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("VLM_EVAL_PICTURES", str(tmp_path / "elsewhere"))
    assert len(load_dataset(tmp_path / "pictures").samples) == 1
