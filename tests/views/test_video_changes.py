"""Frames at change points: a clip whose changes are known, as a video and as a folder of frames."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlm_eval.errors import BadInputError, InputError
from vlm_eval.views.open import make_recipe, open_views
from vlm_eval.views.settings import Video
from vlm_eval.views.video_changes import SIDE, change_frames

av = pytest.importorskip("av")
CUTS = (7, 22, 40)  # the first frame of each new scene
GREYS = (30, 120, 200, 70)


def scene(number: int) -> Image.Image:
    """Draw an even scene with a small square that moves a little in each frame."""
    pixels = np.full((48, 64, 3), GREYS[sum(number >= cut for cut in CUTS)], np.uint8)
    pixels[20:24, number : number + 4] = 250
    return Image.fromarray(pixels)


def write(path: Path, frames: int = 60) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 64, 48, "yuv420p", 4_000_000
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_image(scene(number))))
        container.mux(stream.encode())
    return path


def shown(path: Path, **steps) -> list[float]:
    """Return the grey of the scenes that are shown."""
    views = open_views(path, "query", make_recipe({"video": {"at": "changes", **steps}}))
    pictures = [np.asarray(Image.open(io.BytesIO(view.read())).convert("L")) for view in views]
    return [float(np.median(picture)) for picture in pictures]


@pytest.fixture(params=["video", "folder"])
def clip(request, tmp_path: Path) -> Path:
    if request.param == "video":
        return write(tmp_path / "a.mp4")
    for number in range(60):
        scene(number).save(tmp_path / f"{number}.png")
    return tmp_path / "0.png"


def test_the_first_frame_of_each_new_scene_is_shown_in_order_of_time(clip) -> None:
    assert shown(clip, frames=3, rate=10) == pytest.approx(GREYS[1:], abs=3)
    assert shown(clip, frames=3, rate=10) == shown(clip, frames=3, rate=10)


def test_the_largest_changes_come_first(clip) -> None:
    assert shown(clip, frames=1, rate=10) == pytest.approx([GREYS[3]], abs=3)  # 200 to 70
    assert shown(clip, frames=2, rate=10) == pytest.approx([GREYS[1], GREYS[3]], abs=3)


def test_only_the_stretch_from_start_to_end_is_searched(clip) -> None:
    assert shown(clip, frames=1, start="1", end="3", rate=10) == pytest.approx([GREYS[2]], abs=3)
    assert shown(clip, frames=1, start="0", end="21", unit="frame", rate=10) == pytest.approx([GREYS[1]], abs=3)
    with pytest.raises(BadInputError, match="no frame at frame 99"):
        shown(clip, frames=1, end="99", unit="frame", rate=10)


def small(greys) -> list:
    return [(number, np.full((SIDE, SIDE), grey, np.uint8)) for number, grey in enumerate(greys)]


def test_one_long_movement_does_not_take_all_frames() -> None:
    greys = [0, 0, 0, 40, 80, 120, 160, *[160] * 8, *[190] * 9]
    assert change_frames(small(greys), Video(frames=2, at="changes"), 24, 25) == (3, 15)


def test_a_still_video_and_a_short_one_are_shown_at_equal_parts() -> None:
    still = change_frames(small([9] * 40), Video(frames=4, at="changes"), 40, 25)
    assert still == (5, 15, 25, 35)
    assert change_frames(small([0, 255]), Video(frames=4, at="changes"), 2, 25) == (0, 0, 1, 1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("frames", [1, 3, 8, 20])
def test_as_many_frames_as_are_wanted_are_found_and_no_two_are_the_same(seed, frames) -> None:
    length = 20 + 17 * seed
    greys = np.random.default_rng(seed).integers(0, 256, length)
    found = change_frames(small(greys), Video(frames=frames, at="changes"), length, 25)
    assert len(set(found)) == len(found) == frames or frames >= length
    assert list(found) == sorted(found) and found[-1] < length


def test_a_changed_frame_of_the_folder_is_refused_whichever_it_is(tmp_path) -> None:
    for number in range(60):
        scene(number).save(tmp_path / f"{number}.png")
    (view,) = open_views(tmp_path / "0.png", "query", make_recipe({"video": {"frames": 1, "at": "changes"}}))
    scene(50).save(tmp_path / "3.png")  # not shown, but what is shown hangs on it
    with pytest.raises(BadInputError, match="changed since"):
        view.read()


def test_times_beside_changes_are_refused() -> None:
    with pytest.raises(InputError, match="leave `times` and `every` out"):
        make_recipe({"video": {"at": "changes", "times": "1, 2"}})
