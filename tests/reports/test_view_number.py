"""Alarms by number of views, against every choice of views and against the joined report."""

from itertools import combinations, product
from statistics import mean

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from vlm_eval.reports.measures import measure
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.view_number import view_number_file_rows, view_number_rows, view_number_tables
from vlm_eval.runs.frame import COLUMNS
from vlm_eval.runs.joined import join_views


def frame_of(items=24, views=4, seed=0, repeats=2):
    """Make what `read_views` gives of items in two classes and clusters of three."""
    draw = np.random.default_rng(seed)
    rows = []
    for item, repeat, view in product(range(items), range(repeats), range(views)):
        bad = item % 2 == 0
        claim = "anomalous" if draw.random() < (0.6 if bad else 0.2) else "normal"
        rows.append(
            dict.fromkeys(COLUMNS)
            | {
                "model": "m", "cell": "c", "card": "k", "sample_id": f"k/{item}", "object_class": f"p{item // 12}",
                "group": f"g{item // 3}", "gold": "yes" if bad else "no", "round": 0, "repeat": repeat,
                "status": "answered", "text": claim, "finish": "stop", "verdict": claim, "words": None,
                "anomaly_score": draw.random(), "yes_no_mass": 0.9, "score_source": "yes-no", "metadata": {},
                "latency": 1.0, "prompt_tokens": 1, "completion_tokens": 1, "view": view, "ask": len(rows) + 1,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize("rule", ["any", "max", "mean", "majority"])
def test_all_views_give_the_rates_of_the_joined_report(rule):
    views = frame_of()
    rows = view_number_rows(views, rule)
    assert [row.views for row in rows] == [1, 2, 3, 4]
    (panel,) = read_panels(join_views(views, rule), [])
    measures = measure(panel, "c", 0.01).measures
    assert rows[-1].found == measures["recall"]
    if rule in ("any", "max"):  # an even vote is no claim: not passed, but no alarm either
        assert rows[-1].alarms == measures["overkill"]


def test_fewer_views_give_the_mean_over_all_choices_of_them():
    views = frame_of(repeats=1)
    of_normal = views[views["gold"] == "no"]
    for row in view_number_rows(views, "any"):
        rates = []
        for chosen in combinations(range(4), row.views):
            part = of_normal[of_normal["view"].isin(chosen)]
            claimed = part.groupby(["object_class", "sample_id"])["verdict"].agg(
                lambda one: "anomalous" in set(one)
            )
            rates.append(claimed.groupby(level=0).mean().mean())
        assert row.alarms.value == pytest.approx(mean(rates))


def test_with_any_more_views_never_lower_alarms_and_intervals_hold_them():
    rows = view_number_rows(frame_of(), "any")
    values = [row.alarms.value for row in rows]
    assert values == sorted(values) and values[0] < values[-1]
    assert all(row.alarms.low <= row.alarms.value <= row.alarms.high for row in rows)
    assert all((row.alarms.items, row.alarms.clusters) == (12, 8) for row in rows)


def test_items_without_an_answer_about_each_view_and_baselines_are_left_out():
    views = frame_of(repeats=1)
    lost = (views["sample_id"] == "k/1") & (views["view"] == 2)
    views.loc[lost, ["status", "verdict"]] = ["failed", None]
    assert view_number_rows(views, "any")[0].alarms.items == 11
    unplanned = views[~((views["sample_id"] == "k/3") & (views["view"] == 0))]
    assert view_number_rows(unplanned, "any")[0].alarms.items == 10
    assert view_number_rows(views.assign(score_source="model"), "any") == []


def test_table_and_file_say_how_many_views_and_by_which_rule():
    rows = view_number_rows(frame_of(), "any")
    console = Console(width=80, record=True)
    for table in view_number_tables(rows):
        console.print(table)
    text = console.export_text()
    assert "1 of 4" in text and "4 of 4" in text and "joined by 'any'" in " ".join(text.split())
    lines = list(view_number_file_rows(rows))
    assert [line["views"] for line in lines] == [1, 2, 3, 4] and {line["rule"] for line in lines} == {"any"}
    assert {"false_alarms", "false_alarms_low", "found_high", "normal_items"} <= lines[0].keys()
    single = frame_of(views=1)
    assert list(view_number_tables(view_number_rows(single, "any"))) == []
