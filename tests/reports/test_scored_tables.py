"""Mapping and multiple-choice tables, from a run folder to console and CSV."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from vlm_eval.cli.main import app
from vlm_eval.runs.mapped import read_mapped
from vlm_eval.runs.store import Store
from vlm_eval.scoring import mapping
from vlm_eval.scoring.embedding import Embedded

KINDS = ("crack", "dent", "stain", "hole")


class Words:
    """Embeds a text by which of the four defect types it names; nothing named is the first one."""

    name = identity = "words"
    max_tokens = 100

    def embed(self, texts):
        rows = [[float(kind in text.lower()) for kind in KINDS] for text in texts]
        vectors = np.array([row if any(row) else [1.0, 0, 0, 0] for row in rows], dtype=np.float32)
        return Embedded(
            vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.ones(len(texts), dtype=np.int64)
        )


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Score eight answers about eight parts, three of them anomalous with a dent; return the output and folder."""
    monkeypatch.setattr(mapping, "_open_once", lambda name: Words())
    rows = ["image,label,defect"]
    answers = []
    said = ["There is a crack.", "There is a dent.", "There is a dent.", "There is a stain.", "No defects.", ""]
    for number, text in enumerate(said):
        Image.new("RGB", (8, 8), (number * 20, 5, 5)).save(tmp_path / f"{number}.png")
        rows.append(
            f"{number}.png,{'normal' if number == 4 else 'anomalous'},{'' if number == 4 else KINDS[number % 2]}"
        )
        answers.append({"sample_id": f"{number}.png", "answer": text})
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)))
    labels = ", ".join(KINDS)
    (tmp_path / "parts.yaml").write_text(
        "name: parts\ntitle: Parts\nlicence: none\nreader: table\nroot: table.csv\n"
        "options: {columns: {image: image, label: label, defect_type: defect}}\n"
        f"common: {{candidate_labels: [{labels}]}}\n"
    )
    arguments = (
        "score",
        tmp_path / "answers.jsonl",
        "--dataset",
        tmp_path / "parts.yaml",
        "--out",
        tmp_path / "run",
    )
    result = CliRunner().invoke(app, [*map(str, arguments), "--scorer", "mapping"])
    assert result.exit_code == 0, result.output
    return result.output, tmp_path / "run"


