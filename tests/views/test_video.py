import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlm_eval.errors import BadInputError, InputError
from vlm_eval.flow import Gold, Sample
from vlm_eval.views.gold import gold_regions
from vlm_eval.views.open import check_recipe, make_recipe, open_views
from vlm_eval.views.settings import Video
from vlm_eval.views.video_times import shown_frames

av = pytest.importorskip("av")
SIZE = (64, 48)
FORMATS = [("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.mov", "mpeg4"), ("a.mkv", "libx264")]


def frame(number: int) -> Image.Image:
    """Draw a frame whose number can be read off its 8 x 8 blocks, black or white, in binary."""
    picture = np.zeros(SIZE[::-1], np.uint8)
    for bit in range(6):
        picture[16:32, 8 * bit + 8 : 8 * bit + 16] = 255 * (number >> bit & 1)
    return Image.fromarray(picture).convert("RGB")


def number_of(data: bytes) -> int:
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    return sum(int(picture[20:28, 8 * bit + 10 : 8 * bit + 14].mean() > 127) << bit for bit in range(6))


def write(
    path: Path, codec: str = "mpeg4", frames: int = 50, rate: int = 10, ratio: Fraction | None = None
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"g": "12", "bf": "2"} if codec == "libx264" else {}
        if ratio:
            stream.codec_context.sample_aspect_ratio = ratio
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_image(frame(number))))
        container.mux(stream.encode())
    return path


def show(path: Path, **steps) -> list[int]:
    return [number_of(view.read()) for view in open_views(path, "query", make_recipe({"video": steps}))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(12):  # 10 must come after 9
        frame(number).save(tmp_path / f"frame{number}.png")
    (tmp_path / "notes.txt").write_text("no frame")
    return tmp_path


@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_the_very_frames_that_are_asked_for_are_shown(tmp_path, name, codec) -> None:
    path = write(tmp_path / name, codec)
    assert show(path, frames=5) == [5, 15, 25, 35, 45]
    assert show(path, times="4.9, 0, 1.3") == [49, 0, 13]
    assert show(path, every=1.5, frames=3, start="0.5") == [5, 20, 35]
    assert show(path, frames=2, start="40", end="43", unit="frame") == [41, 43]
    assert show(path, times="7, 30", unit="frame") == [7, 30]


def test_frames_of_a_folder_follow_the_numbers_in_their_names(folder) -> None:
    assert show(folder / "frame0.png", frames=12) == list(range(12))
    assert show(folder / "frame0.png", frames=2, start="8", end="11", unit="frame") == [9, 11]
    assert show(folder / "frame0.png", times="0.5", rate=20) == [10]


def test_frames_are_queries_and_none_is_a_reference(tmp_path) -> None:
    views = open_views(write(tmp_path / "a.mp4"), "query", make_recipe({"video": {"frames": 2}}))
    assert [view.role for view in views] == ["query", "query"]
    assert len({view.identity for view in views}) == 2


def test_a_sheet_is_one_picture_of_the_size_that_was_planned(tmp_path, folder) -> None:
    recipe = make_recipe({"video": {"frames": 5, "layout": "sheet", "size": 64}})
    for path in (write(tmp_path / "a.mp4"), folder / "frame0.png"):
        (view,) = open_views(path, "query", recipe)
        picture = Image.open(io.BytesIO(view.read())).convert("L")
        assert picture.size == view.size
        first = picture.crop((0, 13, 64, 77)).crop((0, 8, 64, 56))  # below its caption, centred in its square
        out = io.BytesIO()
        first.save(out, "PNG")
        assert number_of(out.getvalue()) == (5 if path.suffix == ".mp4" else 1)


def test_pictures_are_scaled_down_and_never_up(tmp_path) -> None:
    path = write(tmp_path / "a.mp4")
    for size, expected in ((448, SIZE), (32, (32, 24))):
        view = open_views(path, "query", make_recipe({"video": {"frames": 1, "size": size}}))[0]
        assert view.size == expected == Image.open(io.BytesIO(view.read())).size


def test_the_frames_of_a_folder_are_part_of_the_identity_and_a_change_is_refused(folder) -> None:
    recipe = make_recipe({"video": {"frames": 2}})  # frames 3 and 9
    before = open_views(folder / "frame0.png", "query", recipe)
    frame(40).save(folder / "frame5.png")  # not shown
    assert open_views(folder / "frame0.png", "query", recipe) == before
    frame(41).save(folder / "frame9.png")
    after = open_views(folder / "frame0.png", "query", recipe)
    assert after[0].identity == before[0].identity and after[1].identity != before[1].identity
    assert number_of(after[1].read()) == 41
    with pytest.raises(BadInputError, match="changed since"):
        before[1].read()


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def unknown_codec(path: Path) -> Path:
    path.write_bytes(write(path, "libx264").read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_NOSUCHCODEC/X"))
    return path


def sound_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: cut(write(folder / "a.mp4"), 0.5), "cannot be read as a video"),
        (lambda folder: cut(write(folder / "a.avi"), 0.8), "cut off|damaged frame"),
        (lambda folder: unknown_codec(folder / "a.mkv"), "codec that this FFmpeg does not know"),
        (lambda folder: sound_only(folder / "a.mp4"), "holds no pictures"),
        (lambda folder: empty(folder / "a.mp4"), "is empty"),
        (lambda folder: folder / "none.mp4", "cannot be read"),
        (lambda folder: folder / "none" / "frame0.png", "cannot be read"),
        (lambda folder: cut(write(folder / "a.avi"), 0.3), "cannot be read as a video"),
    ],
)
def test_what_holds_no_sound_frames_is_bad_input_that_says_what_to_do(tmp_path, make, said) -> None:
    view = open_views(make(tmp_path), "query", make_recipe({"video": {"frames": 4}}))[-1]
    with pytest.raises(BadInputError, match=said):
        view.read()


