"""`vlm-eval judge`, with scripted judges."""

import json

import pytest
from typer.testing import CliRunner

from vlm_eval.cli.main import app
from vlm_eval.errors import ExperimentError, InputError
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.runs.store import Store

GRADES = '{"verdict": 1, "named_defect": "abstain", "place": "abstain", "reason": 0}'


@pytest.fixture
def run(parts, tmp_path):
    experiment = {
        "dataset": str(parts),
        "models": ["scripted:yes"],
        "grid": {"reference": [0, 1]},
        "yes_no": False,
        "scorers": [],
    }
    execute(make_plan(parse_experiment(experiment, "test")), tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def judge(tmp_path):
    """A judge that finds every verdict right, and the first of two answers better."""
    rules = tmp_path / "judge.jsonl"
    lines = [{"match": "<first_answer>", "answer": '{"better": "first"}'}, {"answer": GRADES}]
    rules.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return f"scripted:{rules}"


def invoke(*arguments):
    return CliRunner().invoke(app, ["judge", *map(str, arguments)])


def scorers_of(run):
    with Store(run) as store:
        return [name for (name,) in store.connection.execute("SELECT DISTINCT scorer FROM judgement")]


def test_a_dry_run_says_how_much_goes_where_at_what_cost_and_asks_nothing(run, tmp_path):
    prices = tmp_path / "prices.yaml"
    prices.write_text("gpt-4o: {input: 2.5, output: 10}", encoding="utf-8")
    result = invoke(run, "-m", "openai:gpt-4o", "--dry-run", "--prices", prices)
    assert result.exit_code == 0, result.output
    assert "22 judgements in" in result.output and "sent to api.openai.com" in result.output
    assert "up to $" in result.output
    assert not (run / "judges").exists() and scorers_of(run) == []


def test_grades_are_kept_in_the_run_and_marked_unvalidated_without_people(run, judge):
    result = invoke(run, "-m", judge)
    assert result.exit_code == 0, result.output
    assert "unvalidated" in result.output and "100 [" in result.output and "11 of 11" in result.output
    assert "tokens in and" in result.output and "no part of the run's cost" in result.output
    assert scorers_of(run) == [f"judge:{judge}"]
    again = invoke(run, "-m", judge)
    assert "4 of them answered already" in again.output


def test_human_labels_validate_the_judge(run, judge, tmp_path):
    with Store(run) as store:
        ids = [sample.id for _, sample in store.samples()]
    labels = tmp_path / "people.csv"
    rows = [f"{name},{'yes' if index else 'no'},task" for index, name in enumerate(ids)]
    labels.write_text("\n".join(["sample_id,verdict,cell", *rows]), encoding="utf-8")
    result = invoke(run, "-m", judge, "--human", labels)
    assert result.exit_code == 0, result.output
    assert "unvalidated" not in result.output
    # The judge finds "Yes." right everywhere, so it says that each answer claims what is true of its item.
    anomalous = sum("anomalous" in name for name in ids[1:]) + ("normal" in ids[0])
    assert f"agree on the claim of {anomalous} of 11 answers" in " ".join(result.output.split())


def test_two_cells_are_compared_in_both_orders(run, judge):
    one, other = f"{run}::scripted:yes::task", f"{run}::scripted:yes::task+reference"
    result = invoke(one, other, "-m", judge)
    assert result.exit_code == 0, result.output
    assert "11 pairs" in result.output and "11 depend on the order and are not scored (100 %)" in result.output
    assert "Of 0 scored" in result.output
    assert invoke(one, "--against", other, "-m", judge).output.splitlines()[2:] == result.output.splitlines()[2:]


def test_a_failed_judge_is_an_abstention_and_the_exit_code_says_to_ask_again(run):
    result = invoke(run, "-m", "scripted:timeout")
    assert result.exit_code == 3
    assert "11 of 11" in result.output and "still to be asked" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN"], "No judge is given"),
        (["RUN", "-m", "scripted:yes", "--parts", "verdict,style"], "Allowed, by comma: verdict, defect, place"),
        (["RUN", "-m", "scripted:yes", "--parts", "reason", "--human", "x.csv"], "name verdict among"),
        (["RUN", "-m", "openai:gpt-4o", "--local-only"], "would send answers to api.openai.com"),
        (["RUN::scripted:yes", "-m", "scripted:yes"], "is a cell"),
        (["RUN", "RUN::scripted:yes::task", "-m", "scripted:yes"], "fits several cells"),
        (["RUN", "nowhere", "-m", "scripted:yes", "--human", "x.csv"], "cannot validate a comparison"),
    ],
)
def test_what_cannot_be_asked_is_explained(run, arguments, message):
    result = invoke(*(argument.replace("RUN", str(run)) for argument in arguments))
    assert isinstance(result.exception, ExperimentError | InputError) and message in str(result.exception)


def test_the_replies_cost_no_more_than_told_counted_over_calls_and_the_rest_is_asked_with_more(
    run, judge, tmp_path
):
    prices = tmp_path / "prices.yaml"
    prices.write_text(json.dumps({judge: {"input": 100, "output": 1000}}), encoding="utf-8")

    def spent():
        (database,) = (run / "judges").glob("*/run.sqlite")
        with Store(database.parent) as store:
            return store.connection.execute(
                "SELECT count(*), total(100 * (data ->> 'prompt_tokens') + 1000 * (data ->> 'completion_tokens')) "
                "/ 1e6 FROM outcome WHERE kind = 'answer'"
            ).fetchone()

    limits = ("--prices", prices, "--max-tokens", 20)
    first = invoke(run, "-m", judge, *limits, "--max-cost", 0.1)
    assert first.exit_code == 3, first.output
    assert "--max-cost $0.1 would be passed" in " ".join(first.output.split())
    answered, dollars = spent()
    assert 0 < answered < 4
    assert 0.02 < dollars <= 0.1
    assert invoke(run, "-m", judge, *limits, "--max-cost", 0.1).exit_code == 3
    assert spent() == (answered, dollars)
    assert invoke(run, "-m", judge, *limits, "--max-cost", 5).exit_code == 0
    assert spent()[0] == 4  # the same answer to the same question is judged once


def test_a_limit_without_the_judges_price_is_refused_before_anything_is_asked(run):
    result = invoke(run, "-m", "openai:gpt-4o", "--max-cost", 1)
    assert isinstance(result.exception, ExperimentError)
    assert "--max-cost needs the price of openai:gpt-4o" in str(result.exception)
    assert not (run / "judges").exists()
