"""Reads the UCSD pedestrian data: `UCSDped1/Test/Test001/001.tif`, and `UCSDped1/Test/UCSDped1.m` for the labels.

The n-th line `TestVideoFile{end+1}.gt_frame = [60:152];` of that file names the anomalous frames of the n-th clip,
counted from 1.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from vlm_eval.data.samples import SampleMaker, pictures_in
from vlm_eval.data.schema import Card
from vlm_eval.data.video_windows import LabelledVideo, Span, VideoOptions, training_video, video_samples
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample

_LINE = re.compile(r"^\s*TestVideoFile\{[^}]*\}\.gt_frame\s*=\s*\[([^\]]*)\]", re.MULTILINE)


class UcsdOptions(VideoOptions):
    """Options of the reader `ucsd`."""

    length: int = 20  # frames of a window; the clips have 10 a second


def read_ucsd(card: Card, root: Path) -> Iterable[Sample]:
    """Yield the training clips and the windows of the test clips of each scene, UCSDped1 and UCSDped2."""
    options = UcsdOptions.model_validate(card.options)
    maker = SampleMaker(card)
    scenes = sorted(folder for folder in root.iterdir() if (folder / "Test").is_dir())
    if not scenes:
        raise CardError(f"{root} holds no scene such as {root}/UCSDped1/Test")
    for scene in scenes:
        for clip in _clips(scene / "Train"):
            yield training_video(maker, _first(clip), clip.relative_to(root).as_posix(), scene.name)
        clips, labels = _clips(scene / "Test"), _labels(scene)
        if len(clips) != len(labels):
            raise CardError(
                f"{scene} has {len(clips)} test clips, but {len(labels)} labels in Test/{scene.name}.m"
            )
        for clip, spans in zip(clips, labels, strict=True):
            video = LabelledVideo(
                _first(clip), clip.relative_to(root).as_posix(), scene.name, len(pictures_in(clip)), spans
            )
            yield from video_samples(maker, video, options)


def _clips(folder: Path) -> Sequence[Path]:
    """List the folders of frames; those that end in _gt hold masks."""
    entries = folder.iterdir() if folder.is_dir() else ()
    return sorted(entry for entry in entries if re.fullmatch(r"(Test|Train)\d+", entry.name) and entry.is_dir())


def _first(clip: Path) -> Path:
    frames = pictures_in(clip)
    if not frames:
        raise CardError(f"{clip} holds no frame such as 001.tif")
    return frames[0]


def _labels(scene: Path) -> Sequence[tuple[Span, ...]]:
    file = scene / "Test" / f"{scene.name}.m"
    if not file.is_file():
        raise CardError(f"{file} is not there; it names the anomalous frames of the test clips")
    found = []
    for ranges in _LINE.findall(file.read_text(encoding="utf-8", errors="replace")):
        try:
            pairs = [tuple(int(end) for end in part.split(":")) for part in ranges.split(",") if part.strip()]
            found.append(tuple((pair[0] - 1, pair[-1] - 1) for pair in pairs))
        except ValueError as error:
            raise CardError(f"{file}: [{ranges}] are no frames such as [5:90, 140:200]") from error
    return found
