"""The choice among candidates from the frames of runs, its tables, and its command."""

import pandas as pd
import pytest
from PIL import Image
from rich.console import Console
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from vlm_eval.cli.main import app
from vlm_eval.errors import InputError
from vlm_eval.reports.selection import candidate_rows, read_candidates, selections, statistic_rows, task_rows
from vlm_eval.reports.selection_shown import show_candidates
from vlm_eval.reports.selection_table import candidates_table, notes, selection_figure, strategies_table


@pytest.fixture
def frames(frame_of):
    made, real = (frame_of(card=card, per_class=40, seed=seed) for card, seed in (("made", 1), ("demo", 2)))
    return [made.assign(round=0), real.assign(round=0)]


def test_the_candidates_are_the_cells_and_their_aurocs_those_of_the_classes(frames):
    candidates = read_candidates(frames, "made", "demo")
    assert len(candidates.names) == 8 and set(candidates.tasks) == {"part", "series", "depth", "scene"}
    found = selections(candidates)
    own = frames[1][frames[1]["cell"] == "task"]
    areas = [
        roc_auc_score(part["gold"] == "yes", part["anomaly_score"]) for _, part in own.groupby("object_class")
    ]
    row = next(
        row for row in candidate_rows(candidates, found) if (row["variant"], row["candidate"]) == ("rest", "task")
    )
    assert row["auroc_real"] == pytest.approx(sum(areas) / 4, abs=1e-6)
    assert {row["statistic"] for row in statistic_rows(found)} >= {"regret", "rank_correlation", "matches"}
    assert len(task_rows(candidates, found)) == 3 * 4


def test_the_tables_say_what_was_chosen_and_fit_80_columns(frames):
    candidates = read_candidates(frames, "made", "demo", default="task")
    found = selections(candidates)
    console = Console(width=80, record=True, color_system=None)
    console.print(candidates_table(candidates, found))
    for variant, selection in found.items():
        console.print(strategies_table(selection, variant))
    for note in notes(candidates, found):
        console.print(note)
    text = console.export_text()
    assert "the synthetic anomalies choose" in text and "default" in text and "best of each task (oracle)" in text
    assert max(map(len, text.splitlines())) <= 80
    assert len(selection_figure(candidates, found).axes) == 3


def test_without_real_labels_the_candidates_are_only_ranked(frames):
    candidates = read_candidates(frames[:1], "made")
    assert selections(candidates) == {}
    ranks = [row["auroc_synthetic"] for row in candidate_rows(candidates, {})]
    assert ranks == sorted(ranks, reverse=True) and len(ranks) == 8


def test_items_that_one_candidate_has_no_score_for_are_left_out_for_all_and_counted(frames, fail_asks):
    fail_asks(frames[1], (frames[1]["cell"] == "task") & frames[1]["sample_id"].str.endswith("/003.png"))
    candidates = read_candidates(frames, "made", "demo")
    assert candidates.real is not None and candidates.real.left_out == 4
    assert "Left out" in notes(candidates, {})[-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"synthetic": "absent"}, "No answer about 'absent' has an anomaly score. Scored are: made, demo"),
        ({"default": "nobody"}, "--default 'nobody' is no candidate. Candidates: task"),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_those_that_are(frames, change, message):
    with pytest.raises(InputError, match=message):
        read_candidates(frames, **({"synthetic": "made", "real": "demo"} | change))


def test_real_items_that_the_synthetic_ones_were_made_of_are_left_out_and_counted(frames):
    real = frames[1]
    scenes = set(real.loc[real["gold"] == "no", "group"].drop_duplicates().iloc[:7])
    frames[0] = frames[0].assign(group=sorted(scenes)[0])
    frames[0].loc[frames[0].index[: len(scenes)], "group"] = sorted(scenes)
    candidates = read_candidates(frames, "made", "demo")
    expected = real.loc[~real["group"].isin(scenes), "sample_id"].nunique()
    assert candidates.real is not None and candidates.real.items.gold.size == expected
    assert candidates.scenes == real["sample_id"].nunique() - expected >= 7
    assert any(f"Left out of the real set: {candidates.scenes} items" in note for note in notes(candidates, {}))


