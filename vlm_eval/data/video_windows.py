"""Cuts labelled videos into items: windows of so many frames, with the labels that fall into them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from vlm_eval.data.samples import Found, SampleMaker
from vlm_eval.data.schema import Strict
from vlm_eval.flow import Anomalous, Sample

Span = tuple[int, int]  # first and last frame, counted from 0


class VideoOptions(Strict):
    """Options that all readers of videos share."""

    length: int = Field(default=64, ge=1)  # frames of a window; a rest shorter than half of it joins the last one
    share: float = Field(default=0.5, gt=0, le=1)  # so much of an anomalous window is anomalous at least


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """A video, or a folder of frames by its first one, and the stretches of it that are anomalous."""

    file: Path
    path: str  # posix, within the card
    object_class: str
    frames: int
    anomalies: tuple[Span, ...] = ()
    defect: str = "anomaly"


def video_samples(maker: SampleMaker, video: LabelledVideo, options: VideoOptions) -> Iterator[Sample]:
    """Yield the windows of a video.

    A window is anomalous where `share` of its frames are, normal where none is, and of unknown state between the
    two: the frames that a model is shown may miss the anomaly. A reference is shown as a whole.
    """
    for number, span in enumerate(windows(video.frames, options.length)):
        inside = [
            (max(start, span[0]), min(end, span[1]))
            for start, end in video.anomalies
            if start <= span[1] and end >= span[0]
        ]
        state = _state(inside, span, options.share)
        found = Found(
            source=video.file,
            path=f"{video.path}#{number + 1:04d}",
            object_class=video.object_class,
            anomalous=state,
            defects=(video.defect,) if state == "yes" else (),
            group=f"{maker.card_name}/{video.path}",
            intervals=tuple((float(start), float(end)) for start, end in inside),
            parameters={"start": str(span[0]), "end": str(span[1]), "unit": "frame"},
            reference_parameters={},
        )
        yield maker.make(found, {"start": span[0], "end": span[1], "step": 1})


def training_video(maker: SampleMaker, file: Path, path: str, object_class: str) -> Sample:
    """Make a normal video of the training split, which serves as a reference as a whole."""
    return maker.make(Found(file, path, object_class, "no", split="train"))


def windows(frames: int, length: int) -> Sequence[Span]:
    """Return the first and last frame of windows that cover a video."""
    starts = list(range(0, frames, length))
    if len(starts) > 1 and frames - starts[-1] < length / 2:
        starts.pop()
    return [(start, end - 1) for start, end in zip(starts, [*starts[1:], frames], strict=True)]


def runs(flags: Sequence[bool]) -> tuple[Span, ...]:
    """Return the stretches of frames that are flagged."""
    found: list[Span] = []
    for number, flag in enumerate(flags):
        if flag and found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        elif flag:
            found.append((number, number))
    return tuple(found)


def _state(inside: Sequence[Span], span: Span, share: float) -> Anomalous:
    known = sum(end - start + 1 for start, end in inside) / (span[1] - span[0] + 1)
    return "no" if not known else "yes" if known >= share else "unknown"
