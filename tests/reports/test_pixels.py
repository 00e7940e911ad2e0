"""Score maps against gold regions, and the baseline's row beside the models."""

from io import StringIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console
from sklearn.metrics import average_precision_score, roc_auc_score

from vlm_eval.backends.patch_nn import PatchNearestNeighbour
from vlm_eval.backends.registry import open_backend
from vlm_eval.errors import InputError
from vlm_eval.reports.compare import Address, compare
from vlm_eval.reports.gate import check_gate
from vlm_eval.reports.html_write import write_page
from vlm_eval.reports.pixels import MOST_PIXELS, common_side, pixel_rows
from vlm_eval.reports.run_info import read_info
from vlm_eval.reports.scored_tables import show_scored
from vlm_eval.reports.write import write_report
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.runs.store import Store

BASELINE = "baseline:patch-nn"
SIZE = 56


def blocks(pictures):
    stack = np.stack(pictures).astype(np.float32)
    return stack.reshape(len(pictures), 14, 16, 14, 16, 3).mean(axis=(2, 4))


def open_with(spec, scratch):
    return PatchNearestNeighbour(blocks) if spec.model.family == "baseline" else open_backend(spec, scratch)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run over bottles: four good, three with a dark square and its mask, one broken bottle without a mask."""
    place = tmp_path_factory.mktemp("pixels")
    root = place / "mvtec" / "bottle"
    generator = np.random.default_rng(0)
    for split, kind, count in (("train", "good", 3), ("test", "good", 4), ("test", "broken_large", 4)):
        for number in range(count):
            pixels = generator.integers(80, 160, (SIZE, SIZE, 3)).astype(np.uint8)
            if kind != "good":
                mask = np.zeros((SIZE, SIZE), dtype=np.uint8)
                mask[8 * number : 8 * number + 12, 20:34] = 255
                pixels[mask > 0] = pixels[mask > 0] // 2
                if number < 3:
                    save(root / "ground_truth" / kind / f"{number}_mask.png", mask)
            save(root / split / kind / f"{number}.png", pixels)
    experiment = {
        "dataset": "mvtec-ad",
        "roots": {"mvtec-ad": str(place / "mvtec")},
        "models": [BASELINE, "scripted:coin"],
        "grid": {"class": [0, 1]},
        "support": "train",
    }
    execute(make_plan(parse_experiment(experiment, "test")), place / "run", open_with=open_with)
    return place / "run"


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def report(folder, target):
    console = Console(file=StringIO(), width=100)
    write_report(read_frame(folder), target, info=read_info(folder), console=console)
    show_scored(folder, target, console)
    return console.file.getvalue()


def test_the_pixels_are_compared_as_scikit_learn_compares_them(folder):
    with Store(folder) as store:
        (row,) = pixel_rows(store)
        found = store.connection.execute(
            "SELECT sample.sample_id, ask.sample, outcome.data ->> 'score_map_digest' FROM ask "
            "JOIN sample ON sample.id = ask.sample JOIN outcome USING (request) JOIN cell ON cell.id = ask.cell "
            "WHERE outcome.data ->> 'score_map_digest' IS NOT NULL AND cell.name = ?",
            (row.cells[0],),
        ).fetchall()
    scores, golds = [], []
    for name, number, digest in found:
        region = folder / "regions" / f"{number}.png"
        if "broken" in name and not region.exists():
            continue
        scores.append(np.array(Image.fromarray(np.load(folder / "maps" / digest)).resize((SIZE, SIZE), 2)).ravel())
        gold = np.array(Image.open(region)) if region.exists() else np.zeros((SIZE, SIZE), dtype=bool)
        golds.append(gold.ravel())
    score, gold = np.concatenate(scores), np.concatenate(golds)
    assert (row.pictures, row.without_region, row.side) == (7, 1, SIZE)
    assert (row.metrics.pixels, row.metrics.anomalous, row.metrics.regions) == (7 * SIZE**2, gold.sum(), 3)
    assert row.metrics.auprc == pytest.approx(average_precision_score(gold, score), abs=1e-9)
    assert row.metrics.auprc > 0.9 > gold.mean()


def test_cells_with_the_same_maps_are_one_row_of_the_table_and_each_a_row_of_the_file(folder, tmp_path):
    printed = report(folder, tmp_path)
    table = pd.read_csv(tmp_path / "pixels.csv")
    assert list(table["model"]) == [BASELINE] * 2 and table["cell"].nunique() == 2
    assert table["auprc"].nunique() == 1
    assert f"Pixels: {BASELINE} on mvtec-ad" in printed
    assert "Left out: 1 anomalous pictures without a gold region." in printed


def test_the_baseline_stands_beside_the_models_by_its_scores_and_claims_nothing(folder, tmp_path):
    printed = report(folder, tmp_path)
    table = pd.read_csv(tmp_path / "ablation.csv").set_index(["model", "cell"])
    baseline, model = table.loc[BASELINE], table.loc["scripted:coin"]
    assert set(baseline["score_source"]) == {"baseline"} and baseline["auroc"].notna().all()
    claims = ["accuracy", "balanced_accuracy", "recall", "overkill", "miss", "yes_rate", "coverage", "d_prime"]
    assert baseline[claims].isna().all(axis=None)
    assert baseline["accuracy_note"].str.contains("claims nothing").all()
    assert model[["accuracy", "recall", "overkill"]].notna().all(axis=None)
    frame = read_frame(folder)
    own = frame[(frame["model"] == BASELINE) & (frame["cell"] == frame["cell"].iloc[0])]
    expected = roc_auc_score(own["gold"] == "yes", own["anomaly_score"])
    assert baseline["auroc"].iloc[0] == pytest.approx(expected, abs=1e-6)
    assert "Scores: baseline; a baseline claims nothing" in printed
    assert "2 cells" in printed


def test_files_about_claims_leave_the_baseline_out(folder, tmp_path):
    report(folder, tmp_path)
    assert not (tmp_path / "models.csv").exists()  # one model and a baseline: nothing to compare by claims
    classes = pd.read_csv(tmp_path / "classes.csv").set_index("model")
    assert classes.loc[BASELINE, "auroc"].notna().all() and classes.loc[BASELINE, "accuracy"].isna().all()
    for name in ("confusion_verdict", "effects", "choice", "risk_coverage", "no_claims"):
        path = tmp_path / f"{name}.csv"
        if path.exists():
            assert BASELINE not in set(pd.read_csv(path)["model"]), name
    assert BASELINE not in set(pd.read_csv(tmp_path / "confusion_verdict.csv")["model"])


def test_a_gate_and_a_comparison_leave_baselines_out_and_refuse_them_by_name(folder):
    frame, info = read_frame(folder), read_info(folder)
    lines = check_gate(frame, info, {"miss": 0.5})
    assert {line.model for line in lines} == {"scripted:coin"}
    with pytest.raises(InputError, match="baseline:patch-nn: a baseline claims nothing"):
        check_gate(frame, info, {"miss": 0.5}, model=BASELINE)
    one, other = Address(folder, BASELINE), Address(folder, "scripted:coin")
    with pytest.raises(InputError, match="needs claims"):
        compare(frame, frame, one, other)
    assert len(compare(frame, frame, other, Address(folder)).pairs) == 2


def test_a_page_tells_the_ranking_of_a_baseline_and_no_accuracy(folder, tmp_path):
    page = write_page([folder], tmp_path / "page.html")
    (words,) = [text for text in page.summaries if text.startswith(BASELINE)]
    assert "ranks the items by a score" in words and "accuracy" not in words


def test_a_run_without_score_maps_has_no_pixel_file(parts, tmp_path):
    plan = make_plan(parse_experiment({"dataset": str(parts), "models": ["scripted:no"]}, "test"))
    execute(plan, tmp_path / "run")
    target = tmp_path / "report"
    target.mkdir()
    (target / "pixels.csv").write_text("of an earlier report", encoding="utf-8")
    assert "Pixels" not in report(tmp_path / "run", target)
    assert not (target / "pixels.csv").exists()


def test_many_pictures_are_compared_smaller_so_that_memory_is_bounded():
    assert common_side([(100, 80)] * 10) == 100
    assert common_side([(4000, 3000)]) == 256
    side = common_side([(900, 900)] * 10_000)
    assert 10 <= side < 256 and 10_000 * side**2 <= MOST_PIXELS
