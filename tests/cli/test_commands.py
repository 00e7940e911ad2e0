"""The commands, as a user types them."""

import os
import subprocess
import sys
import time

import pandas as pd
import pytest
from typer.testing import CliRunner

from vlm_eval.cli.main import app, main


def call(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments])


def test_run_asks_reports_and_ends_with_the_run_folder(parts, tmp_path):
    out = tmp_path / "run"
    result = call("run", "--dataset", parts, "--model", "scripted:coin", "--ablate", "reference", "--out", out)
    assert result.exit_code == 0, result.output
    assert "recall" in result.output
    assert result.output.rstrip().endswith("answered)")
    assert (out / "report" / "ablation.csv").is_file()
    assert list((out / "report").glob("confusion_verdict*.png"))


def test_a_second_run_asks_nothing_more(parts, tmp_path):
    arguments = ("run", "--dataset", parts, "--model", "scripted:coin", "--out", tmp_path / "run")
    call(*arguments)
    assert "0 requests to send" in call(*arguments).output


def test_a_dry_run_writes_nothing_and_names_the_host(parts, tmp_path):
    out = tmp_path / "run"
    result = call("run", "--dataset", parts, "--model", "openai:gpt-4o", "--dry-run", "--out", out)
    assert result.exit_code == 0, result.output
    assert "12 pictures would be sent to api.openai.com" in result.output
    assert not out.exists()


def test_a_dry_run_prices_what_is_missing(parts, tmp_path):
    prices = tmp_path / "prices.yaml"
    prices.write_text("gpt-4o: {input: 2.5, output: 10}\n")
    result = call("run", "--dataset", parts, "--model", "openai:gpt-4o", "--dry-run", "--prices", prices)
    assert "up to $0.04" in result.output


def test_the_tables_tell_dollars_by_the_price_file_of_the_run(parts, tmp_path):
    prices, out = tmp_path / "prices.yaml", tmp_path / "run"
    prices.write_text("coin: {input: 2.5, output: 10}\n")
    told = []
    for command in (("run", "--dataset", parts, "--model", "scripted:coin", "--out", out), ("report", out)):
        result = call(*command, "--prices", prices)
        assert result.exit_code == 0, result.output
        told.append(pd.read_csv(out / "report" / "cost.csv")["dollars"])
        (out / "report" / "cost.csv").unlink()
    assert (told[0] > 0).all()
    assert told[0].equals(told[1])
    prices.write_text("gpt-4o: {input: 2.5, output: 10}\n")
    assert "prices none of the models" in str(call("report", out, "--prices", prices).exception)


def test_a_page_and_further_formats_are_both_written(parts, tmp_path):
    out = tmp_path / "run"
    call("run", "--dataset", parts, "--model", "scripted:coin", "--out", out)
    result = call("report", out, "--html", tmp_path / "page.html", "--format", "json")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "page.html").is_file()
    assert (out / "report" / "ablation.json").is_file()


def test_local_only_refuses_a_remote_model(parts, tmp_path):
    result = call("run", "--dataset", parts, "--model", "openai:gpt-4o", "--local-only", "--out", tmp_path / "run")
    assert "would send pictures to api.openai.com" in str(result.exception)


def test_requests_that_failed_for_now_give_exit_code_3(parts, tmp_path):
    experiment = tmp_path / "experiment.yaml"
    experiment.write_text(
        f"dataset: {parts}\nmodels: [{{model: scripted:no, options: {{fail_every: 4, fail_kind: timeout}}}}]\n"
    )
    result = call("run", experiment, "--out", tmp_path / "run")
    assert result.exit_code == 3, result.output
    assert "still to be asked: run the same command again" in result.output


def test_report_rebuilds_everything_from_the_run_folder_alone(parts, tmp_path):
    call("run", "--dataset", parts, "--model", "scripted:coin", "--out", tmp_path / "run")
    parts.rename(tmp_path / "gone")
    result = call("report", tmp_path / "run", "--out", tmp_path / "again")
    assert result.exit_code == 0, result.output
    first, second = (folder / "ablation.csv" for folder in (tmp_path / "run" / "report", tmp_path / "again"))
    assert first.read_text() == second.read_text()


def test_preview_shows_the_prompt_and_writes_a_contact_sheet(parts, tmp_path):
    sheet = tmp_path / "sheet.png"
    result = call("preview", "--dataset", parts, "--shots", "0,1", "--out", sheet)
    assert "The first image is normal. Please determine whether the second image" in result.output
    assert "picture 1: reference, " in result.output
    assert sheet.stat().st_size > 1000