def test_a_real_set_of_nothing_but_scenes_says_why_there_is_no_task(frames):
    groups = [*frames[1]["group"].drop_duplicates()]
    made = pd.concat([frames[0].assign(group=name) for name in groups[:1]])
    real = frames[1].assign(group=groups[0])
    with pytest.raises(InputError, match=r"\d+ real items were left out: the synthetic ones were made of them"):
        read_candidates([made, real], "made", "demo")


def test_where_every_class_has_one_kind_of_anomaly_the_variants_are_told_once(frames, tmp_path):
    console = Console(width=100, record=True, color_system=None)
    show_candidates(read_candidates(frames, "made", "demo"), tmp_path, console)
    assert "one-vs-one average, percent" in console.export_text()
    single = [frame.assign(defect_type=frame["object_class"] + " defect") for frame in frames]
    candidates = read_candidates(single, "made", "demo")
    show_candidates(candidates, tmp_path, console)
    text = console.export_text()
    assert "one-vs-one average, percent" not in text and "one kind of anomaly" in text
    table = pd.read_csv(tmp_path / "selection_statistics.csv").pivot(
        index="statistic", columns="variant", values="value"
    )
    assert (table["rest"] == table["average"]).all() and (table["rest"] == table["closest"]).all()


def test_one_class_can_be_looked_at_alone(frames):
    candidates = read_candidates(frames, "made", "demo", task="depth")
    assert candidates.tasks == ("depth",) and candidates.real is not None
    assert (
        candidates.real.items.gold.size
        == frames[1].loc[frames[1]["object_class"] == "depth", "sample_id"].nunique()
    )
    with pytest.raises(
        InputError, match=r"No scored item is of the class 'ring'\. Classes: depth, part, scene, series"
    ):
        read_candidates(frames, "made", "demo", task="ring")


def test_one_candidate_is_no_choice(frames):
    with pytest.raises(InputError, match="nothing to choose from: 1 candidates"):
        read_candidates([frame[frame["cell"] == "task"] for frame in frames], "made", "demo")


def test_classes_without_anomalies_on_one_side_are_no_task(frames):
    frames[0] = pd.concat([frames[0][frames[0]["object_class"] != "part"]])
    assert read_candidates(frames, "made", "demo").tasks == ("series", "depth", "scene")
    normal = frames[0][frames[0]["gold"] == "no"]
    with pytest.raises(InputError, match="No object class has normal and anomalous items"):
        read_candidates([normal, frames[1]], "made", "demo")


def test_the_command_writes_the_tables_and_the_figure(tmp_path):
    for card in ("made", "real"):
        for index in range(12):
            folder = tmp_path / card / ("normal" if index % 2 == 0 else "anomalous")
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (24, 24), (index * 20, 90, 200 - index * 10)).save(folder / f"{index:02d}.png")
        arguments = [
            "run",
            "--dataset",
            str(tmp_path / card),
            "--model",
            "scripted:coin",
            "--ablate",
            "reference",
        ]
        result = CliRunner().invoke(app, [*arguments, "--yes-no", "--out", str(tmp_path / f"run-{card}")])
        assert result.exit_code == 0, result.output
    runs = [str(tmp_path / f"run-{card}") for card in ("made", "real")]
    result = CliRunner().invoke(
        app, ["select", *runs, "--synthetic", "made", "--real", "real", "--object-class", "object"]
    )
    assert result.exit_code == 0, (result.output, result.exception)
    written = {path.name for path in (tmp_path / "run-made" / "report").iterdir()}
    assert written >= {
        "selection_candidates.csv",
        "selection_statistics.csv",
        "selection_tasks.csv",
        "selection.png",
    }
