"""Readings of items: from columns, from metadata, from a table beside the data."""

from pathlib import Path

import pytest

from vlm_eval.data.auxiliary import add_auxiliary
from vlm_eval.data.cards import check_card
from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError

HEAD = "name: mine\ntitle: Mine\nlicence: MIT\nmodality: image\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return folder / "mine.yaml"


def test_columns_that_the_card_names_are_told_with_what_they_are(tmp_path: Path) -> None:
    card = write(
        tmp_path,
        mine_yaml=HEAD + "reader: table\nroot: .\noptions: {file: t.csv}\n"
        "common: {auxiliary: {oven: oven temperature in °C, line: line}}\n",
        t_csv="image,label,oven,line,batch\na.png,0,212.0,3,x\nb.png,1,,4,y\n",
    )
    first, second = load_dataset(card).samples
    assert dict(first.auxiliary) == {"oven temperature in °C": "212.0", "line": "3"}
    assert dict(second.auxiliary) == {"line": "4"}  # an empty cell is no reading
    assert first.metadata == {"oven": "212.0", "line": "3"}


def test_a_class_may_have_readings_of_its_own(tmp_path: Path) -> None:
    card = write(
        tmp_path,
        mine_yaml=HEAD + "reader: table\nroot: .\n"
        "options: {file: t.jsonl, columns: {object_class: kind}}\n"
        "common: {auxiliary: {line: line}}\nclasses: {nut: {auxiliary: {torque: torque in Nm}}}\n",
        t_jsonl='{"image": "a.png", "label": 0, "kind": "nut", "line": 2, "torque": 5.0}\n'
        '{"image": "b.png", "label": 0, "kind": "bolt", "line": 2, "torque": 7.5}\n',
    )
    nut, bolt = load_dataset(card).samples
    assert dict(nut.auxiliary) == {"line": "2", "torque in Nm": "5"}
    assert dict(bolt.auxiliary) == {"line": "2"}


@pytest.mark.parametrize("column", ["label", "what"])
def test_a_column_that_tells_the_gold_is_no_reading(tmp_path: Path, column: str) -> None:
    card = write(
        tmp_path,
        mine_yaml=HEAD + "reader: table\nroot: .\noptions: {file: t.csv, columns: {defect_type: what}}\n"
        f"common: {{auxiliary: {{{column}: a record}}}}\n",
        t_csv="image,label,what\na.png,1,crack\n",
    )
    with pytest.raises(CardError, match=f"column '{column}', which tells whether the item is anomalous"):
        load_dataset(card)


def folders_card(tmp_path: Path, picture, table: str) -> Path:
    picture(tmp_path / "good" / "a.png", 1)
    picture(tmp_path / "bad" / "b.png", 2)
    return write(
        tmp_path,
        mine_yaml=HEAD + "reader: folders\nroot: .\nauxiliary_file: readings.csv\n"
        "common: {auxiliary: {speed: line speed in m/min}}\n",
        readings_csv=table,
    )


def test_any_reader_takes_readings_from_a_table_beside_the_data(tmp_path: Path, picture) -> None:
    card = folders_card(tmp_path, picture, "item,speed\ngood/a.png,3\nbad/b.png,9\n")
    found = {sample.id: dict(sample.auxiliary) for sample in load_dataset(card).samples}
    assert found == {
        "mine/good/a.png": {"line speed in m/min": "3"},
        "mine/bad/b.png": {"line speed in m/min": "9"},
    }


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("path,speed\ngood/a.png,3\n", "no column 'item'"),
        ("item,speed\ngood/z.png,3\n", "'good/z.png' is no item of mine. An item is named as (good/a|bad/b).png"),
        ("item,speed\ngood/a.png,3\ngood/a.png,4\n", "line 3: 'good/a.png' is named twice"),
        ("item,pace\ngood/a.png,3\n", "auxiliary names 'speed', but no item has such a field; they have pace"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, picture, table: str, message: str) -> None:
    with pytest.raises(CardError, match=message):
        load_dataset(folders_card(tmp_path, picture, table))


def test_a_table_that_is_not_there_is_named(tmp_path: Path, picture) -> None:
    card = folders_card(tmp_path, picture, "")
    (tmp_path / "readings.csv").unlink()
    with pytest.raises(CardError, match=r"no table of readings at .*readings\.csv"):
        load_dataset(card)


def test_a_window_takes_the_readings_of_its_file_and_its_own_over_them(tmp_path: Path, picture) -> None:
    from dataclasses import replace

    card = check_card(
        {
            "name": "mine",
            "title": "Mine",
            "reader": "folders",
            "licence": "MIT",
            "auxiliary_file": "r.csv",
            "common": {"auxiliary": {"plant": "plant", "load": "load"}},
        },
        "mine.yaml",
    )
    picture(tmp_path / "good" / "a.png")
    picture(tmp_path / "bad" / "b.png")
    (whole, _) = load_dataset(str(tmp_path)).samples
    windows = [replace(whole, id=f"{whole.card}/a.csv#{number}") for number in range(2)]
    (tmp_path / "r.csv").write_text("item,plant,load\na.csv,north,5\na.csv#1,,7\n")
    card = card.model_copy(update={"name": whole.card})
    first, second = add_auxiliary(card, tmp_path, windows)
    assert dict(first.auxiliary) == {"plant": "north", "load": "5"}
    assert second.auxiliary["load"] == "7"


def test_without_a_word_of_it_in_the_card_nothing_is_told(tmp_path: Path, picture) -> None:
    picture(tmp_path / "good" / "a.png")
    picture(tmp_path / "bad" / "b.png")
    assert not any(sample.auxiliary for sample in load_dataset(str(tmp_path)).samples)