def read(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


def test_a_mapping_number_stands_beside_its_ceiling_constant_and_floor(run):
    output, folder = run
    (row,) = read(folder / "report" / "mapping.csv")
    # gold: crack dent crack dent - dent; said: crack dent dent stain - (nothing)
    assert (row["answers"], row["n"], row["unmapped"]) == ("6", "5", "1")
    assert float(row["top_1"]) == pytest.approx(2 / 5)
    assert float(row["top_1_ceiling"]) == 1.0
    assert (row["constant_guess"], float(row["top_1_constant"])) == ("dent", pytest.approx(3 / 5))
    assert float(row["top_1_floor"]) == pytest.approx(
        (2 * 1 + 3 * 2) / 25
    )  # crack twice gold, once said; dent 3 x 2
    assert float(row["top_1_low"]) < 0.4 < float(row["top_1_high"])
    assert "ceiling" in output
    assert "not the study's protocol" in " ".join(output.split())


def test_the_confusion_has_a_column_for_what_was_not_mapped(run):
    _, folder = run
    rows = {
        (row["gold"], row["label"]): int(row["answers"])
        for row in read(folder / "report" / "mapping_confusion.csv")
    }
    assert rows["dent", "unmapped"] == 1
    assert rows["crack", "dent"] == 1
    assert rows["(no gold label)", "unmapped"] == 1
    assert sum(rows.values()) == 6
    table = pd.read_csv(folder / "report" / "mapping_confusion.csv")
    assert table.groupby("gold")["share"].sum().to_list() == pytest.approx([1] * table["gold"].nunique(), abs=1e-5)
    assert (table["share"] == (table["answers"] / table["n"]).round(6)).all()


def test_only_descriptions_on_both_sides_are_the_study_s_protocol(run):
    _, folder = run
    result = CliRunner().invoke(app, ["score", str(folder), "--scorer", "categories?descriptions=both,categories"])
    assert result.exit_code == 0, result.output
    with Store(folder) as store:
        protocols = {(one.scorer, "both" in one.version): one.study_protocol for one in read_mapped(store)}
    assert protocols == {("mapping", False): False, ("categories", True): True, ("categories", False): False}


def test_the_report_prints_the_same_tables_and_removes_what_is_gone(run):
    _, folder = run
    stale = folder / "report" / "choice_mmad.csv"
    stale.write_text("old")
    result = CliRunner().invoke(app, ["report", str(folder)])
    assert "mapping: answers on parts" in " ".join(result.output.split())
    assert not stale.exists()


DETECTION = {"Question": "Is there any defect?", "Answer": "A", "Options": {"A": "Yes.", "B": "No."}}
KIND = {"Question": "Which?", "Answer": "B", "Options": {"A": "A crack.", "B": "A hole."}}


@pytest.fixture
def mmad(tmp_path):
    """A miniature of MMAD's layout: two data sets, one normal and one anomalous picture each."""
    entries, answers = {}, []
    for dataset, kind, normal, broken in (
        ("DS-MVTec", "bottle", "image/good/000.png", "image/broken_large/000.png"),
        ("VisA", "candle", "test/good/0000.JPG", "test/bad/000.JPG"),
    ):
        for path, answer in ((normal, "B"), (broken, "A")):
            image = f"{dataset}/{kind}/{path}"
            file = tmp_path / "mmad" / image
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (len(image), 9, 9)).save(file, "PNG" if path.endswith("png") else "JPEG")
            asked = [
                {**DETECTION, "Answer": answer, "type": "Anomaly Detection", "annotation": True},
                {**KIND, "type": "Defect Classification", "annotation": True},
            ]
            entries[image] = {"mask_path": "", "similar_templates": [], "conversation": asked}
            answers.append({"sample_id": f"{image}#1", "answer": "A. Yes." if dataset == "VisA" else answer})
            answers.append({"sample_id": f"{image}#2", "answer": "I am sorry." if answer == "A" else "It is B."})
    (tmp_path / "mmad" / "mmad.json").write_text(json.dumps(entries))
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)))
    return tmp_path


def test_multiple_choice_is_scored_from_the_table_of_answers_to_mmads_aggregates(mmad):
    arguments = [mmad / "answers.jsonl", "--dataset", "mmad", "--root", mmad / "mmad", "--layout", "choice"]
    result = CliRunner().invoke(
        app, [str(part) for part in ("score", *arguments, "--scorer", "choice", "--out", mmad / "run")]
    )
    assert result.exit_code == 0, result.output
    rows = {(row["reading"], row["dataset"]): row for row in read(mmad / "run" / "report" / "choice_mmad.csv")}
    visa, average = rows["ours", "VisA"], rows["ours", "Average"]
    assert (float(visa["overkill"]), float(visa["miss"]), float(visa["Anomaly Detection"])) == (100, 0, 50)
    assert float(average["Anomaly Detection"]) == 75  # the mean of 100 and 50
    assert float(average["Defect Classification"]) == 50
    assert (average["answered"], average["asked"]) == ("6", "8")
    (accuracy,) = read(mmad / "run" / "report" / "choice_answers.csv")
    assert (accuracy["questions"], accuracy["unpicked"]) == ("8", "2")
    assert float(accuracy["accuracy"]) == pytest.approx(5 / 8)


def test_the_verdict_on_a_multiple_choice_question_is_that_of_the_picked_option(mmad):
    arguments = [mmad / "answers.jsonl", "--dataset", "mmad", "--root", mmad / "mmad", "--layout", "choice"]
    result = CliRunner().invoke(
        app, [str(part) for part in ("score", *arguments, "--scorer", "verdict", "--out", mmad / "run")]
    )
    (row,) = read(mmad / "run" / "report" / "ablation.csv")
    assert result.exit_code == 0, result.output
    assert (row["items"], float(row["recall"]), float(row["overkill"])) == ("4", 1.0, 0.5)
