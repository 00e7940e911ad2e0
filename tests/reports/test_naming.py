"""Names by word matching and by VQA accuracy, from a run folder to console and CSV."""

import json

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from vlm_eval.cli.main import app

SAID = ("fork", "A fork, I think.", "a spoon", "forks", "nothing", "")


@pytest.fixture
def run(tmp_path):
    """Score six answers about a fork by three scorers; return the output and the folder of the report."""
    rows, answers = ["image,label,defect"], []
    for number, text in enumerate(SAID):
        Image.new("RGB", (8, 8), (number * 20, 5, 5)).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,anomalous,fork")
        answers.append({"sample_id": f"{number}.png", "answer": text})
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)))
    (tmp_path / "scenes.yaml").write_text(
        "name: scenes\ntitle: Scenes\nlicence: none\nreader: table\nroot: table.csv\n"
        "options: {columns: {image: image, label: label, defect_type: defect}}\n"
    )
    files = ("--dataset", str(tmp_path / "scenes.yaml"), "--out", str(tmp_path / "run"))
    asked = ["score", str(tmp_path / "answers.jsonl"), *files, "--scorer", "verdict,words,vqa,words:strict"]
    result = CliRunner().invoke(app, asked, env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    return result.output, tmp_path / "run" / "report"


def test_each_scorer_of_names_has_its_accuracy_over_all_items_with_a_name(run):
    output, folder = run
    table = pd.read_csv(folder / "naming.csv").set_index("scorer")
    assert table.loc["vqa", "accuracy"] == pytest.approx(1 / 6, abs=1e-5)  # the answer as a whole
    assert table.loc["words:strict", "accuracy"] == pytest.approx(2 / 6, abs=1e-5)  # a discrete word; no plural
    assert set(table["n"]) == {6}
    assert (table["accuracy_low"] < table["accuracy"]).all()
    assert "Names: " in output and "words:strict" in output
    assert max(map(len, output.splitlines())) <= 120
