"""The whole report, on frames as the store gives them and on bad ones."""

import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from vlm_eval.errors import InputError
from vlm_eval.reports.tables import break_name
from vlm_eval.reports.write import write_report


def report(frame, folder, info, width=80):
    stream = io.StringIO()
    files = write_report(frame, folder, info=info, console=Console(file=stream, width=width))
    return stream.getvalue(), files


@pytest.fixture(scope="module")
def told(frame_of, info, tmp_path_factory):
    return report(frame_of(), tmp_path_factory.mktemp("run") / "new" / "report", info)


def test_the_tables_fit_80_columns_and_name_every_cell(told, info):
    text, _ = told
    assert max(len(line) for line in text.splitlines()) <= 80
    first_lines = [break_name(name).split("\n")[0] for name, _ in info["cells"]]
    assert all(f"\n{name} " in text for name in first_lines)
    assert "\n +reference" in text
    assert "\x1b[" not in text
    assert "nan" not in text.lower()


def test_prevalence_policy_and_the_toy_are_said(told):
    text = " ".join(told[0].split())
    assert "50 % are anomalous: always saying yes scores that" in text
    assert "without a claim counts as wrong" in text
    assert "(toy): a pocket model" in text
    assert "Apache-2.0" in text


def test_the_columns_that_do_not_fit_are_named_and_shown_where_there_is_room(frame_of, info, tmp_path, told):
    assert "In ablation.csv, for want of width here:" in told[0]
    text, _ = report(frame_of(), tmp_path, info, width=140)
    assert "for want of width" not in text
    assert "words" in text.split("\n")[2]


def test_every_file_is_written_and_every_figure_opens(told):
    _, files = told
    tables = {"ablation", "effects", "items", "outcomes", "confusion_verdict", "confusion_defect"}
    tables |= {"choice", "classes", "defect_types", "interactions", "no_claims", "operating_points"}
    tables |= {"by_defect_type", "cost", "outcomes_by_class", "risk_coverage", "triage", "variance"}
    pictures = {"ablation", "confusion_verdict_pocket-llava-toy", "confusion_defect_pocket-llava-toy"}
    expected = {f"{name}.csv" for name in tables} | {f"{name}.png" for name in pictures}
    assert {path.name for path in files.folder.iterdir()} == expected
    for path in files.figures:
        with Image.open(path) as picture:
            assert min(picture.size) > 300


def test_the_csv_agrees_with_scikit_learn(frame_of, info, tmp_path):
    frame = frame_of(classes=("part",))
    report(frame, tmp_path, info)
    table = pd.read_csv(tmp_path / "ablation.csv").set_index("cell")
    for cell, asks in frame.groupby("cell"):
        gold = (asks["gold"] == "yes").astype(int)
        said = asks["verdict"].map({"anomalous": 1, "normal": 0}).fillna(1 - gold)
        assert table.loc[cell, "accuracy"] == pytest.approx((said == gold).mean(), abs=1e-6)
        assert table.loc[cell, "balanced_accuracy"] == pytest.approx(balanced_accuracy_score(gold, said), abs=1e-6)
        assert table.loc[cell, "auroc"] == pytest.approx(roc_auc_score(gold, asks["anomaly_score"]), abs=1e-6)
        assert table.loc[cell, "coverage"] == pytest.approx(asks["verdict"].notna().mean(), abs=1e-6)
        assert table.loc[cell, "score_source"] == "forced yes/no"


def test_the_bounds_stand_around_the_answered_only_accuracy(told):
    table = pd.read_csv(told[1].ablation)
    bounds = table[["accuracy_if_anomalous", "accuracy_if_normal"]]
    assert (table["accuracy"] <= bounds.min(axis=1) + 1e-9).all()
    assert (table["accuracy_low"] <= table["accuracy"]).all()
    assert (table["accuracy"] <= table["accuracy_high"]).all()


def test_effects_are_the_mean_differences_of_the_cells_in_the_ablation_table(told):
    _, files = told
    cells = pd.read_csv(files.ablation)
    effects = pd.read_csv(files.effects).set_index(["ingredient", "measure"])
    for ingredient in ("class", "standard", "reference"):
        on = cells[f"ingredient_{ingredient}"] == 1
        for measure in ("recall", "overkill", "accuracy"):
            expected = cells.loc[on, measure].mean() - cells.loc[~on, measure].mean()
            assert effects.loc[(ingredient, measure), "difference"] == pytest.approx(expected, abs=1e-5)
    assert (effects["p_holm"] >= effects["p"]).all()
    assert effects.loc[("reference", "accuracy"), "p_holm"] < 0.05


