"""Published figures of a recipe beside ours, from the files of a report and through the command line."""

import pandas as pd
import yaml
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from vlm_eval.cli.main import app
from vlm_eval.reports.beside import beside_rows, beside_table
from vlm_eval.runs.recipe import PublishedFigure


def figure(**changes):
    usual = {"table": "ablation", "column": "accuracy", "value": 0.84, "source": "a paper, table 1"}
    return PublishedFigure.model_validate(usual | changes)


def test_our_figure_stands_beside_the_printed_one_with_its_interval_n_and_ceiling(tmp_path):
    rows = [
        {"model": "a", "cell": "task", "accuracy": 0.8, "accuracy_low": 0.7, "accuracy_high": 0.9, "items": 40},
        {"model": "b", "cell": "task", "accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6, "items": 40},
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "ablation.csv", index=False)
    mapped = [{"scorer": "mapping:broad", "top_1": 0.2, "top_1_ceiling": 0.72, "n": 30}]
    pd.DataFrame(mapped).to_csv(tmp_path / "mapping.csv", index=False)
    pd.DataFrame([{"model": "a", "f1_max": 0.4, "pictures": 12}]).to_csv(tmp_path / "pixels.csv", index=False)
    assert beside_rows([figure(table="pixels", column="f1_max")], tmp_path)[0]["n"] == 12
    figures = [
        figure(where={"model": "a"}, differs="another revision of the model"),
        figure(table="mapping", column="top_1", where={"scorer": "mapping:broad"}),
    ]
    first, second = beside_rows(figures, tmp_path)
    assert (first["published"], first["ours"], first["low"], first["n"]) == (0.84, 0.8, 0.7, 40)
    assert second["ceiling"] == 0.72
    console = Console(width=80, record=True, color_system=None)
    console.print(beside_table([first, second]))
    text = console.export_text()
    assert "0.800 [0.700, 0.900]" in text and "another revision of the model" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_figure_that_this_report_has_not_says_why(tmp_path):
    pd.DataFrame([{"model": "a", "accuracy": 0.8}]).to_csv(tmp_path / "ablation.csv", index=False)
    undefined = {"model": "a", "statistic": "rank_correlation", "value": None, "value_note": "all are equal"}
    pd.DataFrame([undefined]).to_csv(tmp_path / "selection_statistics.csv", index=False)
    figures = [figure(table="pixels"), figure(column="auroc"), figure(where={"model": "z"})]
    figures.append(figure(table="selection_statistics", column="value"))
    reasons = [row["reason"] for row in beside_rows(figures, tmp_path)]
    assert reasons == [
        "this report has no pixels.csv",
        "ablation.csv has no column auroc",
        "ablation.csv has no row with model z",
        "all are equal",
    ]
    assert all(row["ours"] is None for row in beside_rows(figures, tmp_path))


def test_a_recipe_prints_and_writes_them_and_judges_its_choice(tmp_path):
    for card in ("made", "real"):
        for index in range(12):
            folder = tmp_path / card / ("normal" if index % 2 == 0 else "anomalous")
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (24, 24), (index * 20, 90, 200 - index * 10)).save(folder / f"{index:02d}.png")
    recipe = {
        "dataset": [str(tmp_path / "made"), str(tmp_path / "real")],
        "models": ["scripted:coin"],
        "grid": {"reference": [0, 1]},
        "yes_no": True,
        "selection": {"synthetic": "made", "real": "real"},
        "published": [figure(where={"dataset": "real", "cell": "task"}).model_dump(exclude_none=True)],
    }
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe))
    result = CliRunner().invoke(app, ["run", str(file), "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, (result.output, result.exception)
    assert "Beside what was published" in result.output and "the synthetic anomalies choose" in result.output
    table = pd.read_csv(tmp_path / "run" / "report" / "beside_published.csv")
    assert table["published"].tolist() == [0.84] and table["ours"].notna().all()
    again = CliRunner().invoke(app, ["report", str(tmp_path / "run")])
    assert "Beside what was published" in again.output


def test_a_number_of_one_class_is_looked_up_among_the_classes():
    from vlm_eval.reports.published import as_figure

    found = as_figure({"measure": "auroc", "value": 0.9, "object_class": "bolt", "model": "m", "source": None})
    assert (found.table, found.where, found.source) == (
        "classes",
        {"model": "m", "object_class": "bolt"},
        "not stated",
    )


def test_numbers_of_a_csv_file_stand_beside_ours_like_those_of_a_recipe(tmp_path):
    for index in range(4):
        folder = tmp_path / "parts" / ("normal" if index % 2 == 0 else "anomalous")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (24, 24), (index * 60, 90, 90)).save(folder / f"{index}.png")
    run = ["run", "--dataset", str(tmp_path / "parts"), "--model", "scripted:yes", "--out", str(tmp_path / "run")]
    assert CliRunner().invoke(app, run).exit_code == 0
    numbers = tmp_path / "numbers.csv"
    numbers.write_text("measure,value,object_class,source\naccuracy,0.8,,a paper\nrecall,0.7,,a table\n")
    result = CliRunner().invoke(app, ["report", str(tmp_path / "run"), "--published", str(numbers)])
    assert result.exit_code == 0, (result.output, result.exception)
    table = pd.read_csv(tmp_path / "run" / "report" / "beside_published.csv")
    assert table["figure"].tolist() == ["ablation: accuracy", "ablation: recall"]
    assert table["ours"].tolist() == [0.5, 1.0] and table["published"].tolist() == [0.8, 0.7]
