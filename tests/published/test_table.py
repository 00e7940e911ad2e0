"""A published file through the command line: a run folder, its tables, its report."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from vlm_eval.cli.main import app
from vlm_eval.runs.frame import read_frame


def test_a_published_file_becomes_a_run_with_both_figures(tmp_path):
    answers, labels = tmp_path / "model.jsonl", tmp_path / "labels.json"
    texts = ["Yes, there is.", "No, there is not.", "I cannot tell.", "Yes."] * 6
    answers.write_text("\n".join(json.dumps({"answer": text}) for text in texts))
    rows = [{"image": f"{n}.jpg", "label": "no" if n % 2 else "yes"} for n in range(len(texts))]
    labels.write_text("\n".join(map(json.dumps, rows)))
    arguments = [
        "score",
        str(answers),
        "--format",
        "pope",
        "--labels",
        str(labels),
        "--out",
        str(tmp_path / "run"),
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "their rule" in result.output and "read differently" in result.output
    frame = read_frame(tmp_path / "run")
    assert len(frame) == 24 and set(frame["verdict"].dropna()) == {"anomalous", "normal"}
    table = pd.read_csv(tmp_path / "run" / "report" / "replay.csv").set_index("name")
    assert table.loc["accuracy", "published"] == 75
    assert CliRunner().invoke(app, arguments).exit_code == 0  # the same file again changes nothing


def test_a_format_that_is_not_known_is_answered_with_those_that_are(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    result = CliRunner().invoke(app, ["score", str(tmp_path / "a.json"), "--format", "vqa"])
    assert "Published formats: pope, mme, mmad, anomllm, robustmad" in str(result.exception)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--format", "mmad", "--labels", "l.json"), "--labels has no place with mmad"),
        (("--labels", "l.json"), "give its --format too"),
        (("--format", "mmad", "--dataset", "demo"), "--dataset and --column are for a table of your own"),
        (("--format", "mme"), "a.json, line 1 holds 1 cells"),
        (("--format", "robustmad"), "holds no answers"),
    ],
)
def test_flags_that_would_be_ignored_and_files_of_another_format_are_refused(tmp_path, flags, message):
    (tmp_path / "a.json").write_text("[]")
    result = CliRunner().invoke(app, ["score", str(tmp_path / "a.json"), "--out", str(tmp_path / "run"), *flags])
    assert result.exit_code != 0 and message in str(result.exception)
    assert not (tmp_path / "run").exists()
