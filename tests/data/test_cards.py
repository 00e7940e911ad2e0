from pathlib import Path

import pytest

from vlm_eval.data.cards import list_cards, load_card
from vlm_eval.data.readers import READERS
from vlm_eval.data.samples import Found, SampleMaker
from vlm_eval.errors import CardError
from vlm_eval.resources import shipped

SHIPPED = sorted(file.stem for file in shipped("datasets").glob("*.yaml"))
NEEDED = {
    *("mvtec-ad", "mvtec-loco", "visa", "mvtec-3d-ad", "deeppcb", "magnetic-tile", "elpv"),
    *("chest-xray", "retinal-oct", "head-ct", "head-mri", "customizable-vlm", "mood", "isic", "hyper-kvasir"),
    *("ucf-crime", "cctv-accident", "outlier-scatter", "catfish-sales", "real3d-ad", "nab", "ucr-anomaly"),
    *("ucsd-pedestrian", "cuhk-avenue", "shanghaitech-campus", "bmad", "lad-bench", "robustmad"),
    "robustmad-pairs",
}
MINIMAL = "name: parts\ntitle: Parts\nreader: folders\nlicence: MIT\n"


def write(folder: Path, text: str, name: str = "parts.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_card_loads_and_says_what_a_user_must_know(name: str) -> None:
    card = load_card(name)
    assert card.licence
    assert card.citation or name == "demo"
    assert card.homepage or name == "demo"
    assert card.contamination
    assert card.obtain or READERS[card.reader].default_root


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_class_has_a_noun_and_a_standard_to_ask_with(name: str) -> None:
    card = load_card(name)
    maker = SampleMaker(card)
    for object_class in card.classes or [card.options["object_class"]]:
        sample = maker.make(Found(Path("a.png"), "a.png", object_class, "unknown"))
        assert sample.nouns["noun"]
        assert sample.nouns["plural"]
        assert sample.standard is not None
        assert sample.standard.normal or sample.standard.rules


def test_the_promised_cards_are_shipped() -> None:
    assert set(SHIPPED) >= NEEDED
    assert set(list_cards()) >= NEEDED


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nab", "Its labels are criticised"),
        ("isic", "cites the challenge of 2017, but"),
        ("lad-bench", "generated"),
    ],
)
def test_what_weakens_the_numbers_of_a_card_is_said_where_it_is_seen(name: str, said: str) -> None:
    card = load_card(name)
    assert card.caveat is not None and said in card.caveat
    assert name == "nab" or card.unverified


def test_only_quoted_standards_name_a_source() -> None:
    sources = {
        (name, key)
        for name in SHIPPED
        for key, text in load_card(name).classes.items()
        if text.standard and text.standard.source
    }
    assert sources == {
        ("mvtec-ad", "bottle"),
        ("customizable-vlm", "bottle"),
        ("visa", "candle"),
        ("visa", "pcb2"),
        ("mvtec-3d-ad", "bagel"),
        ("mvtec-3d-ad", "peach"),
        *(("mvtec-loco", key) for key in ("breakfast_box", "juice_bottle", "screw_bag", "splicing_connectors")),
    }


def test_the_retina_labels_stand_in_the_order_in_which_the_study_prints_them() -> None:
    sample = SampleMaker(load_card("retinal-oct")).make(Found(Path("a.png"), "a.png", "retina OCT", "no"))
    assert [label.name for label in sample.candidate_labels] == [
        *("normal", "drusen", "diabetic macular edema", "choroidal neovascularization"),
    ]
    assert "CNV" in sample.candidate_labels[3].synonyms


def test_a_users_own_card_comes_before_the_shipped_one(tmp_path: Path) -> None:
    write(tmp_path, MINIMAL.replace("parts", "visa"), "visa.yaml")
    assert load_card("visa", [tmp_path]).title == "Parts"
    assert load_card("visa").title != "Parts"
    assert list_cards([tmp_path]).count("visa") == 1


def test_a_card_is_loaded_by_the_path_of_its_file(tmp_path: Path) -> None:
    assert load_card(write(tmp_path, MINIMAL)).name == "parts"


def test_a_cards_own_root_is_relative_to_the_card(tmp_path: Path) -> None:
    card = load_card(write(tmp_path, MINIMAL + "root: pictures\n"))
    assert Path(card.root or "") == tmp_path / "pictures"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            MINIMAL + "licens: MIT\n",
            ["licens: unknown key", "did you mean licence?", "allowed are", "contamination"],
        ),
        (MINIMAL.replace("licence: MIT\n", ""), ["licence: is required"]),
        (MINIMAL + "domain: kitchen\n", ["domain", "'industrial', 'logical'", "'kitchen'"]),
        (MINIMAL + "modality: [image]\n", ["modality", "['image']"]),
        (MINIMAL.replace("folders", "folder"), ["reader 'folder'", "customizable-vlm, demo, elpv, folders"]),
        (MINIMAL + "options: {mask: .png}\n", ["options.mask: unknown key", "mask_suffix"]),
        (MINIMAL.replace("folders", "table") + "options: {pattern: 'p/{a}.png'}\n", ["options.pattern", "one {}"]),
        (MINIMAL + "options: {train: train/good}\n", ["options.train", "'train/good'"]),
        (MINIMAL + "classes: {nut: {nouns: {noun: 3}}}\n", ["classes.nut.nouns.noun", "string", "3"]),
        (MINIMAL + "classes: {nut: {noun: nut}}\n", ["classes.nut.noun: unknown key", "did you mean nouns?"]),
        (MINIMAL + "common: {defects: {cut: {synonym: [slit]}}}\n", ["common.defects.cut.synonym", "synonyms"]),
        (MINIMAL + "name: [\n", ["no valid YAML"]),
        ("- parts\n", ["the file", "['parts']"]),
        ("", ["the file", "None"]),
        (MINIMAL.replace("name: parts", "name: bolts"), ["'bolts'", "'parts'"]),
        (MINIMAL.replace("name: parts", "name: my parts"), ["name", "'my parts'"]),
    ],
)
def test_a_wrong_card_is_refused_naming_file_key_and_what_is_allowed(
    tmp_path: Path, text: str, told: list[str]
) -> None:
    file = write(tmp_path, text)
    with pytest.raises(CardError) as caught:
        load_card(file)
    for part in (str(file), *told):
        assert part in str(caught.value)


def test_several_problems_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(CardError) as caught:
        load_card(write(tmp_path, MINIMAL + "colour: red\nshape: round\n"))
    assert "colour" in str(caught.value)
    assert "shape" in str(caught.value)


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(CardError, match="Did you mean mvtec-ad"):
        load_card("mvtec_ad")


def test_a_card_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"card folder .*none does not exist"):
        list_cards([tmp_path / "none"])


def test_a_card_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "parts.yaml").write_bytes(MINIMAL.replace("Parts", "Gehäuse").encode("cp1252"))
    with pytest.raises(CardError, match="UTF-8"):
        load_card("parts", [tmp_path])


def test_a_card_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="does not exist"):
        load_card(tmp_path / "none.yaml")


def test_the_folder_of_cards_holds_no_code_that_could_shadow_a_package() -> None:
    assert not [file for file in shipped("datasets").rglob("*") if file.suffix in (".py", ".pyc", ".so")]