def test_items_hold_every_ask_with_gold_claim_and_right_or_wrong(frame_of, fail_asks, info, tmp_path):
    frame = frame_of(classes=("part", "depth"), cells=info["cells"][:2])
    fail_asks(frame, frame.index == 3)
    frame.loc[5, "gold"] = "unknown"
    report(frame, tmp_path, info)
    items = pd.read_csv(tmp_path / "items.csv", keep_default_na=False)
    assert len(items) == len(frame)
    assert items.loc[3, "right"] == items.loc[5, "right"] == ""
    judged = items[items["right"] != ""]
    same = ((judged["claim"] == "anomalous") == (judged["gold"] == "yes")) & (judged["claim"] != "")
    assert (same == (judged["right"] == "right")).all()


def test_a_second_report_from_the_same_frame_is_the_same(frame_of, info, tmp_path):
    first, _ = report(frame_of(classes=("part", "depth"), cells=info["cells"][:2]), tmp_path / "a", info)
    second, _ = report(frame_of(classes=("part", "depth"), cells=info["cells"][:2]), tmp_path / "b", info)
    assert first == second
    for name in ("ablation.csv", "effects.csv", "items.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_no_global_state_of_matplotlib_is_imported():
    code = "import sys, vlm_eval.reports.write; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_repeats_are_averaged_within_an_item(frame_of, info, tmp_path):
    frame = frame_of(classes=("part",), repeats=3)
    report(frame, tmp_path, info)
    table = pd.read_csv(tmp_path / "ablation.csv").set_index("cell")
    assert set(table["items"]) == {30}
    bare = frame[frame["cell"] == "task"]
    right = (bare["verdict"] == np.where(bare["gold"] == "yes", "anomalous", "normal")).mean()
    assert table.loc["task", "accuracy"] == pytest.approx(right, abs=1e-6)


def test_technical_failures_are_missing_and_never_wrong(frame_of, fail_asks, info, tmp_path):
    frame = frame_of(classes=("part", "depth"), cells=info["cells"][:2])
    clean, _ = report(frame.drop(index=range(40)), tmp_path / "a", info)
    fail_asks(frame, frame.index < 40)
    text, _ = report(frame, tmp_path / "b", info)
    assert "40 failed: timeout" in " ".join(text.split())
    first, second = (pd.read_csv(tmp_path / name / "ablation.csv") for name in "ab")
    pd.testing.assert_frame_equal(first, second)
    assert clean.split("Outcomes")[0] == text.split("Outcomes")[0]


def test_a_run_in_progress_is_called_so(frame_of, fail_asks, info, tmp_path):
    frame = frame_of(classes=("part", "depth"), cells=info["cells"][:2])
    fail_asks(frame, frame.index >= 60, "open", None)
    text, _ = report(frame, tmp_path, info)
    assert "The run is not finished" in text
    assert "60 open" in text


def test_nothing_answered_gives_a_table_of_reasons(frame_of, fail_asks, info, tmp_path):
    frame = frame_of(classes=("part", "depth"), cells=info["cells"][:2])
    fail_asks(frame, slice(None), "open", None)
    text, files = report(frame, tmp_path, info)
    assert "no item has an answer" in text
    assert "nan" not in text.lower()
    assert files.confusions == ()
    assert pd.read_csv(files.ablation)["accuracy"].isna().all()


@pytest.mark.parametrize(("gold", "reason"), [("yes", "no normal items"), ("no", "no anomalous items")])
def test_one_class_only_says_why_the_rest_is_undefined(frame_of, info, tmp_path, gold, reason):
    frame = frame_of()
    text, _ = report(frame[frame["gold"] == gold].reset_index(drop=True), tmp_path, info)
    assert reason in text
    assert "nan" not in text.lower()


def test_one_cell_has_no_effects_and_says_so(frame_of, info, tmp_path):
    text, files = report(frame_of(cells=info["cells"][:1]), tmp_path, info)
    assert "there is no effect to tell" in text
    assert files.effects is None


def test_a_report_without_any_info_works(frame_of, tmp_path):
    text, files = report(frame_of(), tmp_path, {})
    assert "pocket-llava (toy) on demo" in text
    assert files.effects is None


def test_data_sets_and_models_never_mix(frame_of, info, tmp_path):
    frames = [frame_of(models=("a/b:c", "a-b-c")), frame_of(models=("a/b:c",), card="elpv", classes=("mono",))]
    text, files = report(pd.concat(frames, ignore_index=True), tmp_path, info)
    table = pd.read_csv(files.ablation)
    assert set(table.groupby(["model", "dataset"])["items"].max()) == {120, 30}
    assert len({path.name for path in files.figures}) == len(files.figures) == 2 + 2 * 3
    assert text.count("What each ingredient adds") == 3


def test_auroc_is_refused_where_yes_and_no_are_unlikely_words(frame_of, info, tmp_path):
    frame = frame_of()
    frame.loc[frame["cell"] == "task", "yes_no_mass"] = 0.3
    text, files = report(frame, tmp_path, info)
    assert "AUROC (task): refused: the median probability of yes and no is 0.30" in " ".join(text.split())
    table = pd.read_csv(files.ablation).set_index("cell")
    assert np.isnan(table.loc["task", "auroc"])
    assert "refused" in table.loc["task", "auroc_note"]
    assert table["auroc"].notna().sum() == 7


def test_auroc_without_scores_or_with_some_says_so(frame_of, info, tmp_path):
    frame = frame_of()
    frame.loc[frame["cell"] == "task", "anomaly_score"] = float("nan")
    frame.loc[(frame["cell"] == "task+class") & (frame["object_class"] == "part"), "anomaly_score"] = float("nan")
    text = " ".join(report(frame, tmp_path, info)[0].split())
    assert "AUROC (task): no scores: the forced yes/no follow-up was not asked" in text
    assert "AUROC (task+class): on 90 of 120 items; the others have no score" in text


def test_markup_in_names_is_printed_and_not_obeyed(frame_of, tmp_path):
    cells = [("[red]task[/red]", {"x": 0}), ("[/]$b_1$", {"x": 1})]
    frame = frame_of(models=("[bold]m[/bold]",), cells=cells)
    frame["object_class"] = frame["object_class"] + "[/]"
    frame["verdict_reason"] = frame["verdict_reason"].where(frame["verdict_reason"].isna(), "[/nope]")
    text, _ = report(frame, tmp_path, {"cells": cells, "datasets": {"demo": "[/x] $y"}})
    for words in ("[bold]m[/bold] on [/x] $y", "[red]task[/red]", "[/]$b_1$", "[/nope]"):
        assert words in text


def test_unknown_and_unanswerable_gold_is_in_no_rate_but_in_the_ledger(frame_of, info, tmp_path):
    frame = frame_of(classes=("part", "depth"), cells=info["cells"][:2])
    frame.loc[frame["sample_id"] == "demo/part/000.png", "gold"] = "unknown"
    text, files = report(frame, tmp_path, info)
    assert "In no rate: 1 items of unknown gold" in text
    assert set(pd.read_csv(files.ablation)["items"]) == {59}


def test_many_cells_stay_bounded_and_the_title_says_so(frame_of, tmp_path):
    cells = [(f"cell{number}", {"wording": number}) for number in range(20)]
    text, files = report(frame_of(cells=cells, classes=("part",)), tmp_path, {"cells": cells})
    assert len(files.figures) == 3
    assert len(pd.read_csv(tmp_path / "confusion_verdict.csv")["cell"].unique()) == 20
    assert "wording (0 to 19)" in text


def test_too_many_defect_types_are_left_to_the_csv(frame_of, info, tmp_path):
    frame = frame_of(classes=("part", "depth"), cells=info["cells"][:2])
    frame["defect_type"] = frame["defect_type"].where(frame["defect_type"].isna(), frame["sample_id"])
    text, files = report(frame, tmp_path, info)
    assert "no confusion figure is drawn" in text
    assert not any("defect" in path.name for path in files.figures)


def test_clusters_widen_the_interval_and_are_counted(frame_of, info, tmp_path):
    frame = frame_of(classes=("part", "depth"), cells=info["cells"][:2])
    report(frame, tmp_path / "a", info)
    frame["group"] = frame["object_class"] + frame["sample_id"].str[-6:-4].astype(int).mod(3).astype(str)
    text, _ = report(frame, tmp_path / "b", info)
    assert "in 6 clusters" in text
    alone, together = (pd.read_csv(tmp_path / name / "ablation.csv") for name in "ab")
    width = [(table["accuracy_high"] - table["accuracy_low"]).mean() for table in (alone, together)]
    assert width[1] > width[0]


def test_an_empty_frame_and_one_without_columns_are_refused_in_one_sentence(frame_of, info, tmp_path):
    with pytest.raises(InputError, match="holds no asks"):
        report(frame_of().iloc[:0], tmp_path, info)
    with pytest.raises(InputError, match="lacks the columns verdict"):
        report(frame_of().drop(columns="verdict"), tmp_path, info)
