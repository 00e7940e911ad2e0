"""`vlm-eval compare` and the pages and formats of `vlm-eval report`, as a user types them."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from vlm_eval.cli.main import app


def call(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    from PIL import Image

    root = tmp_path_factory.mktemp("runs")
    for index in range(12):
        folder = root / "parts" / ("normal" if index % 2 == 0 else "anomalous")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (24, 24), (index * 20, 90, 200 - index * 10)).save(folder / f"{index:02d}.png")
    for name in ("coin", "yes"):
        arguments = ("--dataset", root / "parts", "--model", f"scripted:{name}", "--ablate", "reference")
        assert call("run", *arguments, "--out", root / name).exit_code == 0
    return root


def test_two_runs_are_compared_cell_by_cell(runs, tmp_path):
    result = call("compare", runs / "coin", runs / "yes", "--html", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    assert max(map(len, result.output.splitlines())) <= 80 or "Page:" in result.output
    assert "B - A [95 %]" in result.output and "McNemar mid-p" in result.output
    assert (tmp_path / "page.html").stat().st_size > 10_000


def test_an_address_that_is_none_is_one_message(runs):
    result = call("compare", f"{runs / 'coin'}::::nope", runs / "yes")
    assert "holds no cell 'nope'" in str(result.exception)
    assert "is not a run folder" in str(call("compare", runs / "absent", runs / "yes").exception)


def test_report_writes_one_page_of_several_runs(runs, tmp_path):
    result = call("report", runs / "coin", runs / "yes", "--html", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "page.html").read_text()
    assert "scripted:coin" in text and "scripted:yes" in text
    assert "44 questions" in result.output


def test_report_writes_a_folder(runs, tmp_path):
    assert call("report", runs / "coin", "--html-dir", tmp_path / "site").exit_code == 0
    assert (tmp_path / "site" / "index.html").is_file()
    assert len(list((tmp_path / "site" / "media").iterdir())) == 12


def test_report_writes_tables_and_figures_in_other_formats(runs, tmp_path):
    formats = "parquet,json,md,latex,svg,pdf"
    result = call("report", runs / "coin", "--out", tmp_path / "report", "--format", formats)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "report" / "ablation.csv")
    for other in (
        pd.read_parquet(tmp_path / "report" / "ablation.parquet"),
        pd.read_json(tmp_path / "report" / "ablation.json"),
    ):
        assert list(other["accuracy"]) == pytest.approx(list(table["accuracy"]))
    latex = (tmp_path / "report" / "ablation.tex").read_text()
    assert "\\toprule" in latex and "\\bottomrule" in latex and latex.count("scripted:coin") == 2
    markdown = (tmp_path / "report" / "ablation.md").read_text().splitlines()
    assert markdown[0].startswith("| model | dataset | cell |") and len(markdown) == 4
    assert {path.suffix for path in (tmp_path / "report").glob("confusion_verdict_*")} == {".png", ".svg", ".pdf"}
    assert (tmp_path / "report" / "ablation_parts.svg").read_text().startswith("<?xml")


def test_a_results_dataset_opens_with_load_from_disk(runs, tmp_path):
    datasets = pytest.importorskip("datasets")
    assert call("report", runs / "coin", "--out", tmp_path, "--format", "dataset").exit_code == 0
    opened = datasets.load_from_disk(str(tmp_path / "dataset"))
    assert len(opened) == 22 and "verdict" in opened.column_names


def test_flags_that_do_not_go_together_are_one_message(runs, tmp_path):
    both = (runs / "coin", runs / "yes")
    assert "--out takes the files of one run" in str(call("report", *both, "--out", tmp_path).exception)
    assert "--format 'docx' is not known" in str(call("report", both[0], "--format", "docx").exception)
