import json
from pathlib import Path

import pytest

from vlm_eval.data.check import check_dataset
from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError


@pytest.fixture
def nab(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "realKnownCause"
    folder.mkdir(parents=True)
    rows = [f"2014-07-{1 + hour // 24:02d} {hour % 24:02d}:00:00,{hour % 24}" for hour in range(480)]
    (folder / "taxi.csv").write_text("timestamp,value\n" + "\n".join(rows) + "\n")
    (folder / "quiet.csv").write_text("timestamp,value\n" + "\n".join(rows[:240]) + "\n")
    labels = {
        "realKnownCause/taxi.csv": [["2014-07-14 06:00:00.000000", "2014-07-14 18:00:00.000000"]],
        "realKnownCause/quiet.csv": [],
        "realKnownCause/gone.csv": [],
    }
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps(labels))
    return tmp_path


def test_windows_of_a_series_are_items_with_the_labels_that_fall_into_them(nab: Path) -> None:
    data = load_dataset("nab", root=nab)
    taxi = [sample for sample in data.samples if "taxi" in sample.id]
    assert [sample.id for sample in taxi] == [f"nab/realKnownCause/taxi.csv#{n:03d}" for n in range(1, 7)]
    assert [sample.gold.anomalous for sample in taxi] == ["no", "no", "no", "yes", "no", "no"]
    (interval,) = taxi[3].gold.intervals
    assert interval == (1405317600.0, 1405360800.0)  # 2014-07-14 06:00 and 18:00 UTC
    assert {sample.group for sample in taxi} == {"nab/realKnownCause/taxi.csv"}
    assert taxi[0].metadata["time_unit"] == "date" and taxi[0].metadata["step"] == 3600
    assert data.notes and "gone.csv" in data.notes[0]


def test_the_beginning_is_the_reference_and_no_window_repeats_it(nab: Path) -> None:
    for sample in load_dataset("nab", root=nab).samples:
        own, reference = (dict(recipe[0].parameters) for recipe in (sample.recipe, sample.reference_recipe))
        assert sample.references == sample.sources
        assert reference["start"] == "2014-07-01T00:00:00" and reference["end"] <= own["start"] < own["end"]


def test_the_check_takes_windows_of_one_file_for_what_they_are(nab: Path) -> None:
    findings = check_dataset(load_dataset("nab", root=nab))
    assert not [finding for finding in findings if finding.level == "error"]
    assert not [finding for finding in findings if "same picture" in finding.message]


def test_catfish_and_scatter_are_a_normal_and_an_anomalous_item_of_numbers(tmp_path: Path) -> None:
    rows = [f"{year}-{month:02d}-01,{20000 + month}" for year in (1996, 1997, 1998) for month in range(1, 13)]
    (tmp_path / "catfish.csv").write_text("Date,Total\n" + "\n".join(rows))
    (tmp_path / "catfish_anomaly.csv").write_text("Date,Total\n" + "\n".join([*rows[:-1], "1998-12-01,10000"]))
    labels = {"catfish.csv": [], "catfish_anomaly.csv": [["1998-12-01", "1998-12-01"]]}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    normal, anomalous = load_dataset("catfish-sales", root=tmp_path).samples
    assert (normal.gold.anomalous, anomalous.gold.anomalous) == ("no", "yes")
    assert anomalous.gold.intervals == ((912470400.0, 912470400.0),) and anomalous.gold.defect_type == "drop"
    assert (normal.domain, normal.modality, normal.recipe[0].operation) == ("time-series", "time-series", "plot")

    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("x,y\n1.5,2\n0.5,1\n2,9\n")
    (tmp_path / "labels.json").write_text(json.dumps({"a.csv": [[2.0, 2.0]], "b.csv": []}))
    outlier, plain = load_dataset("outlier-scatter", root=tmp_path).samples
    assert (outlier.gold.intervals, plain.gold.anomalous) == (((2.0, 2.0),), "no")
    assert dict(outlier.recipe[0].parameters)["kind"] == "scatter"


@pytest.mark.parametrize(
    ("labels", "rows", "said"),
    [
        (None, "", "holds no labels. Put one of these there: labels.json"),
        ("[1]", "", "must hold"),
        ("{", "", "cannot be read as JSON"),
        ('{"a.csv": [["soon", "later"]]}', "x,y\n1,2\n", "no window"),
        ('{"a.csv": [[3, 2]]}', "x,y\n1,2\n", "ends before it starts"),
        ('{"a.csv": []}', "u,y\n1,2\n", "no column 'x'; it has u, y"),
        ('{"a.csv": []}', "x,y\nnoon,1\n", "ISO dates or numbers are needed"),
        ('{"../a.csv": []}', "x,y\n1,2\n", "leads out of"),
        (
            '{"a.csv": [[7, 8]]}',
            "x,y\n1,2\n3,4\n",
            "anomalous from 7 to 8, where it has no readings: it goes from 1 to 3",
        ),
        ('{"a.csv": [[3, 4]]}', "x,y\n2024-01-01,2\n2024-01-02,4\n", "it goes from 2024-01-01"),
    ],
)
def test_what_is_wrong_with_labels_or_series_is_said(tmp_path: Path, labels, rows, said) -> None:
    (tmp_path / "a.csv").write_text(rows)
    if labels is not None:
        (tmp_path / "labels.json").write_text(labels)
    with pytest.raises(CardError, match=said):
        load_dataset("outlier-scatter", root=tmp_path)


def test_a_series_without_readings_is_left_out_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n")
    (tmp_path / "b.csv").write_text("x,y\n1,2\n3,4\n")
    (tmp_path / "labels.json").write_text('{"a.csv": [[2, 3]], "b.csv": []}')
    data = load_dataset("outlier-scatter", root=tmp_path)
    assert [sample.sources[0].name for sample in data.samples] == ["b.csv"]
    assert any("a.csv has no time in its column 'x'; it is left out" in note for note in data.notes)


def test_the_shared_part_of_nab_is_read(shared_data: Path) -> None:
    data = load_dataset("nab", root=shared_data / "nab")
    assert len(data.samples) == 6 * 29
    labels = json.loads((shared_data / "nab" / "windows.json").read_text())
    anomalous = {sample.group.removeprefix("nab/") for sample in data.samples if sample.gold.anomalous == "yes"}
    assert anomalous == {name for name, windows in labels.items() if windows}
