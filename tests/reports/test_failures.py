"""Why requests failed is told in words, not only counted."""

import csv
from io import StringIO

import pytest
from rich.console import Console

import vlm_eval
from vlm_eval.reports.failures import show_failures


@pytest.fixture
def spoiled(parts):
    picture = next((parts / "anomalous").iterdir())
    picture.write_bytes(picture.read_bytes()[:-20])
    return picture


def shown(folder, target):
    console = Console(file=StringIO(), width=80)
    show_failures(folder, target, console)
    return console.file.getvalue()


def test_the_broken_file_and_the_remedy_are_named_once(parts, spoiled, tmp_path):
    run = vlm_eval.run(parts, "scripted:yes", levels=["naive"], shots=[0, 1], out=tmp_path / "run")
    text = shown(run.folder, tmp_path)
    assert text.count(f"{spoiled} is cut off before its end marker. Replace the file") == 1
    assert "(4 requests)" in text


def test_every_failed_ask_stands_in_the_file(parts, spoiled, tmp_path):
    run = vlm_eval.run(parts, "scripted:yes", levels=["naive"], shots=[0, 1], out=tmp_path / "run")
    assert str(tmp_path / "failures.csv") in shown(run.folder, tmp_path)
    with (tmp_path / "failures.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["cell"], row["purpose"]) for row in rows} == {
        (cell, purpose) for cell in ("naive/zero-shot", "naive/one-shot") for purpose in ("answer", "score")
    }
    assert {row["sample_id"] for row in rows} == {f"parts/anomalous/{spoiled.name}"}
    assert {row["failure"] for row in rows} == {"bad-input"}


def test_more_than_five_messages_are_counted(parts, tmp_path):
    for number, picture in enumerate(sorted(parts.rglob("*.png"))[:7]):
        picture.write_bytes(b"no picture %d" % number)
    run = vlm_eval.run(parts, "scripted:yes", levels=["naive"], yes_no=False, out=tmp_path / "run")
    text = shown(run.folder, None)
    assert text.count("(1 request)") == 5
    assert "and 2 messages more" in text


def test_nothing_is_said_and_an_old_file_goes_where_nothing_failed(parts, tmp_path):
    run = vlm_eval.run(parts, "scripted:yes", levels=["naive"], out=tmp_path / "run")
    (tmp_path / "failures.csv").write_text("stale")
    assert shown(run.folder, tmp_path) == ""
    assert not (tmp_path / "failures.csv").exists()
