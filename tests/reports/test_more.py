"""What a report says beside its main tables."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from sklearn.metrics import average_precision_score, balanced_accuracy_score, brier_score_loss

from vlm_eval.errors import InputError
from vlm_eval.reports.decisions import RECALLS, repeatabilities
from vlm_eval.reports.interactions import absent_cells, interaction_rows
from vlm_eval.reports.measures import measure
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.published import read_published
from vlm_eval.reports.write import write_report


def report(frame, folder, info):
    stream = io.StringIO()
    files = write_report(frame, folder, info=info, console=Console(file=stream, width=80))
    return " ".join(stream.getvalue().split()), files


def panel_of(frame):
    (panel,) = read_panels(frame, [])
    return panel


@pytest.fixture(scope="module")
def small(frame_of, info, tmp_path_factory):
    frame = frame_of(classes=("part", "series"), cells=info["cells"][:4])
    return frame, *report(frame, tmp_path_factory.mktemp("more"), info)


def test_scores_as_probabilities_agree_with_scikit_learn(frame_of, info):
    frame = frame_of(classes=("part",), cells=info["cells"][:1])
    found = measure(panel_of(frame), "task").measures
    gold, score = (frame["gold"] == "yes").astype(int), frame["anomaly_score"]
    assert found["brier"].value == pytest.approx(brier_score_loss(gold, score))
    assert found["aupr"].value == found["aupr_pooled"].value == pytest.approx(average_precision_score(gold, score))


def test_the_auroc_that_papers_print_is_the_balanced_accuracy_and_says_so(frame_of, info):
    frame = frame_of(classes=("part", "series"), cells=info["cells"][:1])
    found = measure(panel_of(frame), "task").measures["auroc_as_published"]
    gold = (frame["gold"] == "yes").astype(int)
    said = frame["verdict"].map({"anomalous": 1, "normal": 0}).fillna(1 - gold)
    assert found.value == pytest.approx(balanced_accuracy_score(gold, said))
    assert "hard labels" in (found.reason or "")


def test_precision_is_told_at_the_defect_rate_that_is_stated(frame_of, info, tmp_path):
    frame = frame_of(cells=info["cells"][:2])
    text, files = report(frame, tmp_path, {**info, "defect_rate": 0.5})
    assert "prec. at 50 %" in text
    table = pd.read_csv(files.ablation)
    expected = table["recall"] / (table["recall"] + table["overkill"])
    assert table["precision_at_defect_rate"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-5)


def test_abstaining_is_right_on_unanswerable_items_only(frame_of, info):
    frame = frame_of(classes=("part",), cells=info["cells"][:1])
    frame.loc[frame.index[:4], "gold"] = "unanswerable"
    frame.loc[frame.index[:4], "verdict"] = [None, None, None, "normal"]
    frame.loc[frame.index[:4], "verdict_reason"] = ["hedged", "refused", "truncated", None]
    result = measure(panel_of(frame), "task")
    assert result.measures["abstains_rightly"].value == pytest.approx(2 / 4)
    assert result.items == 26
    plain = measure(panel_of(frame_of(classes=("part",), cells=info["cells"][:1])), "task")
    assert plain.measures["abstains_rightly"].reason == "no unanswerable items"


def test_every_class_has_a_row_with_the_numbers_of_its_items_alone(small):
    frame, _, files = small
    table = pd.read_csv(files.folder / "classes.csv").set_index(["cell", "object_class"])
    assert len(table) == 4 * 2
    asks = frame[(frame["cell"] == "task") & (frame["object_class"] == "series")]
    right = (asks["verdict"] == asks["gold"].map({"yes": "anomalous", "no": "normal"})).mean()
    assert table.loc[("task", "series"), "accuracy"] == pytest.approx(right, abs=1e-6)


def test_published_numbers_stand_beside_the_classes_they_are_about(frame_of, info, tmp_path):
    path = tmp_path / "paper.csv"
    path.write_text("measure,object_class,value,source\naccuracy,part,0.8,A paper\nauroc,,0.01,Another\n")
    frame = frame_of(classes=("part", "series"), cells=info["cells"][:1])
    report(frame, tmp_path, {**info, "published": read_published(path)})
    table = pd.read_csv(tmp_path / "classes.csv").set_index("object_class")
    assert table.loc["part", "published_accuracy"] == 0.8
    assert np.isnan(table.loc["series", "published_accuracy"])
    inside = table.loc["part", "accuracy_low"] <= 0.8 <= table.loc["part", "accuracy_high"]
    assert table.loc["part", "published_accuracy_inside"] == inside
    assert "published_auroc" not in table
    whole = pd.read_csv(tmp_path / "ablation.csv")
    assert whole["published_auroc"].tolist() == [0.01]
    assert not whole["published_auroc_inside"].any()
    assert "published_accuracy" not in whole


@pytest.mark.parametrize(
    ("text", "message"),
    [("a,b\n1,2\n", "lacks the columns"), ("measure,value\nwit,0.1\n", "unknown measures wit"),
     ("measure,value\naccuracy,73.4\n", "fraction between 0 and 1")],
)  # fmt: skip
def test_a_table_of_published_numbers_that_cannot_be_is_refused(tmp_path, text, message):
    path = tmp_path / "paper.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_published(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_published(tmp_path / "absent.csv")


def test_few_clusters_are_printed_one_by_one(frame_of, info, tmp_path, small):
    frame = frame_of(classes=("part",), cells=info["cells"][:2])
    frame["group"] = "batch " + (frame["sample_id"].str[-6:-4].astype(int) % 3).astype(str)
    text, files = report(frame, tmp_path, info)
    assert "1: batch 0; 2: batch 1; 3: batch 2" in text
    table = pd.read_csv(files.folder / "clusters.csv")
    asks = frame[(frame["cell"] == "task") & (frame["group"] == "batch 1")]
    right = (asks["verdict"] == asks["gold"].map({"yes": "anomalous", "no": "normal"})).mean()
    row = table[(table["cell"] == "task") & (table["cluster"] == "batch 1")]
    assert row["accuracy"].item() == pytest.approx(right, abs=1e-6)
    assert "Cluster by cluster" not in small[1]


def test_the_ledger_is_also_told_by_class_and_gold(small):
    frame, _, files = small
    table = pd.read_csv(files.folder / "outcomes_by_class.csv")
    assert table["asks"].sum() == len(frame)
    claims = table[(table["outcome"] == "claim") & (table["object_class"] == "part") & (table["gold"] == "yes")]
    asks = frame[(frame["object_class"] == "part") & (frame["gold"] == "yes")]
    assert claims["asks"].sum() == asks["verdict"].notna().sum()


def test_refusals_that_follow_the_truth_are_called_out(frame_of, info, tmp_path):
    frame = frame_of(cells=info["cells"][:2])
    silent = (frame["gold"] == "yes") & (frame["cell"] == "task") & (frame.index % 3 == 0)
    frame.loc[silent, ["verdict", "label"]] = None
    frame.loc[silent, "verdict_reason"] = "refused"
    text, files = report(frame, tmp_path, info)
    assert "No claim falls unequally" in text
    assert pd.read_csv(files.folder / "no_claims.csv").set_index("cell").loc["task", "p_holm"] < 0.05


def test_the_choice_is_cross_fitted_and_names_its_ties(small):
    _, text, files = small
    assert "Most accurate of 4 cells" in text
    table = pd.read_csv(files.folder / "choice.csv")
    assert table["best"].sum() == 1
    assert table.loc[table["best"], "tied_with_best"].all()
    assert table["folds_that_chose_it"].sum() == table["folds"].iloc[0]


def test_effects_stand_on_both_scales_with_price_and_equivalence(small):
    table = pd.read_csv(small[2].effects).set_index(["ingredient", "measure"])
    assert {"log_odds", "p_equivalence", "extra_seconds", "tokens_per_point_note"} <= set(table.columns)
    strong = table.loc["reference"]
    assert np.sign(strong["log_odds"]).eq(np.sign(strong["difference"])).all()
    assert not strong["equivalent"].any()


def test_dollars_need_a_price(frame_of, info, tmp_path):
    frame = frame_of(cells=info["cells"][:2])
    frame.loc[frame["cell"] == info["cells"][1][0], "prompt_tokens"] = 140
    prices = {"pocket-llava (toy)": (2.0, 8.0)}
    _, files = report(frame, tmp_path, {**info, "prices": prices})
    table = pd.read_csv(files.effects).set_index("measure")
    assert table.loc["accuracy", "extra_tokens"] == 100
    assert table.loc["accuracy", "extra_dollars"] == pytest.approx(100 * 2 / 1e6)


def test_a_grid_with_a_hole_names_it_and_its_consequence(frame_of, info, tmp_path):
    cells = [cell for cell in info["cells"] if cell[0] != "task+class+standard+reference"]
    assert absent_cells(cells) == [{"class": 1, "standard": 1, "reference": 1}]
    text, _ = report(frame_of(cells=cells, classes=("part",)), tmp_path, {**info, "cells": cells})
    assert "Not in the grid: class 1+standard 1+reference 1" in text
    assert absent_cells(info["cells"]) == absent_cells([]) == []


def test_interactions_are_over_all_groups_of_four_cells(frame_of, info):
    panel = panel_of(frame_of(classes=("part",)))
    rows = interaction_rows(panel, info)
    assert len(rows) == 3 * 3
    assert {row.quads for row in rows} == {2}
    accuracy = {cell: np.mean(np.where(panel.gold == 1, own.yes, own.no)) for cell, own in panel.cells.items()}
    by_hand = [
        accuracy[f"task+class+standard{rest}"] - accuracy[f"task+class{rest}"]
        - accuracy[f"task+standard{rest}"] + accuracy[f"task{rest}"]
        for rest in ("", "+reference")
    ]  # fmt: skip
    row = next(row for row in rows if row.measure == "accuracy" and row.second.ingredient == "standard")
    assert row.found.risk.value == pytest.approx(np.mean(by_hand))


def test_the_share_of_wordings_is_told_and_two_are_called_few(frame_of, tmp_path):
    cells = [(f"wording {number}", {"wording": number}) for number in range(2)]
    text, files = report(frame_of(cells=cells), tmp_path, {"cells": cells})
    assert "wording" in text
    assert "only 2 levels: hardly known" in text
    table = pd.read_csv(files.folder / "variance.csv")
    assert list(table["source"]) == ["wording", "item", "wording x item"]
    assert table["share"].sum() == pytest.approx(1, abs=1e-4)


def test_operating_points_triage_and_curves_are_judged_on_other_items(small):
    folder = small[2].folder
    points = pd.read_csv(folder / "operating_points.csv")
    assert len(points) == 4 * len(RECALLS)
    assert points["threshold"].notna().all()
    triage = pd.read_csv(folder / "triage.csv")
    assert (triage["accept_below"] <= triage["reject_from"]).all()
    risk = pd.read_csv(folder / "risk_coverage.csv")
    assert (risk["coverage"] >= risk["at_least"] - 1e-6).all()
    types = pd.read_csv(folder / "defect_types.csv")
    assert (types["closest"] <= types["one_versus_one"]).all()


def test_costs_add_a_point_of_least_cost(frame_of, info, tmp_path):
    _, files = report(frame_of(cells=info["cells"][:1]), tmp_path, {**info, "costs": (100.0, 1.0)})
    points = pd.read_csv(files.folder / "operating_points.csv").set_index("chosen_for")
    own = points.loc["least cost"]
    assert own["cost"] == pytest.approx(100 * 0.01 * own["miss"] + 0.99 * own["overkill"], abs=1e-4)


def test_repeats_are_compared_where_there_are_any(frame_of, info, tmp_path, small):
    frame = frame_of(classes=("part",), cells=info["cells"][:1], repeats=3)
    found = repeatabilities(panel_of(frame))["task"]
    said = frame.assign(said=frame["verdict"].fillna("none")).groupby("sample_id")["said"].nunique()
    assert found.unanimous.value == pytest.approx((said == 1).mean())
    text, _ = report(frame, tmp_path, info)
    assert "All repeats of a question say the same on" in text
    assert not (small[2].folder / "repeatability.csv").exists()


def test_a_file_of_an_earlier_report_does_not_stay(frame_of, info, tmp_path):
    report(frame_of(classes=("part",), cells=info["cells"][:2]), tmp_path, info)
    assert (tmp_path / "choice.csv").exists()
    report(frame_of(classes=("part",), cells=info["cells"][:1]), tmp_path, info)
    assert not (tmp_path / "choice.csv").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        "unanswerable", "one group", "one item", "only anomalous", "only normal", "no scores", "some scores",
        "equal scores", "nothing answered",
    ],
)  # fmt: skip
def test_odd_runs_get_reasons_and_never_nan(frame_of, fail_asks, info, tmp_path, spoil):
    frame = frame_of(classes=("part", "series"), cells=info["cells"][:4], repeats=2)
    if spoil == "unanswerable":
        frame["gold"] = "unanswerable"
    elif spoil == "one group":
        frame["group"] = "the same"
    elif spoil == "one item":
        frame = frame[frame["sample_id"] == frame["sample_id"].iloc[1]].reset_index(drop=True)
    elif spoil == "only anomalous":
        frame = frame[frame["gold"] == "yes"].reset_index(drop=True)
    elif spoil == "only normal":
        frame = frame[frame["gold"] == "no"].reset_index(drop=True)
    elif spoil == "nothing answered":
        fail_asks(frame, np.ones(len(frame), dtype=bool))
    elif spoil == "equal scores":
        frame["anomaly_score"] = 0.5
    else:
        frame.loc[frame.index % 3 > 0 if spoil == "some scores" else frame.index >= 0, "anomaly_score"] = np.nan
    text, files = report(frame, tmp_path, info)
    words = re.compile(r"\b(nan|inf)\b", re.IGNORECASE)
    assert not words.search(text)
    for path in files.more:
        assert not words.search(path.read_text()), path


def test_the_report_tells_an_operating_point_of_the_most_accurate_cell(frame_of, info, tmp_path):
    frame = frame_of(cells=info["cells"][:4])
    text, _ = report(frame, tmp_path, info)
    points = pd.read_csv(tmp_path / "operating_points.csv").set_index(["cell", "chosen_for"])
    best = pd.read_csv(tmp_path / "choice.csv").set_index("cell")["best"].idxmax()
    own = points.loc[(best, "recall 0.99")]
    told = f"chose for 99 % recall, {best} misses {100 * own['miss']:.0f} ["
    assert told in text
    frame["anomaly_score"] = np.nan
    assert "At the threshold" not in report(frame, tmp_path, info)[0]


def test_the_price_of_a_point_is_told_only_where_points_are_gained(frame_of, info, tmp_path):
    frame = frame_of(cells=info["cells"][:2], per_class=60)
    dear = frame["cell"] == "task+reference"
    frame["latency"] = np.where(dear, 0.5, 0.1)
    text, files = report(frame, tmp_path, info)
    table = pd.read_csv(files.effects).set_index("measure")
    assert table.loc["accuracy", "low"] > 0
    price = table.loc["accuracy", "seconds_per_point"]
    assert price == pytest.approx(0.4 / (100 * table.loc["accuracy", "difference"]), rel=1e-4)
    assert f"Price of a point of accuracy, an item: reference {price:.2g} seconds" in text
    backwards = {**info, "cells": info["cells"][1::-1]}
    assert "Price of a point" not in report(frame, tmp_path, backwards)[0]
