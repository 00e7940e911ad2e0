from pathlib import Path

import pytest

from vlm_eval.data.samples import Found, SampleMaker, inside
from vlm_eval.errors import CardError

NUT = {
    "nouns": {"noun": "metal nut", "plural": "metal nuts"},
    "standard": {"normal": "show a nut", "source": "me"},
    "defects": {
        "flip": {"name": "flipped", "synonyms": ["upside down"], "category": "logical"},
        "bent_edge": None,
    },
}


def found(**more: object) -> Found:
    return Found(
        **{"source": Path("x/a.png"), "path": "nut/a.png", "object_class": "nut", "anomalous": "yes"} | more
    )


def test_a_sample_carries_the_words_of_its_class(card) -> None:
    sample = SampleMaker(card("mvtec", classes={"nut": NUT})).make(found(defects=("flip",)))
    assert sample.id == "mine/nut/a.png"
    assert sample.group == sample.id
    assert sample.nouns == {"noun": "metal nut", "plural": "metal nuts"}
    assert sample.standard is not None
    assert sample.standard.source == "me"
    assert sample.gold.defect_type == "flipped"
    assert sample.gold.accepted == ("flipped", "upside down")
    assert sample.gold.category == "logical"
    assert [label.name for label in sample.candidate_labels] == ["flipped", "bent edge"]


def test_what_is_common_serves_classes_that_say_nothing_of_their_own(card) -> None:
    mine = card("mvtec", common={"nouns": {"noun": "thing", "of": "part"}}, classes={"nut": NUT, "bolt": None})
    maker = SampleMaker(mine)
    assert maker.make(found(object_class="bolt")).nouns == {"noun": "thing", "of": "part"}
    assert maker.make(found()).nouns == {"noun": "metal nut", "plural": "metal nuts", "of": "part"}


def test_a_class_without_words_is_called_by_its_name_and_an_unnamed_one_by_none(card) -> None:
    maker = SampleMaker(card("mvtec"))
    assert maker.make(found(object_class="hex_bolt")).nouns == {"noun": "hex bolt"}
    assert maker.make(found(object_class="object")).nouns == {}


def test_any_defect_of_a_picture_with_several_is_a_right_answer(card) -> None:
    gold = SampleMaker(card("mvtec", classes={"nut": NUT})).make(found(defects=("flip", "hole"))).gold
    assert gold.defect_type == "several defects"
    assert gold.accepted == ("flipped", "hole", "upside down")
    assert gold.category is None


def test_the_group_rule_finds_the_patient_in_the_id(card) -> None:
    maker = SampleMaker(card("folders", group=r"(person\d+)_"))
    assert maker.make(found(path="sick/person7_a.png")).group == "mine/person7"
    assert maker.make(found(path="well/IM-1.png")).group == "mine/well/IM-1.png"


@pytest.mark.parametrize(("group", "told"), [("(", "no regular expression"), (r"person\d+", r"needs one \(...\)")])
def test_a_group_rule_that_cannot_work_is_refused(card, group: str, told: str) -> None:
    with pytest.raises(CardError, match=told):
        SampleMaker(card("folders", group=group))


def test_paths_stay_inside_their_root(tmp_path: Path) -> None:
    assert inside(tmp_path, "a\\b.png", "t") == tmp_path / "a" / "b.png"
    assert inside(tmp_path, f"{tmp_path}/b.png", "t") == tmp_path / "b.png"
    for outside in ("../b.png", "a/../../b.png", "/etc/passwd", "..\\b.png", f"{tmp_path}2/b.png"):
        with pytest.raises(CardError, match=r"t\.csv, line 3: .* leads out of"):
            inside(tmp_path, outside, "t.csv, line 3")
