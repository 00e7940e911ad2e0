from pathlib import Path

import pytest

from vlm_eval.data.cards import check_card
from vlm_eval.data.samples import SampleMaker
from vlm_eval.data.video_windows import LabelledVideo, VideoOptions, runs, video_samples, windows

CARD = {
    "name": "streets", "title": "Streets", "reader": "ucsd", "licence": "none", "modality": "video",
    "views": {"video": {"frames": 2}},
}  # fmt: skip


def samples(anomalies, frames=100, length=20, share=0.5):
    video = LabelledVideo(Path("a.mp4"), "a.mp4", "street", frames, anomalies)
    maker = SampleMaker(check_card(CARD, "streets.yaml"))
    return list(video_samples(maker, video, VideoOptions(length=length, share=share)))


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (40, [(0, 19), (20, 39)]),
        (49, [(0, 19), (20, 48)]),  # a short rest joins the last window
        (50, [(0, 19), (20, 39), (40, 49)]),
        (7, [(0, 6)]),
    ],
)
def test_windows_cover_every_frame_once(frames, expected) -> None:
    assert windows(frames, 20) == expected


def test_a_window_is_anomalous_by_the_share_of_its_frames() -> None:
    found = samples(((25, 44), (60, 60)))
    assert [sample.gold.anomalous for sample in found] == ["no", "yes", "unknown", "unknown", "no"]
    assert [sample.gold.intervals for sample in found] == [(), ((25, 39),), ((40, 44),), ((60, 60),), ()]
    assert [sample.gold.defect_type for sample in found] == [None, "anomaly", None, None, None]


def test_a_reference_is_shown_as_a_whole_and_an_item_by_its_frames() -> None:
    second = samples(())[1]
    assert dict(second.recipe[0].parameters) == {"start": "20", "end": "39", "unit": "frame", "frames": 2}
    assert dict(second.reference_recipe[0].parameters) == {"frames": 2}
    assert {sample.group for sample in samples(())} == {"streets/a.mp4"}


def test_runs_are_the_stretches_of_flags() -> None:
    assert runs([True, True, False, True, False, False, True]) == ((0, 1), (3, 3), (6, 6))
    assert runs([]) == () == runs([False, False])
