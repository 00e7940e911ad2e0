"""Reads CUHK Avenue: `testing_videos/01.avi`, and `testing_label_mask/1_label.mat` with a mask a frame."""

from collections.abc import Iterable
from pathlib import Path

from vlm_eval.data.samples import SampleMaker
from vlm_eval.data.schema import Card
from vlm_eval.data.video_windows import LabelledVideo, Span, VideoOptions, runs, training_video, video_samples
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample


class AvenueOptions(VideoOptions):
    """Options of the reader `avenue`."""

    length: int = 50  # frames of a window; the videos have 25 a second
    object_class: str = "avenue"


def read_avenue(card: Card, root: Path) -> Iterable[Sample]:
    """Yield the training videos and the windows of the test videos."""
    options = AvenueOptions.model_validate(card.options)
    maker = SampleMaker(card)
    for file in sorted(_folder(root, "training_videos").glob("*.avi")):
        yield training_video(maker, file, file.relative_to(root).as_posix(), options.object_class)
    masks = _folder(root, "testing_label_mask")
    for file in sorted(_folder(root, "testing_videos").glob("*.avi")):
        frames, spans = _labels(masks / f"{file.stem.lstrip('0')}_label.mat")
        path = file.relative_to(root).as_posix()
        yield from video_samples(maker, LabelledVideo(file, path, options.object_class, frames, spans), options)


def _folder(root: Path, name: str) -> Path:
    """Find a folder below the root: the parts are unpacked to different places."""
    found = sorted(folder for folder in root.rglob(name) if folder.is_dir())
    if not found:
        raise CardError(f"There is no folder {name} below {root}. Unpack the videos and the ground truth there")
    return found[0]


def _labels(file: Path) -> tuple[int, tuple[Span, ...]]:
    """Return the number of frames, and the stretches with something in their masks."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        masks = loadmat(file, variable_names=["volLabel"])["volLabel"].ravel()
    except (OSError, KeyError, ValueError, TypeError, NotImplementedError, MatReadError) as error:
        raise CardError(f"{file} cannot be read as labels with a mask a frame (volLabel): {error}") from error
    return len(masks), runs([bool(mask.any()) for mask in masks])
