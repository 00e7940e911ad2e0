"""Every recipe runs on drawn data with an offline model, and prints the published figures beside ours."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from vlm_eval.cli.main import app
from vlm_eval.data.cards import list_cards
from vlm_eval.runs.experiment import read_experiment

RECIPES = sorted((Path(__file__).parents[2] / "scripts" / "recipes").glob("00*.yaml"))
ASKING = [path for path in RECIPES if "dataset" in yaml.safe_load(path.read_text(encoding="utf-8"))]


def test_there_is_a_recipe_for_every_table_of_the_seeds():
    names = {path.stem for path in ASKING}
    assert names >= {"003-mvtec-ad"}
    assert len([name for name in names if name.startswith("004-")]) == 9


@pytest.mark.parametrize("path", ASKING, ids=lambda path: path.stem)
def test_a_recipe_names_cards_and_models_that_are_there_and_says_what_differs(path):
    experiment = read_experiment(path)
    known = set(list_cards([]))
    for dataset in experiment.dataset:
        assert dataset in known or dataset.startswith("synthetic/")
    assert experiment.published
    for figure in experiment.published:
        assert figure.differs
        assert "seed" in figure.source or figure.source == "not printed"


@pytest.mark.parametrize("path", ASKING, ids=lambda path: path.stem)
def test_a_recipe_runs_on_drawn_data(path, tmp_path):
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    recipe |= {"dataset": "demo", "models": ["scripted:coin"], "limit": 12}
    for figure in recipe["published"]:
        figure["where"] = {name: value for name, value in figure.get("where", {}).items() if name == "cell"}
    drawn = tmp_path / path.name
    drawn.write_text(yaml.safe_dump(recipe))
    result = CliRunner().invoke(app, ["run", str(drawn), "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, (result.output, result.exception)
    table = pd.read_csv(tmp_path / "run" / "report" / "beside_published.csv")
    assert {"published", "ours", "source", "differs"} <= set(table.columns)
    assert table.loc[table["figure"] == "ablation: accuracy", "ours"].notna().all()
