"""Whole runs against a server, as a user types them: what they cost, where they stop, and where no key is left."""

import io
import logging
import sqlite3

import pytest
from typer.testing import CliRunner

from vlm_eval.cli.main import app
from vlm_eval.errors import ExperimentError, RunFolderError
from vlm_eval.runs.frame import read_frame

KEY = "sk-proj-Zq8yXw7vUt6sRr5qPp4o"


@pytest.fixture
def run(server, parts, tmp_path, monkeypatch):
    """Run `vlm-eval run` on twelve parts; the run folder is `out`."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def call(*more, model="openai:m"):
        common = ("run", "--dataset", parts, "--model", model, "--base-url", server.url, "--out", tmp_path / "out")
        return CliRunner().invoke(app, [str(part) for part in (*common, "--no-yes-no", *more)])

    return call


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text("m: {input: 10000, output: 10000}\n")  # a cent a token
    return path


def test_a_run_stops_before_its_budget_is_passed_and_goes_on_with_more(run, server, prices, tmp_path):
    limits = ("--prices", prices, "--max-tokens", 7)
    first = run(*limits, "--max-cost", 4)
    answered = len(server.calls)
    assert first.exit_code == 3, first.output
    assert 0 < answered * 0.18 <= 4
    said = " ".join(first.output.split())
    assert "--max-cost $4 would be passed" in said
    assert "run the same command with a higher --max-cost to go on" in said
    frame = read_frame(tmp_path / "out")
    assert (frame["status"] == "answered").sum() == answered < 12
    assert set(frame["status"]) == {"answered", "open"}
    assert run(*limits, "--max-cost", 4).exit_code == 3
    assert len(server.calls) == answered
    assert run(*limits, "--max-cost", 90).exit_code == 0
    assert len(server.calls) == 12


def test_a_budget_without_a_price_is_refused_before_anything_is_asked(run, server, prices):
    for result in (run("--max-cost", 1), run("--max-cost", 1, "--prices", prices, model="openai:other")):
        assert isinstance(result.exception, ExperimentError)
        assert "--max-cost needs the price of openai:" in str(result.exception)
    assert server.calls == []


def test_the_progress_bar_shows_what_the_run_has_cost(prices):
    from rich.console import Console

    from vlm_eval.backends.budget import Budget
    from vlm_eval.backends.prices import read_prices
    from vlm_eval.cli.progress import ProgressBar
    from vlm_eval.flow import Answer

    stream = io.StringIO()
    budget = Budget(read_prices(prices), max_cost=5)
    with ProgressBar(Console(file=stream, width=80, force_terminal=True), budget) as bar:
        bar.model_started("openai:m", 2)
        budget.spent = 1.5
        bar.arrived("openai:m", Answer("No."))
    assert "$1.50 of $5" in stream.getvalue()


def test_a_bad_key_ends_a_run_at_once_says_why_and_keeps_every_request(run, server, mock, tmp_path):
    server.plan = lambda call: mock.error(401, f"Incorrect API key provided: {KEY}.", code="invalid_api_key")
    result = run()
    assert result.exit_code == 3
    assert "cannot be asked at 127.0.0.1: HTTP 401" in " ".join(result.output.split())
    assert set(read_frame(tmp_path / "out")["status"]) == {"open"}
    server.plan = lambda call: mock.Step(mock.completion("No."))
    assert run().exit_code == 0


def test_no_key_is_left_anywhere_even_when_the_server_echoes_it(run, server, mock, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)

    def plan(call):
        echo = f"headers: {dict(call.headers)}"
        assert KEY in echo
        if call.number % 4 == 0:
            return mock.error(400, f"Bad request with {echo}")
        if call.number % 4 == 1:
            return mock.Step(f"<html>{echo}</html>".encode(), content_type="text/html")
        if call.number % 4 == 2:
            return mock.error(500, echo)
        return mock.Step(mock.completion(f"No. {echo}", reasoning_content=echo))

    server.plan = plan
    result = run("--concurrency", 4)
    server.plan = lambda call: mock.error(401, f"Incorrect API key provided: {KEY}.")
    again = run()
    shown = [result.output, again.output, caplog.text, *capfd.readouterr()]
    assert (read_frame(tmp_path / "out")["status"] == "answered").sum() > 3
    assert not [text for text in shown if KEY in text]
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {"run.sqlite", "experiment.yaml"} <= {path.name for path in files}
    assert not [
        path for path in files if KEY.encode() in path.read_bytes() or KEY[8:].encode() in path.read_bytes()
    ]


def test_half_a_surrogate_pair_in_an_answer_is_stored_and_does_not_end_the_run(run, server, mock, tmp_path):
    server.plan = lambda call: mock.Step(mock.completion("No. \ud83d all \U0001f600 fine"))
    assert run().exit_code == 0
    assert set(read_frame(tmp_path / "out")["text"]) == {"No. ? all \U0001f600 fine"}


def test_the_options_that_change_answers_are_in_the_key_and_those_of_speed_are_not(run, server, tmp_path):
    assert run("--requests-per-minute", 60_000, "--tokens-per-minute", 10_000_000).exit_code == 0
    assert run("--concurrency", 3, "--timeout", 50).exit_code == 0
    assert len(server.calls) == 12
    changed = run("--reasoning-effort", "low").exception
    assert isinstance(changed, RunFolderError)
    assert "Choose another --out folder" in str(changed)


def test_the_served_model_tokens_and_trace_are_kept(run, server, mock, tmp_path):
    body = mock.completion("No.", reasoning_content="Hm.")
    body["usage"]["completion_tokens_details"] = {"reasoning_tokens": 5}
    server.plan = lambda call: mock.Step(body)
    assert run().exit_code == 0
    with sqlite3.connect(tmp_path / "out" / "run.sqlite") as connection:
        kept = connection.execute(
            "SELECT DISTINCT json_extract(data, '$.served_model'), json_extract(data, '$.reasoning_tokens'), "
            "json_extract(data, '$.reasoning'), json_extract(data, '$.text') FROM outcome"
        ).fetchall()
    assert kept == [("served-2024", 5, "Hm.", "No.")]


def test_thinking_that_hits_its_budget_is_a_truncated_answer_that_claims_nothing(run, server, mock, tmp_path):
    body = mock.completion("", "length", reasoning_content="Yes, there is a scratch, or no")
    server.plan = lambda call: mock.Step(body)
    assert run().exit_code == 0
    frame = read_frame(tmp_path / "out")
    assert set(frame["status"]) == {"answered"}
    assert frame["verdict"].isna().all()
    assert set(frame["verdict_reason"]) == {"truncated"}


def test_sentinels_ask_again_at_the_start_and_end_and_tell_the_models_that_were_served(
    run, server, mock, tmp_path
):
    def plan(call):
        body = mock.completion("No." if call.number <= 12 else "Yes, a scratch.")
        return mock.Step({**body, "model": "m-2024-05" if call.number <= 12 else "m-2024-11"})

    server.plan = plan
    result = run("--sentinels", 6)
    assert result.exit_code == 0, result.output
    assert len(server.calls) == 6 + 12 + 6
    said = " ".join(result.output.split())
    assert "The model changed" in said
    assert "Served: m-2024-05 at the start, m-2024-11 at the end" in said
    assert len(read_frame(tmp_path / "out")) == 12
    assert run("--sentinels", 6).exit_code == 0
    assert len(server.calls) == 24


def test_threads_are_an_option_of_the_model_that_is_recorded_and_changes_no_key(run, tmp_path):
    assert run(model="scripted:no").exit_code == 0
    again = run("--threads", 2, model="scripted:no")
    assert again.exit_code == 0, again.output
    assert "0 requests to send" in " ".join(again.output.split())
    experiment = (tmp_path / "out" / "experiment.yaml").read_text(encoding="utf-8")
    assert "threads: 2" in experiment
