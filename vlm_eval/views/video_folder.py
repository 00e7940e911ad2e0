"""A folder of frames as a video: a picture stands for the folder that it lies in."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Step
from vlm_eval.views.cloud_files import Recent
from vlm_eval.views.settings import Video, read_settings, to_step
from vlm_eval.views.sources import FRAMES
from vlm_eval.views.video_times import shown_frames

_recent = Recent(3)  # frames of one clip follow each other


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
    """Return the frames that decide what is shown, and their numbers from 0: all of them for `at: changes`.

    Raises:
        BadInputError: there is no such frame.
    """
    frames = list_frames(path)
    if settings.at == "changes":
        return frames, range(len(frames))
    try:
        numbers = shown_frames(settings, len(frames), settings.rate)
    except BadInputError as error:
        raise BadInputError(f"{path.parent} {error}") from error
    return [frames[number] for number in numbers], numbers


def read_folder(path: Path, settings: Video) -> tuple[Sequence[Image.Image], Sequence[int]]:
    """Read the frames that are shown. Raises BadInputError, also where one changed since the run was planned."""
    from vlm_eval.views.render import read_rgb8

    frames, numbers = folder_frames(path, settings)
    digests = [hashlib.sha256(_bytes(frame)).hexdigest() for frame in frames]
    if settings.digest and settings.digest != _digest(frames, digests):
        raise BadInputError(f"Frames in {path.parent} changed since the run was planned. Start a new run.")
    if settings.at == "changes":
        numbers = _changing(frames, settings, _digest(frames, digests))
        frames = [frames[number] for number in numbers]
    return [read_rgb8(_bytes(frame), frame) for frame in frames], numbers


def _changing(frames: Sequence[Path], settings: Video, digest: str) -> Sequence[int]:
    """Return the frames at the largest changes: all of them, or the one that settings name."""
    whole = replace(settings, frame=-1, digest="")
    found: tuple[int, ...] = _recent.get(digest.encode(), whole, lambda: _find_changes(frames, whole))
    return found if settings.frame < 0 else found[settings.frame : settings.frame + 1]


def _find_changes(frames: Sequence[Path], settings: Video) -> tuple[int, ...]:
    from vlm_eval.views.render import read_rgb8
    from vlm_eval.views.video_changes import change_frames, shrink

    small = ((number, shrink(read_rgb8(_bytes(frame), frame))) for number, frame in enumerate(frames))
    try:
        return change_frames(small, settings, len(frames), settings.rate)
    except BadInputError as error:
        raise BadInputError(f"{frames[0].parent} {error}") from error


def _bytes(frame: Path) -> bytes:
    try:
        return frame.read_bytes()
    except OSError as error:
        raise BadInputError(f"{frame} cannot be read ({error.strerror or error}).") from error


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
