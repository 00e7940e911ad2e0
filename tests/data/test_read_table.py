import base64
import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError


def write_card(folder: Path, options: str) -> Path:
    file = folder / "parts.yaml"
    text = f"name: parts\ntitle: Parts\nreader: table\nlicence: MIT\nroot: .\noptions: {options}\n"
    file.write_text(text, encoding="utf-8")
    return file


def gold(samples) -> dict[str, str]:
    return {sample.id: sample.gold.anomalous for sample in samples}


def test_a_csv_is_read_without_a_card(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,label\na.png,normal\nsub/b.png,1\nc.png,\n", encoding="utf-8")
    samples = load_dataset(tmp_path / "t.csv").samples
    assert gold(samples) == {"t/a.png": "no", "t/sub/b.png": "yes", "t/c.png": "unknown"}
    assert samples[1].sources == (tmp_path / "sub/b.png",)


def test_a_row_that_names_a_missing_file_is_an_item_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,label\nnone.png,0\n", encoding="utf-8")
    (sample,) = load_dataset(tmp_path / "t.csv").samples
    assert not sample.sources[0].exists()


def test_a_table_without_labels_is_unlabelled_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image\na.png\n", encoding="utf-8")
    dataset = load_dataset(tmp_path / "t.csv")
    assert gold(dataset.samples) == {"t/a.png": "unknown"}
    assert "no column 'label'" in dataset.notes[0]


def test_the_column_map_tells_all_there_is_to_tell(tmp_path: Path) -> None:
    row = {
        "file": "7",
        "state": "NIO",
        "part": "hex_bolt",
        "kind": "bent",
        "seg": "masks/7.png",
        "twin": "ref.png",
        "serial": "S1",
        "use": "test",
        "ask": "Is it bent?",
        "line": 3,
    }
    (tmp_path / "t.jsonl").write_text(json.dumps(row) + "\n\n", encoding="utf-8")
    columns = (
        "{image: file, label: state, object_class: part, defect_type: kind, mask: seg, reference: twin, "
        "group: serial, split: use, question: ask, id: serial, metadata: [line]}"
    )
    options = (
        f"file: t.jsonl, columns: {columns}, labels: {{normal: [IO], anomalous: [nio]}}, pattern: 'p/{{:0>3}}.png'"
    )
    (sample,) = load_dataset(write_card(tmp_path, f"{{{options}}}")).samples
    assert sample.id == "parts/S1"
    assert sample.sources == (tmp_path / "p/007.png",)
    assert (sample.object_class, sample.nouns) == ("hex_bolt", {"noun": "hex bolt"})
    assert (sample.gold.anomalous, sample.gold.defect_type) == ("yes", "bent")
    assert sample.gold.masks == (tmp_path / "masks/7.png",)
    assert sample.references == (tmp_path / "ref.png",)
    assert (sample.group, sample.split, sample.question) == ("S1", "test", "Is it bent?")
    assert sample.metadata == {"line": 3}


def test_a_parquet_file_with_embedded_pictures_fills_the_cache_once(
    tmp_path: Path, picture, cache_in_scratch: Path
) -> None:
    pixels = [picture(tmp_path / f"{shade}.png", shade=shade).read_bytes() for shade in (1, 2)]
    table = pyarrow.table({"image": [{"bytes": data, "path": None} for data in pixels], "label": [0, 1]})
    parquet.write_table(table, tmp_path / "t.parquet")
    samples = load_dataset(tmp_path / "t.parquet").samples
    assert gold(samples) == {"t/000000": "no", "t/000001": "yes"}
    assert [sample.sources[0].read_bytes() for sample in samples] == pixels
    assert samples[0].sources[0].suffix == ".png"
    written = {file: file.stat().st_mtime_ns for file in cache_in_scratch.rglob("*.*")}
    assert len(written) == 2
    load_dataset(tmp_path / "t.parquet")
    assert {file: file.stat().st_mtime_ns for file in cache_in_scratch.rglob("*.*")} == written


def test_raw_bytes_and_data_urls_are_embedded_pictures_too(tmp_path: Path, picture) -> None:
    data = picture(tmp_path / "a.png").read_bytes()
    parquet.write_table(pyarrow.table({"image": [data], "label": ["good"]}), tmp_path / "t.parquet")
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    (tmp_path / "u.jsonl").write_text(json.dumps({"image": url, "label": False}), encoding="utf-8")
    for name in ("t.parquet", "u.jsonl"):
        (sample,) = load_dataset(tmp_path / name).samples
        assert (sample.sources[0].read_bytes(), sample.gold.anomalous) == (data, "no")


def test_a_table_that_is_not_utf_8_is_refused_naming_line_and_remedy_and_read_with_its_encoding(
    tmp_path: Path,
) -> None:
    (tmp_path / "t.csv").write_bytes("image,label\na.png,0\nGehäuse.png,1\n".encode("cp1252"))
    with pytest.raises(CardError, match=r"t\.csv, line 3: not utf-8 \(byte 0xe4\).*options\.encoding"):
        load_dataset(tmp_path / "t.csv")
    samples = load_dataset(write_card(tmp_path, "{file: t.csv, encoding: cp1252}")).samples
    assert samples[1].id == "parts/Gehäuse.png"


def test_a_byte_order_mark_and_blanks_in_the_header_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("id, hemorrhage\n0,1\n12,0\n", encoding="utf-8-sig")
    samples = load_dataset("head-ct", root=tmp_path).samples
    assert gold(samples) == {"head-ct/head_ct/head_ct/000.png": "yes", "head-ct/head_ct/head_ct/012.png": "no"}
    assert samples[0].gold.defect_type == "hemorrhage"
    assert samples[1].gold.defect_type is None


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("t.csv", "path,label\na.png,0\n", r"no column 'image'. The columns are path, label"),
        ("t.csv", "image,label\na.png,2\n", r"t\.csv, line 2: the label is '2'. Allowed are 0, normal.*labels"),
        ("t.csv", "image,label\n,1\n", "column 'image' is empty"),
        ("t.csv", "image,label\na.png\n", r"line 2: the number of cells is not the header's, 2"),
        ("t.csv", "image,label\na.png,0,extra\n", "number of cells"),
        ("t.csv", "image,label\n../a.png,0\n", r"t\.csv, line 2: the path '\.\./a\.png' leads out of"),
        ("t.csv", "image,label\n", "holds no item to evaluate"),
        ("t.csv", "", "holds no item to evaluate"),
        ("t.jsonl", '{"image": "a.png", "label": 0}\n{"image": \n', r"t\.jsonl, line 2 is no valid JSON"),
        ("t.jsonl", '{"image": "a.png", "label": 0}\n{"image": "b.png"}\n', r"line 2: the row lacks 'label'"),
        ("t.jsonl", "[1]\n", "is a JSON list"),
        ("t.jsonl", '{"image": "data:image/png;base64,?", "label": 0}\n', "no valid base64"),
        ("t.parquet", "PAR?", r"t\.parquet cannot be read as Parquet"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_message(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(CardError, match=told):
        load_dataset(tmp_path / name)


def test_a_table_that_is_not_there_and_one_of_an_unknown_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"no table at .*none\.csv"):
        load_dataset(write_card(tmp_path, "{file: none.csv}"))
    (tmp_path / "t.xlsx").write_bytes(b"")
    with pytest.raises(CardError, match=r"allowed are \.csv, \.tsv, \.jsonl and \.parquet"):
        load_dataset(write_card(tmp_path, "{file: t.xlsx}"))


def test_a_line_ends_at_a_line_break_only(tmp_path: Path) -> None:
    odd = "a\u2028b\x85c\x0cd\x1c.png"
    (tmp_path / "t.csv").write_text(f'image,label,note\n"{odd}",1,"one\nnote"\nb.png,0,\n', encoding="utf-8")
    text = json.dumps({"image": odd, "label": 1}, ensure_ascii=False)
    (tmp_path / "u.jsonl").write_text(f'{text}\r\n{{"image": "b.png", "label": 0}}\n', encoding="utf-8")
    for name in ("t", "u"):
        file = next(tmp_path.glob(f"{name}.*"))
        assert gold(load_dataset(file).samples) == {f"{name}/{odd}": "yes", f"{name}/b.png": "no"}


@pytest.mark.parametrize("column", ["image", "reference", "mask"])
def test_a_path_in_an_object_may_not_leave_the_tables_folder_either(tmp_path: Path, picture, column: str) -> None:
    picture(tmp_path / "outside.png")
    row = {"image": {"path": "a.png"}, "reference": None, "mask": None, "label": 1}
    row[column] = {"path": str(tmp_path / "outside.png")}
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside/t.jsonl").write_text(json.dumps(row), encoding="utf-8")
    columns = "{image: image, reference: reference, mask: mask}"
    with pytest.raises(CardError, match=r"t\.jsonl, line 1: the path .*outside\.png' leads out of"):
        load_dataset(write_card(tmp_path / "inside", f"{{file: t.jsonl, columns: {columns}}}"))


def test_a_path_in_an_object_is_read_below_the_tables_folder(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"image": {"path": "sub/a.png"}, "label": 1}', encoding="utf-8")
    (sample,) = load_dataset(tmp_path / "t.jsonl").samples
    assert (sample.id, sample.sources) == ("t/sub/a.png", (tmp_path / "sub/a.png",))
    (tmp_path / "t.jsonl").write_text('{"image": {"path": null}, "label": 1}', encoding="utf-8")
    with pytest.raises(CardError, match="column 'image' is empty"):
        load_dataset(tmp_path / "t.jsonl")