def test_times_behind_the_end_are_bad_input(tmp_path) -> None:
    with pytest.raises(BadInputError, match=r"no frame at second 9: it has 50 frames, 5.00 seconds"):
        show(write(tmp_path / "a.mp4"), times="1, 9")
    with pytest.raises(BadInputError, match="no frame from 60 to 49"):
        show(tmp_path / "a.mp4", start="60", unit="frame")


@pytest.mark.parametrize(
    "steps", [{"times": "1, two"}, {"times": "1", "every": 2}, {"layout": "film"}, {"frames": 0}, {"fps": 3}]
)
def test_steps_that_make_no_sense_are_refused_before_anything_is_asked(steps) -> None:
    with pytest.raises(InputError):
        check_recipe(make_recipe({"video": steps}))


def test_pixels_that_are_not_square_are_stretched(tmp_path) -> None:
    path = write(tmp_path / "a.mp4", "libx264", ratio=Fraction(2, 1))
    (view,) = open_views(path, "query", make_recipe({"video": {"frames": 1}}))
    assert view.size == (128, 48) == Image.open(io.BytesIO(view.read())).size


def test_at_a_rate_that_varies_the_frame_is_the_one_that_is_seen_at_that_time(tmp_path) -> None:
    """Ten quick frames, ten slow ones, then quick ones again; numbers by the mean rate would miss."""
    starts = [*range(0, 400, 40), *range(400, 5400, 500), *range(5400, 6600, 40)]
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, start in enumerate(starts):
            one = av.VideoFrame.from_image(frame(number))
            one.pts, one.time_base = start, Fraction(1, 1000)
            container.mux(stream.encode(one))
        container.mux(stream.encode())
    times = [0, 0.05, 0.395, 0.41, 0.85, 0.95, 3.39, 3.41, 5.39, 5.41, 6.1]
    seen = [max(number for number, start in enumerate(starts) if start <= 1000 * time) for time in times]
    assert show(tmp_path / "a.mp4", times=", ".join(map(str, times))) == seen


@pytest.mark.parametrize("rate", [10, 25, 30000 / 1001])
def test_a_frame_is_found_by_the_time_at_which_it_begins(rate) -> None:
    for number in range(500):
        assert shown_frames(Video(times=repr(number / rate)), 500, rate) == (number,)


def test_intervals_of_a_video_are_no_region_of_its_pictures(tmp_path) -> None:
    sample = Sample(
        "c/a", "c", "video", (write(tmp_path / "a.mp4"),), "street", Gold("yes", intervals=((10, 20),)), "c/a",
        recipe=make_recipe({"video": {}}),
    )  # fmt: skip
    assert gold_regions(sample) == ()
