"""The stretch of time that a view shows, against what is drawn."""

from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from vlm_eval.flow import Gold, Sample
from vlm_eval.views.one_view import count_query_views, one_view
from vlm_eval.views.open import make_recipe
from vlm_eval.views.plot_frame import time_span
from vlm_eval.views.series_files import read_series
from vlm_eval.views.settings import Plot, Video, read_settings
from vlm_eval.views.shown_time import shown_time
from vlm_eval.views.video_times import shown_frames


def spans(modality, path, steps, **metadata):
    sample = Sample(
        "k/1", "k", modality, (path,), "thing", Gold("no"), "k/1", recipe=make_recipe(steps), metadata=metadata
    )
    return [shown_time(one_view(sample, number)) for number in range(count_query_views(sample))]


@pytest.fixture
def series(tmp_path):
    path = tmp_path / "series.csv"
    path.write_text("time,value\n" + "".join(f"{5 + 2 * row},{row % 7}\n" for row in range(51)))
    return path


def test_the_windows_of_a_series_are_those_that_are_drawn(series):
    steps = {"plot": {"windows": 4, "overlap": 0.25}}
    drawn = read_series(series.read_bytes(), series)
    expected = [time_span(drawn, Plot(windows=4, overlap=0.25, window=number)) for number in range(4)]
    assert spans("time-series", series, steps) == expected
    assert expected[0][0] == 5 and expected[-1][1] == pytest.approx(105)


def test_what_steps_state_goes_before_metadata_and_metadata_before_the_file(series):
    assert spans("time-series", series, {"plot": {"start": "15", "end": "25"}}, start=0, end=9) == [(15, 25)]
    assert spans("time-series", series, {"plot": {"windows": 2}}, start=10, end=30) == [(10, 20), (20, 30)]
    assert spans("time-series", series, {"plot": {"start": "65"}}) == [(65, 105)]
    assert spans("time-series", series, {"text": {"points": 9}}, start=10, end=30) == [(10, 30)]


@pytest.mark.parametrize("step", [{"frames": 4}, {"every": 3.0, "frames": 4}, {"times": "1, 4, 10"}])
def test_a_frame_stands_for_a_part_of_the_clip_that_holds_it_and_parts_do_not_overlap(step):
    metadata = {"start": 0, "end": 11, "step": 1}
    found = spans("video", Path("clip.mp4"), {"video": {"unit": "frame", **step}}, **metadata)
    settings = Video(unit="frame", **step)
    frames = shown_frames(settings, 12, 25.0)
    assert len(found) == len(frames)
    assert all(start <= frame < end for (start, end), frame in zip(found, frames, strict=True))
    assert all(one[1] <= other[0] for one, other in pairwise(found))
    assert found[0][0] == 0 and found[-1][1] == 12


def test_seconds_of_the_steps_become_frames_of_the_metadata():
    metadata = {"start": 0, "end": 49, "time_unit": "frame", "fps": 10}
    found = spans("video", Path("clip.mp4"), {"video": {"every": 1.0, "frames": 3}}, **metadata)
    assert found == [(0, 10), (10, 20), (20, 30)]
    assert spans("video", Path("clip.mp4"), {"video": {"frames": 2}}, **metadata) == [(0, 25), (25, 50)]


def test_a_folder_of_frames_is_as_long_as_it_has_frames(tmp_path):
    for number in range(6):
        Image.new("L", (8, 8)).save(tmp_path / f"{number}.png")
    shown = {"video": {"unit": "frame", "frames": 3}}
    assert spans("video", tmp_path / "0.png", shown) == [(0, 2), (2, 4), (4, 6)]
    assert spans("video", tmp_path / "0.png", {"video": {"frames": 1, "rate": 2.0}}) == [(0, 3)]
    sheet = {"video": {"unit": "frame", "layout": "sheet", "start": "1", "end": "4"}}
    assert spans("video", tmp_path / "0.png", sheet) == [(1, 5)]


def test_nothing_is_said_where_it_is_not_known(tmp_path, series):
    assert spans("video", Path("clip.mp4"), {"video": {"frames": 2}}) == [None, None]
    assert (
        spans("video", Path("clip.mp4"), {"video": {"at": "changes", "frames": 2}}, start=0, end=9) == [None] * 2
    )
    assert spans("time-series", tmp_path / "gone.csv", {"plot": {}}) == [None]
    assert spans("image", series, {"tile": {"k": 1}}) == [None]


def test_a_window_of_frames_that_the_reader_cut_is_shown_whole():
    steps = {"video": {"start": "64", "end": "127", "unit": "frame", "frames": 2}}
    assert spans("video", Path("clip.mp4"), steps, start=64, end=127, step=1) == [(64, 96), (96, 128)]
    assert read_settings(make_recipe(steps)[0], Video).end == "127"
