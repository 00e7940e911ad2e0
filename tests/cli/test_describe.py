"""`vlm-eval describe`."""

import pytest
import typer
from typer.testing import CliRunner

from vlm_eval.cli.describe import describe
from vlm_eval.errors import ExperimentError
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.scoring.descriptions import TABLE, read_descriptions


@pytest.fixture
def run(parts, tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("- answer: There is a scratch at the top.\n", encoding="utf-8")
    experiment = {"dataset": str(parts), "models": [f"scripted:{rules}"], "yes_no": False, "scorers": []}
    execute(make_plan(parse_experiment(experiment, "test")), tmp_path / "run")
    return tmp_path / "run"


def invoke(*arguments):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(describe)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_dry_run_says_what_would_be_asked_and_asks_nothing(run):
    result = invoke(run, "-m", "scripted:yes", "--dry-run")
    assert result.exit_code == 0, result.output
    assert (
        "1 distinct texts" in result.output
        and "1 texts are to be described; they stay on this machine" in result.output
    )
    assert not (run / TABLE).exists()


def test_the_descriptions_are_kept_in_the_run_folder(run):
    result = invoke(run, "-m", "scripted:yes")
    assert result.exit_code == 0 and "1 described" in result.output
    (row,) = read_descriptions(run / TABLE).values()
    assert (row.text, row.model, row.checked) == ("a scratch", "scripted:yes", False)


def test_a_remote_model_is_refused_where_text_must_stay(run):
    result = invoke(run, "-m", "openai:gpt-4o", "--local-only")
    assert isinstance(result.exception, ExperimentError) and "api.openai.com" in str(result.exception)


def test_a_part_that_is_not_known_is_explained(run):
    result = invoke(run, "-m", "scripted:yes", "--embed", "all")
    assert "Allowed: accused, sentence, whole" in str(result.exception)


def test_a_limit_without_a_price_is_refused_before_anything_is_asked(run):
    result = invoke(run, "-m", "openai:gpt-4o", "--max-cost", 1)
    assert isinstance(result.exception, ExperimentError)
    assert "--max-cost needs the price of openai:gpt-4o" in str(result.exception)
