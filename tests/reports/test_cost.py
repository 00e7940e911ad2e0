"""What an answer takes, and what is left out of the choice of a cell."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from vlm_eval.reports import choice
from vlm_eval.reports.cost import ALL_CELLS, cost_note, cost_rows
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.write import write_report


def report(frame, folder, info):
    stream = io.StringIO()
    write_report(frame, folder, info=info, console=Console(file=stream, width=80))
    return " ".join(stream.getvalue().split())


@pytest.fixture
def timed(frame_of, fail_asks, info):
    """Two cells of 30 asks with latencies 1 to 60; the last ten of the second failed, and kept theirs."""
    frame = frame_of(classes=("part",), cells=info["cells"][:2])
    frame["latency"] = np.arange(1.0, 61.0)
    fail_asks(frame, frame.index[50:])
    return frame


def test_quantiles_of_seconds_are_those_of_the_answers_and_failed_asks_are_counted_apart(timed, info, tmp_path):
    text = report(timed, tmp_path, info)
    table = pd.read_csv(tmp_path / "cost.csv").set_index("cell")
    first, second = info["cells"][0][0], info["cells"][1][0]
    for cell, seconds, failed in ((ALL_CELLS, (1, 51), 10), (first, (1, 31), 0), (second, (31, 51), 10)):
        row = table.loc[cell]
        assert row["seconds_p50"] == pytest.approx(np.percentile(np.arange(*seconds), 50))
        assert row["seconds_p95"] == pytest.approx(np.percentile(np.arange(*seconds), 95))
        assert (row["answered"], row["failed"], row["open"]) == (len(range(*seconds)), failed, 0)
    assert "Seconds an answer: p50 25.5, p95 47.5 (50 answers; by cell" in text


def test_dollars_are_the_mean_over_the_answers_at_the_prices_given(timed, info):
    (panel,) = read_panels(timed, [])
    row = next(cost_rows(panel, {**info, "prices": {panel.model: (2.0, 10.0)}}))
    assert row["dollars"] == pytest.approx((40 * 2 + 9 * 10) / 1e6)
    assert next(cost_rows(panel, info))["dollars"] is None


def test_seconds_that_nobody_recorded_are_not_told(timed, info):
    timed["latency"] = None
    (panel,) = read_panels(timed, [])
    assert cost_note(panel, info) is None
    assert next(cost_rows(panel, info))["seconds_p95"] is None


def test_a_cell_without_an_answer_has_no_seconds(timed, fail_asks, info):
    fail_asks(timed, timed.index[30:])
    (panel,) = read_panels(timed, [])
    rows = {row["cell"]: row for row in cost_rows(panel, info)}
    row = rows[info["cells"][1][0]]
    assert (row["seconds_p50"], row["answered"], row["failed"]) == (None, 0, 30)


def test_a_cell_is_not_chosen_among_more_than_can_be_held_beside_each_other(frame_of, info, tmp_path, monkeypatch):
    frame = frame_of(classes=("part",), cells=info["cells"][:4])
    monkeypatch.setattr(choice, "MOST_CELLS", 4)
    assert "Most accurate of 4 cells" in report(frame, tmp_path, info)
    assert (tmp_path / "choice.csv").is_file()
    monkeypatch.setattr(choice, "MOST_CELLS", 3)
    monkeypatch.setattr(choice, "choose", None)  # nothing is computed that would not be told
    text = report(frame, tmp_path, info)
    assert "The best cell is left out: 4 cells are more than 3" in text
    assert "Most accurate" not in text and "At the threshold" not in text
    assert not (tmp_path / "choice.csv").exists()


def test_models_with_many_cells_together_are_compared_without_a_choice(frame_of, info, tmp_path, monkeypatch):
    frame = frame_of(models=("first", "second"), classes=("part",), cells=info["cells"][:2])
    monkeypatch.setattr(choice, "MOST_CELLS", 3)
    text = report(frame, tmp_path, info)
    assert text.count("Most accurate of 2 cells") == 2
    assert text.count("The best cell is left out: 4 cells are more than 3") == 1
