"""`gate` and `power`, as a user types them."""

import pytest
import typer
from typer.testing import CliRunner

import vlm_eval
from vlm_eval.cli import gate, power
from vlm_eval.errors import InputError

app = typer.Typer()
app.command("gate")(gate.gate)
app.command("power")(power.power)


def call(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments])


@pytest.fixture
def folder(parts, tmp_path):
    vlm_eval.run(str(parts), "scripted:coin", out=tmp_path / "run", grid={"reference": [0, 1]})
    return tmp_path / "run"


def test_the_gate_opens_where_every_bound_is_met_and_closes_with_exit_code_one(folder):
    assert call("gate", folder, "--max-miss", "1", "--max-overkill", "1").exit_code == 0
    result = call("gate", folder, "--max-miss", "0.02")
    assert result.exit_code == 1
    assert result.output.count("NOT MET") == 2
    assert call("gate", f"{folder}::scripted:coin::task", "--max-miss", "0.02").output.count("NOT MET") == 1


def test_a_gate_without_limits_or_with_an_unknown_cell_is_refused(folder):
    assert isinstance(call("gate", folder).exception, InputError)
    assert "Its cells: task" in str(call("gate", f"{folder}::scripted:coin::x", "--max-miss", "1").exception)


def test_power_says_how_many_items_and_clusters_a_difference_needs():
    result = call(
        "power", "--difference", "0.1", "--changed", "0.3", "--cluster-size", "10", "--correlation", "0.1"
    )
    assert result.exit_code == 0, result.output
    assert "design effect 1.90" in result.output
    assert "clusters find a difference of 10 points" in result.output


def test_power_reads_a_pilot_and_refuses_what_cannot_be(folder):
    assert "items a cluster" in call("power", "--difference", "0.1", "--run", folder).output
    assert "must lie between 0 and 1" in str(call("power", "--difference", "5").exception)
    impossible = call("power", "--difference", "0.3", "--changed", "0.2").exception
    assert "lies between the difference (0.3) and 1" in str(impossible)
    assert "at least 1" in str(call("power", "--difference", "0.1", "--comparisons", "0").exception)
