"""Reads UCF-Crime's test videos by its temporal annotation: `<video> <event> <start> <end> <start> <end>` a line.

Frames count from 1, and -1 stands for no (further) event. The videos lie anywhere below the root; those in a
folder such as Training_Normal_Videos_Anomaly are normal and serve as references.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from vlm_eval.data.samples import Found, Note, SampleMaker
from vlm_eval.data.schema import Card
from vlm_eval.data.video_windows import LabelledVideo, Span, VideoOptions, training_video, video_samples
from vlm_eval.errors import CardError, MissingExtraError
from vlm_eval.flow import Sample

_ANNOTATION = "Temporal_Anomaly_Annotation*.txt"
_ENDINGS = (".mp4", ".avi")
_TRAINING = re.compile(r"Training.*Normal.*", re.IGNORECASE)  # folders of normal videos, which serve as references


class UcfCrimeOptions(VideoOptions):
    """Options of the reader `ucf-crime`."""

    object_class: str = "surveillance video"
    normal: str = "Normal"  # the event of a video without one


def read_ucf_crime(card: Card, root: Path) -> Iterable[Sample | Note]:
    """Yield normal training videos and the windows of annotated ones; one that is not there is noted."""
    options = UcfCrimeOptions.model_validate(card.options)
    maker = SampleMaker(card)
    videos = {file.name: file for file in sorted(root.rglob("*")) if file.suffix.lower() in _ENDINGS}
    for file in videos.values():
        if _TRAINING.fullmatch(file.parent.name):
            yield training_video(maker, file, file.relative_to(root).as_posix(), options.object_class)
    for name, event, spans, where in _annotations(root):
        if name not in videos:
            yield Note(f"{where}: the video {name} is not below {root}; it is left out")
            continue
        file = videos[name]
        path, defect = file.relative_to(root).as_posix(), event if event != options.normal else ""
        frames = count_frames(file)
        if frames is None:  # one item that fails with the reason when it is asked about
            yield maker.make(Found(file, path, options.object_class, "yes" if defect else "no",
                                   defects=(defect,) if defect else ()))  # fmt: skip
            continue
        video = LabelledVideo(file, path, options.object_class, frames, spans, defect)
        yield from video_samples(maker, video, options)


def count_frames(file: Path) -> int | None:
    """Return the number of a video's frames as its header states it, or None where it cannot be read."""
    try:
        import av
    except ImportError as error:
        raise MissingExtraError("av", "video", f"Reading {file.suffix} files") from error
    try:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            length = stream.frames or float(stream.duration * stream.time_base * stream.average_rate)
    except (av.FFmpegError, IndexError, TypeError):
        return None
    return round(length) or None


def _annotations(root: Path) -> Iterator[tuple[str, str, tuple[Span, ...], str]]:
    """Yield name, event, stretches of frames from 0, and where it is stated."""
    files = sorted(root.rglob(_ANNOTATION))
    if not files:
        raise CardError(f"{root} holds no {_ANNOTATION}. Put the temporal annotation there")
    for number, line in enumerate(files[0].read_text(encoding="utf-8").splitlines(), 1):
        where, cells = f"{files[0]}, line {number}", line.split()
        if not cells:
            continue
        try:
            name, event, *stated = cells
            frames = [int(cell) for cell in stated]
            if len(frames) not in (2, 4):
                raise ValueError("two or four frame numbers are needed")
        except ValueError as error:
            raise CardError(f"{where}: {line!r} is not <video> <event> <start> <end> <start> <end>") from error
        pairs = [(frames[place], frames[place + 1]) for place in range(0, len(frames), 2)]
        spans = tuple((max(0, start - 1), end - 1) for start, end in pairs if start >= 0 and end >= start)
        yield name, event, spans, where
