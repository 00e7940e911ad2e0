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
