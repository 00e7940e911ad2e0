import sys
from pathlib import Path

import pytest
import yaml

from vlm_eval.data.cards import check_card
from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError, MissingExtraError

OPTIONS = "{columns: {image: scan, label: state}, labels: {normal: [well], anomalous: [ill]}}"


@pytest.fixture
def card_file(tmp_path: Path) -> Path:
    file = tmp_path / "scans.yaml"
    text = f"name: scans\ntitle: Scans\nreader: hugging-face\nlicence: MIT\nroot: saved\noptions: {OPTIONS}\n"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def saved(tmp_path: Path, picture) -> list[bytes]:
    datasets = pytest.importorskip("datasets")
    pixels = [picture(tmp_path / f"{shade}.png", shade=shade).read_bytes() for shade in (1, 2, 3)]
    features = datasets.Features({"scan": datasets.Image(), "state": datasets.ClassLabel(names=["well", "ill"])})
    rows = {"scan": [{"bytes": data, "path": None} for data in pixels], "state": [0, 1, -1]}
    table = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"test": table}).save_to_disk(str(tmp_path / "saved"))
    return pixels


def test_a_saved_data_set_gives_its_pictures_byte_for_byte_and_labels_by_name(card_file: Path, saved) -> None:
    with pytest.raises(CardError, match="the label is -1"):
        load_dataset(card_file)
    card_file.write_text(card_file.read_text().replace("[ill]", "[ill], unknown: [-1]"), encoding="utf-8")
    samples = load_dataset(card_file).samples
    assert [sample.gold.anomalous for sample in samples] == ["no", "yes", "unknown"]
    assert [sample.sources[0].read_bytes() for sample in samples] == saved
    assert samples[1].id == "scans/000001"


def test_a_split_that_is_not_there_is_refused_naming_those_that_are(card_file: Path, saved) -> None:
    card_file.write_text(
        card_file.read_text().replace("{columns", "{split: validation, columns"), encoding="utf-8"
    )
    with pytest.raises(CardError, match="no split 'validation'; it has test"):
        load_dataset(card_file)


def test_a_folder_that_save_to_disk_did_not_write_is_refused(card_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    (tmp_path / "saved").mkdir()
    with pytest.raises(CardError, match=r"cannot load .*saved as a save_to_disk folder"):
        load_dataset(card_file)


def test_without_the_package_the_pip_command_is_told(card_file: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "saved").mkdir()
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vlm-eval\[hf\]'"):
        load_dataset(card_file)


def save(folder: Path, pixels: list[bytes], columns: dict, splits: tuple[str, ...] = ()) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {"scan": [{"bytes": data, "path": None} for data in pixels]}
    rows |= {name: [n % 2 for n, _ in enumerate(pixels)] for name in columns}
    table = datasets.Dataset.from_dict(rows, features=datasets.Features({"scan": datasets.Image(), **columns}))
    saved_as = datasets.DatasetDict(dict.fromkeys(splits, table)) if splits else table
    saved_as.save_to_disk(str(folder))


def names(*listed: str):
    return pytest.importorskip("datasets").ClassLabel(names=list(listed))


@pytest.mark.parametrize("splits", [(), ("train", "test"), ("validation",)])
def test_a_saved_folder_needs_no_card_where_its_features_tell_picture_and_label(
    tmp_path: Path, picture, splits: tuple[str, ...]
) -> None:
    pixels = [picture(tmp_path / f"{shade}.png", shade=shade).read_bytes() for shade in (1, 2)]
    save(tmp_path / "my scans", pixels, {"state": names("good", "defective")}, splits)
    samples = load_dataset(tmp_path / "my scans").samples
    assert {sample.id: sample.gold.anomalous for sample in samples} == {
        "my-scans/000000": "no",
        "my-scans/000001": "yes",
    }
    assert [sample.sources[0].read_bytes() for sample in samples] == pixels


@pytest.mark.parametrize(
    ("labels", "splits", "told"),
    [
        (("well", "ill"), (), "whether 'well', 'ill' means normal or anomalous is not clear"),
        (("good", "bad"), ("train", "held"), "which of the splits train, held is the one to evaluate"),
        ((), (), r"which column holds the labels is not clear \(none is stated as such\)"),
    ],
)
def test_a_saved_folder_that_is_not_clear_is_refused_with_the_card_to_write(
    tmp_path: Path, picture, labels: tuple[str, ...], splits: tuple[str, ...], told: str
) -> None:
    pixels = [picture(tmp_path / f"{shade}.png", shade=shade).read_bytes() for shade in (1, 2)]
    save(tmp_path / "scans", pixels, {"state": names(*labels)} if labels else {}, splits)
    with pytest.raises(CardError, match=told) as caught:
        load_dataset(tmp_path / "scans")
    lines = str(caught.value).splitlines()[2:]
    shown = yaml.safe_load("\n".join(lines).replace("[...]", "[]").replace("...", "MIT"))
    shown["options"].pop("labels")
    assert check_card(shown, "shown").options["columns"]["image"] == "scan"


def test_a_name_on_the_hub_is_refused_with_the_card_to_write() -> None:
    with pytest.raises(CardError) as caught:
        load_dataset("hf:org/My-Set")
    for told in ("--datasets my_cards --dataset My-Set", "reader: hugging-face", "hub: org/My-Set", "columns:"):
        assert told in str(caught.value)
