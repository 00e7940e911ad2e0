"""The frame of a run against the same rows joined one by one from the tables."""

import json
import math

import pandas as pd
import pytest
from PIL import Image

from vlm_eval.runs import judging
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.frame import COLUMNS, read_frame
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import Silent, execute
from vlm_eval.runs.store import Store

CARD = """\
name: plates
title: Plates
licence: none
reader: folders
root: {}
common: {{nouns: {{noun: plate, plural: plates}}}}
"""


@pytest.fixture
def folder(tmp_path):
    """A run with two models, rounds, repeats and scores; some asks failed, some are open, some are not judged."""
    for number in range(6):
        place = tmp_path / "pictures" / ("normal" if number % 2 else "anomalous")
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 12), (40 * number, 90, 10)).save(place / f"{number}.png")
    (tmp_path / "plates.yaml").write_text(CARD.format(tmp_path / "pictures"))
    experiment = {
        "dataset": "plates",
        "models": ["scripted:coin", "scripted:yes"],
        "grid": {"class": [0, 1]},
        "rounds": ["look-again"],
        "repeats": 2,
    }
    plan = make_plan(parse_experiment(experiment, "the test"), datasets=[tmp_path])
    execute(plan, tmp_path / "run", listener=Silent())
    failure = json.dumps({"kind": "timeout", "message": "too late", "attempts": 3})
    with Store(tmp_path / "run", write=True) as store:
        change = store.connection.execute
        change("DELETE FROM outcome WHERE request % 7 = 3")
        change("UPDATE outcome SET kind = 'timeout', data = ? WHERE request % 7 = 4", (failure,))
        change("UPDATE outcome SET data = json_set(data, '$.prompt_tokens', NULL) WHERE request % 7 = 5")
        change("DELETE FROM judgement WHERE ask % 5 = 2")
        unanswered = "SELECT id FROM ask LEFT JOIN outcome USING (request) WHERE kind IS NOT 'answer'"
        change(f"DELETE FROM judgement WHERE ask IN ({unanswered})")
    return tmp_path / "run"


def joined(folder):
    """Join the tables row by row, everything held as an object; scores are left out."""
    rows = []
    with Store(folder) as store:
        samples = dict(store.samples())
        held = {name: judging.judgements_of(store, name) for name in ("verdict", "words", "labels")}
        names = {
            table: dict(store.connection.execute(f"SELECT id, name FROM {table}")) for table in ("model", "cell")
        }
        outcomes = {
            row: (kind, json.loads(data))
            for row, kind, data, _ in store.connection.execute("SELECT * FROM outcome")
        }
        asks = store.connection.execute("SELECT * FROM ask WHERE purpose = 'answer' ORDER BY id").fetchall()
    for ask, model, sample, cell, number, repeat, _, request, *_ in asks:
        item, (kind, answer) = samples[sample], outcomes.get(request, (None, {}))
        status = "answered" if kind == "answer" else "failed" if kind else "open"
        verdict, words, label = (held[name].get(ask) for name in ("verdict", "words", "labels"))
        told = answer if status == "answered" else {}
        rows.append(
            {
                "model": names["model"][model], "cell": names["cell"][cell], "card": item.card,
                "sample_id": item.id, "object_class": item.object_class, "group": item.group,
                "gold": item.gold.anomalous,
                "defect_type": item.gold.defect_type, "round": number, "repeat": repeat, "status": status,
                "failure": kind if status == "failed" else None, "text": told.get("text"),
                "finish": told.get("finish"), "verdict": verdict and verdict.value,
                "verdict_reason": verdict and verdict.reason, "words": words and words.value,
                "label": label and label.value, "latency": told.get("latency"),
                "prompt_tokens": told.get("prompt_tokens"), "completion_tokens": told.get("completion_tokens"),
                "metadata": dict(item.metadata),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def test_the_frame_is_the_rows_of_the_tables_joined(folder):
    frame = read_frame(folder)
    assert tuple(frame.columns) == COLUMNS
    expected = joined(folder)
    assert set(expected["status"]) == {"answered", "failed", "open"} and set(expected["round"]) == {0, 1}
    assert expected["prompt_tokens"].isna().sum() > (expected["status"] != "answered").sum()
    pd.testing.assert_frame_equal(frame.drop(columns=["anomaly_score", "yes_no_mass", "score_source"]), expected)


def test_a_score_is_that_of_the_forced_question_about_the_same_sample_and_cell(folder):
    with Store(folder) as store:
        found = store.connection.execute(
            "SELECT model.name, sample_id, cell.name, outcome.data FROM ask "
            "JOIN model ON model.id = ask.model JOIN sample ON sample.id = ask.sample "
            "JOIN cell ON cell.id = ask.cell "
            "JOIN outcome USING (request) WHERE purpose = 'score' AND kind = 'answer'"
        ).fetchall()
    pairs = {tuple(place): json.loads(data)["yes_no"] for *place, data in found}
    masses = {place: (math.exp(pair["yes"]), math.exp(pair["no"])) for place, pair in pairs.items()}
    shares = {place: yes / (yes + no) for place, (yes, no) in masses.items()}
    frame = read_frame(folder)
    frame = frame[frame["round"] == 0]
    assert shares and frame["anomaly_score"].isna().any()
    for row in frame.itertuples():
        share = shares.get((row.model, row.sample_id, row.cell), math.nan)
        assert row.anomaly_score == pytest.approx(share, nan_ok=True)
        assert pd.isna(row.score_source) if math.isnan(share) else row.score_source == "yes-no"


def test_a_run_without_asks_is_an_empty_frame_of_all_columns(folder):
    with Store(folder, write=True) as store:
        store.connection.execute("DELETE FROM judgement")
        store.connection.execute("DELETE FROM ask")
    frame = read_frame(folder)
    assert frame.empty and tuple(frame.columns) == COLUMNS


def test_judgements_that_are_not_stored_are_in_the_frame(folder):
    with Store(folder, write=True) as store:
        before = read_frame(folder)
        store.connection.execute("DELETE FROM judgement")
    pd.testing.assert_frame_equal(read_frame(folder), before)


def test_the_repeats_of_a_question_hold_one_copy_of_what_is_known_of_their_sample(folder):
    metadata = read_frame(folder)["metadata"]
    assert len({id(value) for value in metadata}) == 6
