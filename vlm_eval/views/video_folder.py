"""A folder of frames as a video: a picture stands for the folder that it lies in."""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Step
from vlm_eval.views.settings import Video, read_settings, to_step
from vlm_eval.views.sources import FRAMES
from vlm_eval.views.video_times import shown_frames


def is_frame(path: Path) -> bool:
    """Say whether a path is a picture, and so stands for its folder."""
    return path.suffix.lower() in FRAMES


def list_frames(path: Path) -> tuple[Path, ...]:
    """List the pictures beside one that have its ending, in the order of the numbers in their names.

    Raises BadInputError where the folder cannot be read.
    """
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError as error:
        raise BadInputError(f"{path.parent} cannot be read ({error.strerror or error}).") from error
    ending = path.suffix.lower()
    names = [name for name in names if name.lower().endswith(ending) and not name.startswith(".")]
    if not names:
        raise BadInputError(f"{path.parent} holds no frame ending in {path.suffix}. Put the frames there.")
    return tuple(path.parent / name for name in sorted(names, key=_natural))


def folder_frames(path: Path, settings: Video) -> tuple[Sequence[Path], Sequence[int]]:
    """Return the frames that are shown, and their numbers from 0. Raises BadInputError."""
    frames = list_frames(path)
    try:
        numbers = shown_frames(settings, len(frames), settings.rate)
    except BadInputError as error:
        raise BadInputError(f"{path.parent} {error}") from error
    return [frames[number] for number in numbers], numbers


def read_folder(path: Path, settings: Video) -> tuple[Sequence[Image.Image], Sequence[int]]:
    """Read the frames that are shown. Raises BadInputError, also where one changed since the run was planned."""
    from vlm_eval.views.render import read_rgb8

    frames, numbers = folder_frames(path, settings)
    read = []
    for frame in frames:
        try:
            read.append(frame.read_bytes())
        except OSError as error:
            raise BadInputError(f"{frame} cannot be read ({error.strerror or error}).") from error
    digests = [hashlib.sha256(data).hexdigest() for data in read]
    if settings.digest and settings.digest != _digest(frames, digests):
        raise BadInputError(f"Frames in {path.parent} changed since the run was planned. Start a new run.")
    return [read_rgb8(data, frame) for data, frame in zip(read, frames, strict=True)], numbers


def with_frames_digest(step: Step, source: Path, digest_of: Callable[[Path], str | None]) -> Step:
    """Let a step on a folder of frames hold the digest of those that are shown; one on a video stays as it is."""
    if not is_frame(source):
        return step
    settings = read_settings(step, Video)
    try:
        frames = folder_frames(source, settings)[0]
        digest = _digest(frames, [digest_of(frame) or "unreadable" for frame in frames])
    except BadInputError:
        digest = "unreadable"
    return Step(step.operation, tuple(sorted({**dict(to_step(settings).parameters), "digest": digest}.items())))


def _digest(frames: Sequence[Path], digests: Sequence[str]) -> str:
    lines = (f"{frame.name} {digest}\n" for frame, digest in zip(frames, digests, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Order names as people do: frame2 before frame10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name)]
