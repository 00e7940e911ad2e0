import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vlm_eval.data import Dataset, load_dataset
from vlm_eval.data.check import check_dataset
from vlm_eval.data.demo import draw_demo
from vlm_eval.data.demo_recordings import FRAMES
from vlm_eval.flow import Sample
from vlm_eval.views.gold import gold_regions
from vlm_eval.views.open import open_views

ITEMS = {"cloud": 24, "signal": 24, "clip": 12}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("recorded")
    content = {"name": "tiny", "title": "Tiny", "reader": "demo", "licence": "CC0-1.0"}
    card = folder / "tiny.yaml"
    card.write_text(json.dumps({**content, "options": {"items": ITEMS, "train_items": 1}}), encoding="utf-8")
    return load_dataset(card, root=folder)


def of_kind(recorded: Dataset, kind: str, anomalous: str = "yes", defect: str | None = None) -> list[Sample]:
    return [
        sample
        for sample in recorded.samples
        if (sample.metadata["kind"], sample.gold.anomalous, sample.split) == (kind, anomalous, "test")
        and defect in (None, sample.gold.defect_type)
    ]


def pixels(sample: Sample) -> np.ndarray:
    data = open_views(sample.sources[0], "query", sample.recipe)[0].read()
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L")).astype(float)


def readings(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Return the readings, and which of them the gold interval holds."""
    table = pd.read_csv(sample.sources[0])
    (start, end), times = sample.gold.intervals[0], table["time"].to_numpy()
    return table["reading"].to_numpy(), (times >= start) & (times <= end)


def swing(values: np.ndarray) -> float:
    return float(np.ptp(values))


def test_every_kind_is_of_its_modality_and_shown_by_its_renderer(recorded: Dataset) -> None:
    assert {
        (sample.metadata["kind"], sample.modality, sample.recipe[0].operation) for sample in recorded.samples
    } == {
        ("cloud", "point-cloud", "project"),
        ("signal", "time-series", "plot"),
        ("clip", "video", "video"),
    }


def test_each_defect_type_of_a_kind_occurs_equally_often(recorded: Dataset) -> None:
    counts = Counter(sample.gold.defect_type for kind in ITEMS for sample in of_kind(recorded, kind))
    assert counts == {
        **dict.fromkeys(("dent", "bulge", "missing piece"), 4),
        **dict.fromkeys(("spike", "level shift", "dropout", "frequency change"), 3),
        "misplaced object": 6,
    }


def test_the_data_set_passes_its_own_check(recorded: Dataset) -> None:
    assert [finding for finding in check_dataset(recorded) if finding.level != "info"] == []


def test_the_labelled_points_of_a_dent_lie_below_the_sheet_and_those_of_a_bulge_above(recorded: Dataset) -> None:
    for defect, sign in (("dent", -1), ("bulge", 1)):
        for sample in of_kind(recorded, "cloud", defect=defect):
            cloud = np.load(sample.sources[0])
            known = np.loadtxt(sample.gold.masks[0], delimiter=",")
            assert (known[:, 3] == 1).all()
            middle, far = known[:, :2].mean(axis=0), 1.6 * np.ptp(known[:, :2], axis=0).max() / 2
            away = np.hypot(*(cloud[:, :2] - middle).T)
            around = cloud[(away > far) & (away < 1.4 * far)]
            centre = cloud[away < 0.3 * far]
            assert sign * (centre[:, 2].mean() - around[:, 2].mean()) > 2, sample.id  # millimetres


def test_no_point_is_left_where_a_piece_is_missing(recorded: Dataset) -> None:
    for sample in of_kind(recorded, "cloud", defect="missing piece"):
        cloud = np.load(sample.sources[0])
        known = np.loadtxt(sample.gold.masks[0], delimiter=",")
        assert len(cloud) + len(known) == len(np.load(of_kind(recorded, "cloud", "no")[0].sources[0]))
        nearest = min(np.hypot(*(cloud[:, :2] - known[:, :2].mean(axis=0)).T))
        assert nearest > 4, sample.id


def test_gold_of_a_cloud_projects_to_where_its_picture_changes(recorded: Dataset) -> None:
    """A missing piece is white, a dent or bulge has a lit and a shaded flank; the place names the mask's cell."""
    for sample in of_kind(recorded, "cloud"):
        mask, seen = gold_regions(sample)[0], pixels(sample)
        assert mask.shape == seen.shape == (448, 448)
        if sample.gold.defect_type == "missing piece":
            assert np.median(seen[mask]) > 250 > np.median(seen[~mask])
        else:
            assert np.ptp(seen[mask]) > 60, sample.id
        down, right = (places.mean() / 448 for places in np.nonzero(mask))
        words = (
            f"{('top', '', 'bottom')[int(3 * down)]} {('left', '', 'right')[int(3 * right)]}".strip() or "center"
        )
        assert sample.gold.place == words, sample.id


def test_a_spike_leaves_the_range_of_all_other_readings(recorded: Dataset) -> None:
    for sample in of_kind(recorded, "signal", defect="spike"):
        values, inside = readings(sample)
        assert inside.sum() == 5
        assert np.abs(values[inside] - 20).max() > np.abs(values[~inside] - 20).max() * 1.3


def test_a_level_shift_moves_the_mean_and_keeps_the_swing(recorded: Dataset) -> None:
    for sample in of_kind(recorded, "signal", defect="level shift"):
        values, inside = readings(sample)
        assert abs(values[inside].mean() - values[~inside].mean()) > 3
        assert 0.7 < swing(values[inside]) / swing(values[~inside]) < 1.3


def test_readings_stand_still_during_a_dropout_only(recorded: Dataset) -> None:
    for sample in of_kind(recorded, "signal", defect="dropout"):
        values, inside = readings(sample)
        assert swing(values[inside]) < 0.3 < 5 < swing(values[~inside])


def test_the_frequency_doubles_inside_the_interval_of_a_frequency_change(recorded: Dataset) -> None:
    def pace(values: np.ndarray) -> float:
        smooth = np.convolve(values - values.mean(), np.ones(5) / 5, "valid")
        return float((np.diff(np.sign(smooth)) != 0).sum()) / len(smooth)

    for sample in of_kind(recorded, "signal", defect="frequency change"):
        values, inside = readings(sample)
        assert 1.4 < pace(values[inside]) / pace(values[~inside]) < 2.8, sample.id


def test_gold_intervals_lie_within_the_range_that_the_metadata_state(recorded: Dataset) -> None:
    for kind in ("signal", "clip"):
        for sample in of_kind(recorded, kind):
            start, end = sample.gold.intervals[0]
            assert sample.metadata["start"] <= start < end <= sample.metadata["end"], sample.id


def test_a_clip_shows_its_object_out_of_place_in_the_frames_of_its_gold_alone(recorded: Dataset) -> None:
    for sample in of_kind(recorded, "clip"):
        folder, (start, end) = sample.sources[0].parent, sample.gold.intervals[0]
        frames = [np.asarray(Image.open(file).convert("L")).astype(float) for file in sorted(folder.iterdir())]
        assert len(frames) == FRAMES
        gold = [int(mask.stem) for mask in sample.gold.masks]
        assert gold == list(range(int(start), int(end) + 1))
        mask = np.asarray(Image.open(sample.gold.masks[0])) > 0
        seen = [frame[mask] / frame.mean() for frame in frames]
        first = next(number for number in range(FRAMES) if number not in gold)
        changed = [float(np.abs(one - seen[first]).mean()) for one in seen]
        others = [change for number, change in enumerate(changed) if number not in gold]
        assert min(changed[number] for number in gold) > 3 * max(others), sample.id


def test_at_least_one_of_the_frames_that_are_shown_of_an_anomalous_clip_is_anomalous(recorded: Dataset) -> None:
    """Two frames of twelve are shown, the middles of both halves."""
    for sample in of_kind(recorded, "clip"):
        start, end = sample.gold.intervals[0]
        assert start <= 3 <= end or start <= 9 <= end, sample.id


def test_nothing_but_light_and_noise_changes_in_a_normal_clip(recorded: Dataset) -> None:
    for sample in of_kind(recorded, "clip", "no"):
        frames = [
            np.asarray(Image.open(file)).astype(float) for file in sorted(sample.sources[0].parent.iterdir())
        ]
        scaled = [frame / frame.mean() for frame in frames]
        assert max(np.abs(frame - scaled[0]).mean() for frame in scaled) < 0.05, sample.id


def test_recordings_are_the_same_whenever_they_are_made(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw_demo(tmp_path / name, {"cloud": 2, "signal": 2, "clip": 2}, train_items=0)
    files = [file.relative_to(tmp_path / "a") for file in sorted((tmp_path / "a").rglob("*")) if file.is_file()]
    assert {file.suffix for file in files} == {".npy", ".csv", ".jpg", ".png", ".jsonl"}
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)
