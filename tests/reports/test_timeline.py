"""Scores of windows and frames along time, against scikit-learn on every frame."""

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from vlm_eval.reports.timeline import timeline_file_rows, timeline_rows, timeline_tables
from vlm_eval.runs.frame import COLUMNS
from vlm_eval.runs.tracks import TrackItem, Tracks

sklearn = pytest.importorskip("sklearn.metrics")
FRAMES, WIDTH = 120, 20


def run_of(seed=0, clips=8, repeats=1):
    """Make views, tracks, and truth and score of each frame of each clip; the last two clips are normal."""
    draw = np.random.default_rng(seed)
    rows, items, spans, frames = [], {}, {}, []
    for clip in range(clips):
        start = int(draw.integers(10, 80))
        gold = ((float(start), float(start + 25)),) if clip < clips - 2 else ()
        moments = np.arange(FRAMES) + 0.5
        truth = np.array([any(a < moment < b for a, b in gold) for moment in moments])
        score = np.zeros(FRAMES)
        for window in range(FRAMES // WIDTH):
            inside = slice(window * WIDTH, (window + 1) * WIDTH)
            said = np.round(0.4 * truth[inside].mean() + draw.random((repeats,)) * 0.6, 2)
            score[inside] = round(said.mean(), 12)
            name = f"k/{clip}#{window}"
            clipped = tuple((max(a, inside.start), min(b, inside.stop)) for a, b in gold)
            items[name] = TrackItem(f"clip {clip}", True, tuple(one for one in clipped if one[0] < one[1]), 1.0)
            for repeat in range(repeats):
                spans[len(rows)] = (float(inside.start), float(inside.stop))
                rows.append(
                    dict.fromkeys(COLUMNS)
                    | {
                        "model": "m", "cell": "c", "card": "k", "sample_id": name, "object_class": "road",
                        "group": f"k/{clip}", "gold": "no", "round": 0, "repeat": repeat, "status": "answered",
                        "anomaly_score": said[repeat], "view": 0, "ask": len(rows),
                    }
                )  # fmt: skip
        frames.append((truth, score))
    return pd.DataFrame(rows), Tracks(items, spans), frames


@pytest.mark.parametrize(("seed", "repeats"), [(0, 1), (1, 1), (2, 3)])
def test_frames_rank_as_scikit_learn_says_in_each_clip_and_pooled(seed, repeats):
    views, tracks, frames = run_of(seed, repeats=repeats)
    (row,) = timeline_rows(views, tracks)
    ranked = [(truth, score) for truth, score in frames if truth.any()]
    truth, score = (np.concatenate(parts) for parts in zip(*frames, strict=True))
    expected = {
        "auroc": np.mean([sklearn.roc_auc_score(*one) for one in ranked]),
        "auroc_pooled": sklearn.roc_auc_score(truth, score),
        "aupr": np.mean([sklearn.average_precision_score(*one) for one in ranked]),
        "aupr_pooled": sklearn.average_precision_score(truth, score),
    }
    assert {name: one.value for name, one in row.measures.items()} == pytest.approx(expected)
    assert (row.tracks, row.ranked) == (8, 6)
    assert row.anomalous == pytest.approx(truth.mean())
    for one in row.measures.values():
        assert one.low < one.value < one.high
    assert row.measures["auroc_pooled"].clusters == 8


def test_time_without_a_score_is_left_out():
    views, tracks, frames = run_of()
    gone = views["sample_id"].isin([f"k/{clip}#2" for clip in range(8)])
    views.loc[gone, "anomaly_score"] = np.nan
    kept = np.r_[0:40, 60:120]
    truth, score = (np.concatenate([part[kept] for part in parts]) for parts in zip(*frames, strict=True))
    (row,) = timeline_rows(views, tracks)
    assert row.measures["auroc_pooled"].value == pytest.approx(sklearn.roc_auc_score(truth, score))


def test_whole_clips_with_one_score_each_have_no_timeline():
    views, tracks, _ = run_of()
    assert timeline_rows(views[views["sample_id"].str.endswith("#0")], tracks) == []


def test_normal_clips_alone_say_why_nothing_is_ranked():
    views, tracks, _ = run_of()
    normal = views[views["group"].isin(["k/6", "k/7"])]
    (row,) = timeline_rows(normal, tracks)
    assert {one.value for one in row.measures.values()} == {None}
    assert row.measures["auroc"].reason == "no series or clip has both normal and anomalous time"


def test_table_and_file_hold_every_measure():
    views, tracks, _ = run_of()
    rows = timeline_rows(views, tracks)
    console = Console(width=100, record=True)
    for table in timeline_tables(rows):
        console.print(table)
    text = " ".join(console.export_text().split())
    assert "Along time: m on k" in text and "6/8" in text and "weighted by time" in text
    (line,) = timeline_file_rows(rows)
    assert {
        "auroc",
        "auroc_low",
        "auroc_pooled_high",
        "aupr",
        "aupr_pooled_low",
        "tracks",
        "ranked",
    } <= line.keys()