def test_preview_tells_the_gold_interval_of_a_dated_series_as_dates(tmp_path):
    hours = "".join(f"2024-03-01 {hour:02}:00:00,{hour % 5}\n" for hour in range(24))
    (tmp_path / "a.csv").write_text(f"timestamp,value\n{hours}")
    (tmp_path / "labels.json").write_text('{"a.csv": [["2024-03-01 10:00", "2024-03-01 12:00"]]}')
    card = f"name: load\ntitle: Load\nlicence: own\nreader: series\nroot: {tmp_path}\n"
    (tmp_path / "load.yaml").write_text(
        f"{card}modality: time-series\ndomain: time-series\nviews: {{plot: {{}}}}\n"
    )
    result = call("preview", "--dataset", "load", "--datasets", tmp_path, "--out", tmp_path / "sheet.png")
    assert "from 2024-03-01 10:00:00 to 2024-03-01 12:00:00" in result.output


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("datasets", "list"), "mvtec-ad"),
        (("datasets", "show", "mvtec-loco"), "breakfast"),
        (("prompts", "list"), "ingredients/task.jinja"),
        (("prompts", "show", "ingredients/task.jinja"), "Please determine whether"),
        (("models", "list"), "llava-hf/llava-1.5-7b-hf"),
    ],
)
def test_what_there_is_can_be_looked_up(arguments, shown):
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    assert shown in result.output


def test_datasets_check_exits_2_on_errors(parts):
    assert call("datasets", "check", parts).exit_code == 0
    (parts / "normal" / "00.png").write_bytes(b"not a picture")
    result = call("datasets", "check", parts)
    assert result.exit_code == 2
    assert "00.png" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run",), "No dataset is given"),
        (("run", "--dataset", "no-such-card", "--model", "scripted:no"), "no-such-card"),
        (("run", "--dataset", "demo", "--model", "nothing:x"), "Unknown model"),
        (("run", "missing.yaml"), "does not exist"),
        (("report", "nowhere"), "not a run folder"),
        (("prompts", "show", "nothing.jinja"), "no template"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["vlm-eval", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_limit_zero_is_refused(parts, tmp_path):
    result = call("run", "--dataset", parts, "--model", "scripted:no", "--limit", "0", "--out", tmp_path / "run")
    assert "limit" in str(result.exception)


def test_help_answers_in_under_half_a_second():
    command = [sys.executable, "-c", "from vlm_eval.cli.main import main; main()", "--help"]
    times = []
    for _ in range(6):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ)
        times.append(time.perf_counter() - start)
    assert sorted(times[1:])[2] < 0.5


def test_ablate_beside_levels_or_shots_is_refused(parts):
    result = call("run", "--dataset", parts, "--model", "scripted:no", "--ablate", "reference", "--shots", "0,1")
    assert "--ablate makes a grid of its own" in str(result.exception)


def test_a_flag_keeps_the_other_half_of_what_the_file_says(parts, tmp_path):
    experiment = tmp_path / "experiment.yaml"
    experiment.write_text(
        f"dataset: {parts}\nmodels: scripted:no\nlevels: [naive]\ngeneration: {{temperature: 0.5}}\n"
    )
    call("run", experiment, "--shots", "1", "--max-tokens", "5", "--out", tmp_path / "run")
    resolved = (tmp_path / "run" / "experiment.yaml").read_text()
    assert "temperature: 0.5" in resolved
    assert "max_tokens: 5" in resolved
    assert "naive" in resolved


def test_a_contact_sheet_that_cannot_be_written_is_one_message(parts, tmp_path):
    result = call("preview", "--dataset", parts, "--out", tmp_path / "nowhere" / "sheet.png")
    assert "cannot be written" in str(result.exception)


def test_a_run_in_which_all_failed_says_why(parts, tmp_path):
    result = call("run", "--dataset", parts, "--model", "scripted:bad-input", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "Why requests failed:\n  scripted failure (" in result.output


def test_a_card_is_shown_as_prose_and_as_the_file_that_it_is():
    shown = call("datasets", "show", "nab")
    assert "caveat" in shown.output and "Its labels are criticised" in shown.output
    assert "number of tweets" in shown.output and "VLM_EVAL_NAB" in shown.output
    written = call("datasets", "show", "nab", "--yaml")
    assert written.output.startswith("name: nab\n") and "# NAB's probationary period" in written.output


def test_a_card_that_says_where_its_data_lie_is_shown_so(tmp_path):
    (tmp_path / "bolts.yaml").write_text(
        "name: bolts\ntitle: Bolts\nlicence: own\nreader: folders\nroot: ../bolts\n"
    )
    shown = " ".join(call("datasets", "show", "bolts", "--datasets", tmp_path).output.split())
    assert "lies in" in shown and "or where --root or VLM_EVAL_BOLTS says" in shown and "then --root" not in shown


def test_a_check_names_a_broken_file_once_and_counts_in_good_english(parts):
    (parts / "normal" / "00.png").write_bytes(b"no picture")
    result = call("datasets", "check", parts)
    assert result.exit_code == 2
    (line,) = [line for line in result.output.splitlines() if "cannot be shown" in line]
    assert line.count("00.png") == 1
    assert result.output.rstrip().endswith("1 error, 0 warnings")


def test_references_and_their_kind_are_flags(parts, tmp_path):
    out = tmp_path / "run"
    flags = ("--ablate", "reference", "--reference-kind", "defect", "--out", out)
    result = call("run", "--dataset", parts, "--model", "scripted:coin", *flags)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "task+reference+defect" in (out / "report" / "ablation.csv").read_text()
    refused = call("run", "--dataset", parts, "--model", "scripted:coin", "--references", "farthest")
    assert "references: Input should be 'seed' or 'nearest'" in str(refused.exception)
