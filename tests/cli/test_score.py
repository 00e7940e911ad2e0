"""Answers are scored without asking any model."""

import csv
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


def test_scorers_of_the_same_answers_are_compared_and_their_disagreements_written(parts, tmp_path):
    out = tmp_path / "run"
    call("run", "--dataset", parts, "--model", "scripted:coin", "--repeats", 3, "--out", out)
    labels = tmp_path / "labels.csv"
    rows = [f"parts/normal/{index:02d}.png,{'yes' if index < 6 else 'unsure'}" for index in (0, 2, 4, 6)]
    labels.write_text("\n".join(["sample_id,verdict", *rows]) + "\n")
    result = call("score", out, "--scorer", f"verdict,votes,words,human:{labels}", "--agreement")
    assert result.exit_code == 0, result.output
    output = " ".join(result.output.split())
    assert "12 questions abstained" in output
    assert "not-labelled 32, unsure 1" in output
    assert "words is compared with none of the others" in output
    with (out / "report" / "agreement.csv").open() as stream:
        pairs = {(row["first"], row["second"]): row for row in csv.DictReader(stream)}
    assert set(pairs) == {("verdict", "votes"), ("verdict", "human"), ("votes", "human")}
    assert (pairs["verdict", "human"]["answers"], pairs["verdict", "human"]["left_out"]) == ("4", "32")
    assert (out / "report" / "disagreements.csv").is_file()


def test_the_report_takes_the_scores_from_the_source_that_was_chosen(parts, tmp_path):
    out = tmp_path / "run"
    call("run", "--dataset", parts, "--model", "scripted:coin", "--repeats", 3, "--no-yes-no", "--out", out)
    output = " ".join(call("score", out, "--scorer", "verdict,votes", "--score-source", "votes").output.split())
    assert "k = 3 answers a question" in output
    assert "AUROC: from share of k votes" in output
    assert "AUROC: from share of k votes" in " ".join(call("report", out).output.split())
    wrong = call("score", out, "--score-source", "first-token")
    assert "There is no score source 'first-token'" in str(wrong.exception)
