"""Draws frames of a video, or of a folder of frames: one picture a frame, or one labelled sheet."""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from vlm_eval.errors import BadInputError
from vlm_eval.views.fit import fitted, scale, squared
from vlm_eval.views.header import read_header
from vlm_eval.views.panels import draw_panels, sheet_size
from vlm_eval.views.settings import Video
from vlm_eval.views.video_folder import folder_frames, is_frame, read_folder
from vlm_eval.views.video_times import count_frames, say_moment


def draw_video(data: bytes, path: Path, settings: Video) -> Image.Image:
    """Draw a video's frame or sheet. Raises BadInputError, InputError."""
    frames, labels = _read(data, path, settings)
    if settings.layout == "sheet":
        return draw_panels([squared(frame, settings.size) for frame in frames], labels)
    return scale(frames[0], _at_most(frames[0].size, settings.size))


def size_of_video(settings: Video, path: Path) -> tuple[int, int]:
    """Return width and height in pixels of what draw_video draws. Raises BadInputError, InputError."""
    if settings.layout == "sheet":
        return sheet_size(count_frames(settings), settings.size)
    try:
        if is_frame(path):
            frame = folder_frames(path, settings)[0][0]
            return _at_most(read_header(frame.read_bytes(), frame).size, settings.size)
        from vlm_eval.views.video_files import size_of_frames

        status = path.stat()
        return _at_most(size_of_frames(path, status.st_size, status.st_mtime_ns), settings.size)
    except OSError as error:
        raise BadInputError(f"{path} cannot be read ({error.strerror or error}).") from error


def _read(data: bytes, path: Path, settings: Video) -> tuple[list[Image.Image], list[str]]:
    if is_frame(path):
        frames, numbers = read_folder(path, settings)
        return list(frames), [say_moment(number, settings, settings.rate) for number in numbers]
    from vlm_eval.views.video_files import read_clip

    # All frames of an item are read at once, so that its pictures cost one pass.

    clip = read_clip(data, path, replace(settings, frame=-1, layout="separate", size=448))
    labels = [say_moment(number, settings, clip.rate) for number in clip.numbers]
    if settings.frame < 0:
        return list(clip.frames), labels
    return [clip.frames[settings.frame]], [labels[settings.frame]]


def _at_most(size: tuple[int, int], longest: int) -> tuple[int, int]:
    return fitted(size, longest) if max(size) > longest else size
