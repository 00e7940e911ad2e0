"""Answers are scored without asking any model."""

import json

import pytest
from typer.testing import CliRunner

from vlm_eval.cli.main import app
from vlm_eval.errors import ExperimentError
from vlm_eval.runs.frame import read_frame


def call(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments])


def test_scoring_a_run_again_adds_judgements_and_asks_nothing(parts, tmp_path):
    experiment = tmp_path / "experiment.yaml"
    experiment.write_text(f"dataset: {parts}\nmodels: [scripted:coin]\nscorers: []\n")
    call("run", experiment, "--out", tmp_path / "run")
    parts.rename(tmp_path / "gone")
    result = call("score", tmp_path / "run", "--scorer", "verdict")
    assert result.exit_code == 0, result.output
    assert "12 new judgements" in result.output
    assert read_frame(tmp_path / "run")["verdict"].notna().all()
    assert "0 new judgements" in call("score", tmp_path / "run", "--scorer", "verdict").output


def test_answers_of_somebody_else_become_a_run(parts, tmp_path):
    table = tmp_path / "theirs.jsonl"
    rows = [
        {"image": f"normal/{index:02d}.png", "response": "No anomalies.", "cell": cell, "note": "ignored"}
        for index in (0, 2, 4)
        for cell in ("first prompt", "second prompt")
    ]
    table.write_text("\n".join(json.dumps(row) for row in rows))
    arguments = ("--dataset", parts, "--column", "sample_id=image", "--column", "answer=response")
    result = call("score", table, *arguments, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "6 answers about 3 of 12 items" in result.output
    frame = read_frame(tmp_path / "run")
    assert set(frame["cell"]) == {"first prompt", "second prompt"}
    assert set(frame["verdict"]) == {"normal"}
    assert call("score", table, *arguments, "--out", tmp_path / "run").exit_code == 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("sample_id,answer\nnormal/99.png,No\n", "1 sample ids are not in the data set"),
        ("sample_id,answer\nnormal/00.png,No\nnormal/00.png,Yes\n", "row 2: a second answer"),
        ("sample_id,text\nnormal/00.png,No\n", "answer: Field required"),
        ("sample_id,answer\n", "holds no answers"),
    ],
)
def test_a_table_that_cannot_be_placed_is_refused(parts, tmp_path, rows, message):
    table = tmp_path / "theirs.csv"
    table.write_text(rows)
    result = call("score", table, "--dataset", parts, "--out", tmp_path / "run")
    assert isinstance(result.exception, ExperimentError)
    assert message in str(result.exception)


def test_a_table_that_is_not_utf8_is_refused(parts, tmp_path):
    table = tmp_path / "theirs.csv"
    table.write_bytes("sample_id,answer\nnormal/00.png,Gew\xf6hnlich\n".encode("latin-1"))
    assert "not UTF-8" in str(call("score", table, "--dataset", parts).exception)
