"""Drift is told where it is and not where it is not."""

import csv
from io import StringIO

import pytest
from rich.console import Console

from vlm_eval.flow import Answer, Capabilities
from vlm_eval.reports.drift import measure_drift, show_drift
from vlm_eval.reports.html_beside import read_beside
from vlm_eval.reports.html_read import read_run
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.runs.sentinels import LAST, Pass, Sentinel


class Drifting:
    """Answers by a function of whether this is the last pass."""

    capabilities = Capabilities()

    def __init__(self, reply):
        self.reply = reply

    def answer(self, requests):
        for request in requests:
            yield request.key, self.reply(request.repeat == LAST)


@pytest.fixture
def shown(parts, tmp_path):
    """Run with ten sentinel items; return what is printed and the rows of drift.csv."""

    def run(reply, **changes):
        given = {"dataset": str(parts), "models": ["scripted:no"], "yes_no": False, "sentinels": 10, **changes}
        folder = tmp_path / "run"
        execute(
            make_plan(parse_experiment(given, "test")), folder, open_with=lambda spec, scratch: Drifting(reply)
        )
        console = Console(file=StringIO(), width=110)
        (tmp_path / "report").mkdir(exist_ok=True)
        show_drift(folder, tmp_path / "report", console)
        path = tmp_path / "report" / "drift.csv"
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines())) if path.exists() else []
        return " ".join(console.file.getvalue().split()), rows

    return run


def test_a_model_that_stays_the_same_shows_no_drift(shown):
    text, (row,) = shown(lambda late: Answer("No.", served_model="m-1"))
    assert "No drift shows" in text
    assert "Served: m-1 at the start, m-1 at the end" in text
    assert (row["items"], row["same_text"], row["verdicts_changed"]) == ("10", "10", "0")
    assert float(row["change"]) == 0
    assert float(row["change_low"]) < -0.2  # ten items that did not change are no proof of much
    assert float(row["change_high"]) > 0.2


def test_a_model_that_begins_to_say_yes_is_told(shown):
    text, (row,) = shown(lambda late: Answer("Yes, a scratch." if late else "No.", served_model="m-1"))
    assert "The model changed" in text
    assert (row["same_text"], row["verdicts_changed"]) == ("0", "10")
    assert (float(row["yes_first"]), float(row["yes_last"]), float(row["change"])) == (0, 1, 1)
    assert "+100" in text


def test_another_served_model_is_told_though_its_answers_are_the_same(shown):
    text, (row,) = shown(lambda late: Answer("No.", served_model="m-2" if late else "m-1"))
    assert "The model changed" in text
    assert (row["served_first"], row["served_last"], row["same_text"]) == ("m-1", "m-2", "10")


def test_other_words_with_the_same_meaning_are_counted_and_are_no_drift(shown):
    text, (row,) = shown(lambda late: Answer("No, nothing." if late else "No."))
    assert "No drift shows" in text
    assert "Served: not told at the start" in text
    assert (row["same_text"], row["verdicts_changed"]) == ("0", "0")


def test_the_page_of_a_run_tells_it(shown, tmp_path):
    shown(lambda late: Answer("Yes, a scratch." if late else "No.", served_model="m-1"))
    (told,) = [one for one in read_beside(read_run(tmp_path / "run")).tables if one.title.startswith("Drift")]
    (row,) = (dict(zip(told.headings, row, strict=True)) for row in told.rows)
    assert (row["n"], row["same text"], row["verdicts changed"]) == ("10", "0", "10")
    assert (row["yes first"], row["yes last"]) == ("0", "100")
    assert any(note.startswith("The model changed (scripted:no") for note in told.notes)


def test_a_run_without_sentinels_says_nothing_and_old_files_go(shown, tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "drift.csv").write_text("stale")
    assert shown(lambda late: Answer("No."), sentinels=None) == ("", [])


def sentinel(number, first, last):
    passes = (Pass("same", verdict, "m", at) for verdict, at in ((first, 1.0), (last, 2.0)))
    return Sentinel("m", "cell", f"s{number}", "thing", f"s{number}", *passes)


def test_the_interval_of_the_change_is_that_of_a_mean_of_paired_differences():
    """By hand: 20 items, three from normal to anomalous, one back; t of 19 degrees of freedom is 2.093."""
    verdicts = [("normal", "anomalous")] * 3 + [("anomalous", "normal")] + [("normal", "normal")] * 16
    drift = measure_drift([sentinel(number, *pair) for number, pair in enumerate(verdicts)])
    change = drift.change.difference
    error = ((4 - 20 * 0.1**2) / 19 / 20) ** 0.5
    assert change.value == pytest.approx(0.1)
    assert (change.low, change.high) == pytest.approx((0.1 - 2.093 * error, 0.1 + 2.093 * error), abs=1e-4)
    assert not drift.shows


def test_nothing_is_compared_before_both_passes_are_answered():
    half = Sentinel("m", "cell", "s", "thing", "s", Pass("No.", "normal", "m", 1.0), None)
    assert measure_drift([half]) is None
