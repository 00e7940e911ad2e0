from pathlib import Path

import pytest

from vlm_eval.data.loading import load_dataset
from vlm_eval.data.selection import choose_references
from vlm_eval.errors import CardError
from vlm_eval.flow import Box


@pytest.fixture
def pairs(tmp_path: Path, picture) -> Path:
    for number, boxes in (("00041000", "1 2 3 4 2\n"), ("00041001", "1 2 3 4 1\n5,6,7,8,6\n\n")):
        picture(tmp_path / f"group/00041/{number}_test.jpg")
        picture(tmp_path / f"group/00041/{number}_temp.jpg", shade=9)
        (tmp_path / "group/00041_not").mkdir(exist_ok=True)
        (tmp_path / f"group/00041_not/{number}.txt").write_text(boxes, encoding="utf-8")
    return tmp_path


def test_the_template_is_the_reference_and_boxes_are_gold(pairs: Path) -> None:
    first, second = load_dataset("deeppcb", root=pairs).samples
    assert first.id == "deeppcb/group/00041/00041000_test.jpg"
    assert first.references == (pairs / "group/00041/00041000_temp.jpg",)
    assert (first.gold.anomalous, first.gold.defect_type) == ("yes", "short circuit")
    assert first.gold.boxes == (Box(1, 2, 3, 4, "short circuit"),)
    assert [box.label for box in second.gold.boxes] == ["open circuit", "pin hole"]
    assert second.gold.defect_type == "several defects"


def test_the_real_boards_are_read_with_boxes_beside_the_pictures(shared_data: Path) -> None:
    samples = load_dataset("deeppcb", root=shared_data / "deeppcb").samples
    assert len(samples) == 24
    lines = [line for file in (shared_data / "deeppcb").glob("*.txt") for line in file.read_text().splitlines()]
    assert sum(len(sample.gold.boxes) for sample in samples) == len([line for line in lines if line.strip()])
    assert all(0 <= box.left < box.right <= 640 for sample in samples for box in sample.gold.boxes)
    assert all(sample.references[0].is_file() for sample in samples)


def test_templates_as_normal_items_have_no_reference_and_no_place_in_one_shot_cells(pairs: Path) -> None:
    card = pairs / "boards.yaml"
    card.write_text(
        "name: boards\ntitle: Boards\nreader: pairs\nlicence: MIT\nroot: group\n"
        "options: {query: '{id}_test.jpg', reference: '{id}_temp.jpg', templates_as_normal: true}\n",
        encoding="utf-8",
    )
    samples = load_dataset(card).samples
    assert [(sample.gold.anomalous, len(sample.references)) for sample in samples] == [("yes", 1), ("no", 0)] * 2
    with pytest.raises(CardError, match=r"00041000_temp\.jpg brings 0 where 1 are asked for \(2 of 4 items\)"):
        choose_references(samples, 1, 0)


def test_boards_can_be_compared_with_the_templates_of_other_boards(pairs: Path) -> None:
    card = pairs / "boards.yaml"
    card.write_text(
        "name: boards\ntitle: Boards\nreader: pairs\nlicence: MIT\nroot: group\noptions: {query: '{id}_test.jpg', "
        "reference: '{id}_temp.jpg', templates_as_normal: true, own_reference: false, training_templates: 1}\n",
        encoding="utf-8",
    )
    bank, board, template = load_dataset(card).samples
    assert (bank.split, bank.gold.anomalous, bank.sources[0].name) == ("train", "no", "00041000_temp.jpg")
    assert (board.split, board.gold.anomalous) == ("test", "yes")
    assert (template.split, template.gold.anomalous) == ("test", "no")
    assert board.group == template.group != bank.group
    assert board.references == template.references == ()
    chosen = choose_references([bank, board, template], 1, 0)
    assert chosen.by_class == {"object": bank.sources}


@pytest.mark.parametrize(
    ("line", "told"),
    [("1 2 3\n", "'1 2 3' is no box"), ("a b c d 1\n", "is no box"), ("1 2 3 4 9\n", "box class '9'.*1, 2, 3")],
)
def test_a_line_that_is_no_box_is_refused_naming_file_and_line(pairs: Path, line: str, told: str) -> None:
    (pairs / "group/00041_not/00041000.txt").write_text(line, encoding="utf-8")
    with pytest.raises(CardError, match=rf"00041000\.txt, line 1: .*{told}|{told}"):
        load_dataset("deeppcb", root=pairs)


def test_a_missing_box_file_is_refused(pairs: Path) -> None:
    (pairs / "group/00041_not/00041000.txt").unlink()
    with pytest.raises(CardError, match=r"00041000\.txt is missing: the boxes of 00041000_test\.jpg"):
        load_dataset("deeppcb", root=pairs)
