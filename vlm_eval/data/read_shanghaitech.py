"""Reads ShanghaiTech Campus: `testing/frames/01_0014/000.jpg`, and a flag a frame in `testing/test_frame_mask`.

The flags lie under the clip's name, `01_0014.npy`. The training videos are `training/videos/01_001.avi`; the first
two digits are the scene.
"""

from collections.abc import Iterable
from pathlib import Path

from vlm_eval.data.samples import Note, SampleMaker, pictures_in
from vlm_eval.data.schema import Card
from vlm_eval.data.video_windows import LabelledVideo, VideoOptions, runs, training_video, video_samples
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample


class ShanghaiTechOptions(VideoOptions):
    """Options of the reader `shanghaitech`."""

    length: int = 48  # frames of a window; the videos have 24 a second


def read_shanghaitech(card: Card, root: Path) -> Iterable[Sample | Note]:
    """Yield the training videos and the windows of the test clips; a clip without fitting labels is noted."""
    options = ShanghaiTechOptions.model_validate(card.options)
    maker = SampleMaker(card)
    frames, flags = root / "testing" / "frames", root / "testing" / "test_frame_mask"
    if not frames.is_dir() or not flags.is_dir():
        raise CardError(f"{root} lacks testing/frames or testing/test_frame_mask")
    clips = sorted(folder for folder in frames.iterdir() if folder.is_dir())
    tested = {_scene(clip) for clip in clips}
    for file in sorted((root / "training" / "videos").glob("*.avi")):
        if _scene(file) in tested:
            yield training_video(maker, file, file.relative_to(root).as_posix(), _scene(file))
    for clip in clips:
        pictures, labels = pictures_in(clip), _labels(flags / f"{clip.name}.npy")
        if not pictures or labels is None or len(labels) != len(pictures):
            stated = "no" if labels is None else len(labels)
            yield Note(f"{clip} has {len(pictures)} frames, but {stated} labels; it is left out")
            continue
        path = clip.relative_to(root).as_posix()
        video = LabelledVideo(pictures[0], path, _scene(clip), len(labels), runs(labels))
        yield from video_samples(maker, video, options)


def _scene(clip: Path) -> str:
    return f"scene {clip.name[:2]}"


def _labels(file: Path) -> list[bool] | None:
    import numpy as np

    if not file.is_file():
        return None
    try:
        return [bool(flag) for flag in np.load(file, allow_pickle=False).ravel()]
    except (OSError, ValueError) as error:
        raise CardError(f"{file} cannot be read as a flag a frame: {error}") from error
