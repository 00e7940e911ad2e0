"""`vlm-eval synthesize`: from a file to a data set that `run` takes, with what it prints."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from vlm_eval.cli.main import app, main

pytest.importorskip("cv2", reason="needs the extra synth")


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with six normal pictures, one anomalous folder and a synthesis file."""
    monkeypatch.chdir(tmp_path)
    for name in ("normal", "anomalous"):
        (tmp_path / "parts" / name).mkdir(parents=True)
    for number in range(6):
        grey = np.random.default_rng(number).normal(120, 6, (72, 72)).clip(0, 255).astype(np.uint8)
        Image.fromarray(grey).save(tmp_path / "parts" / "normal" / f"{number}.png")
    Image.fromarray(grey).save(tmp_path / "parts" / "anomalous" / "0.png")
    (tmp_path / "made.yaml").write_text(
        "name: made\ngenerator: objects\nscenes: {dataset: parts}\ninpainter: texture\nvariants: 1\n"
    )
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(app, ["synthesize", *arguments], catch_exceptions=False, env={"COLUMNS": "200"})


def test_a_file_becomes_a_data_set_that_run_takes_at_once(work):
    result = invoke("made.yaml", "--no-probe")
    assert result.exit_code == 0, result.output
    assert "anomaly" in result.output and "vlm-eval run --dataset synthetic/made" in result.output
    summary = json.loads((work / "synthetic" / "made" / "summary.json").read_text())
    assert {one["kind"]: one["items"] for one in summary["tallies"]} == {
        "anomaly": 6,
        "normal-patch": 6,
        "paste-back": 6,
        "untouched": 6,
    }
    ran = CliRunner().invoke(
        app,
        ["run", "--dataset", "synthetic/made", "--model", "scripted:yes", "--out", "out"],
        catch_exceptions=False,
    )
    assert ran.exit_code == 0, ran.output
    assert "24" in ran.output


def test_the_probe_is_printed_and_kept(work):
    pytest.importorskip("onnxruntime", reason="needs the extra baseline")
    result = invoke("made.yaml", "--out", "here", "--limit", "5")
    assert "AUROC of edit against untouched" in result.output and "paste-back" in result.output
    summary = json.loads((work / "here" / "summary.json").read_text())
    assert len(summary["probes"]) == 8 and summary["verdict"] in " ".join(result.output.split())


def test_the_filters_precision_is_printed_where_candidates_are_labelled(work):
    invoke("made.yaml", "--no-probe")
    log = (work / "synthetic" / "made" / "log.jsonl").read_text().splitlines()
    names = [json.loads(line)["candidate"] for line in log]
    rows = [f"{name},{'yes' if at else 'no'}" for at, name in enumerate(names[:4])]
    (work / "labels.csv").write_text("candidate,good\n" + "\n".join(rows))
    assert "Filter: precision 0.75" in invoke("made.yaml", "--no-probe", "--labels", "labels.csv").output


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("inpainter: magic", "There is no inpainter 'magic'"),
        ("size: [0.5, 0.2]", "the first must not be larger"),
        ("size: [0.5, 1.0]", "less than 1"),
        ("inpainter: cut-out", "needs cut_outs"),
        ("location: the road", "location needs grounding"),
        ("generator: context", "scenes.table"),
        ("scenes: {dataset: nowhere}", "There is no dataset 'nowhere'"),
        ("colour: red", "colour"),
        ("cut_outs: {dataset: parts}\ninpainter: cut-out", "nothing to cut out"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_and_exits_with_2(work, monkeypatch, capsys, line, message):
    kept = [old for old in (work / "made.yaml").read_text().splitlines() if not old.startswith(line.split(":")[0])]
    kept = [old for old in kept if "inpainter" not in line or not old.startswith("inpainter")]
    (work / "bad.yaml").write_text("\n".join([*kept, line]))
    monkeypatch.setattr("sys.argv", ["vlm-eval", "synthesize", "bad.yaml"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
