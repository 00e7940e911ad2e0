"""Reads frames out of video files by PyAV: MP4, AVI, MOV and whatever else its decoders know."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from vlm_eval.errors import BadInputError
from vlm_eval.views.cloud_files import Recent
from vlm_eval.views.settings import Video
from vlm_eval.views.video_times import shown_frames, shown_moments

_REMEDY = "Replace the file with a sound MP4, AVI or MOV video, or drop the item."
_recent = Recent(3)


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames of a video, upright, in the proportions in which they are to be seen."""

    frames: Sequence[Image.Image]
    numbers: Sequence[int]  # from 0
    rate: float  # frames a second


def read_clip(data: bytes, path: Path, settings: Video) -> Clip:
    """Read the frames that settings show; the last few clips are kept, since frames of one follow each other.

    Raises BadInputError for a file that is no video, is damaged or ends before a frame that is asked for.
    """
    clip: Clip = _recent.get(data, settings, lambda: _guarded(data, path, settings))
    return clip


@lru_cache(maxsize=1 << 16)
def size_of_frames(path: Path, size: int, mtime_ns: int) -> tuple[int, int]:
    """Return width and height of a video's frames as they are to be seen, by its first one. Raises BadInputError.

    Args:
        path: of the video.
        size: of the file in bytes; with the time of its last change, so that another file is looked at anew.
        mtime_ns: that time.
    """
    import av

    try:
        with av.open(str(path)) as container:
            stream = _stream(container)
            return _upright(next(_decode(container, stream)), stream).size
    except StopIteration as error:
        raise BadInputError(f"{path} holds no frame that can be decoded. {_REMEDY}") from error
    except BadInputError as error:
        raise BadInputError(f"{path} {error}") from error
    except Exception as error:  # a decoder may raise anything; whatever it is, this file is at fault
        raise BadInputError(f"{path} cannot be read as a video ({error}). {_REMEDY}") from error


def _guarded(data: bytes, path: Path, settings: Video) -> Clip:
    import av

    if not data:
        raise BadInputError(f"{path} is empty. {_REMEDY}")
    try:
        with av.open(io.BytesIO(data)) as container:
            return _read(container, settings)
    except BadInputError as error:
        raise BadInputError(f"{path} {error}") from error
    except Exception as error:  # a decoder may raise anything; whatever it is, this file is at fault
        raise BadInputError(f"{path} cannot be read as a video ({error}). {_REMEDY}") from error


def _read(container: Any, settings: Video) -> Clip:
    stream = _stream(container)
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    if rate <= 0:
        raise BadInputError(f"states no frame rate. Convert it to MP4. {_REMEDY}")
    numbers = _numbers(container, stream, settings, rate)
    moments = shown_moments(settings, numbers, _length(container, stream, rate), rate)
    found: dict[float, Image.Image] = {}
    for moment in sorted(set(moments)):
        frame = _seek(container, stream, moment, rate)
        if frame.is_corrupt:
            raise BadInputError(f"holds a damaged frame at {_time(frame, stream):.2f} seconds. {_REMEDY}")
        found[moment] = _upright(frame, stream)
    return Clip([found[moment] for moment in moments], numbers, rate)


def _numbers(container: Any, stream: Any, settings: Video, rate: float) -> tuple[int, ...]:
    length = _length(container, stream, rate)
    if settings.at != "changes":
        return shown_frames(settings, length, rate)
    from vlm_eval.views.video_changes import SIDE, change_frames

    small = (
        (int(_time(frame, stream) * rate + 0.5), frame.to_ndarray(width=SIDE, height=SIDE, format="gray"))
        for frame in _decode(container, stream)
    )
    return change_frames(small, settings, length, rate)


def _stream(container: Any) -> Any:
    if not container.streams.video:
        raise BadInputError(f"holds no pictures, only {len(container.streams)} other streams. {_REMEDY}")
    stream = container.streams.video[0]
    if stream.codec_context is None:  # to decode it would end the process
        raise BadInputError(f"is in a codec that this FFmpeg does not know. Convert it to MP4. {_REMEDY}")
    return stream


def _length(container: Any, stream: Any, rate: float) -> int:
    """Return the number of frames, by the header where it states one, else by decoding all of them."""
    if stream.frames:
        return int(stream.frames)
    if stream.duration:
        return max(1, int(float(stream.duration * stream.time_base) * rate + 0.5))
    if container.duration:
        return max(1, int(container.duration / 1_000_000 * rate + 0.5))
    length = sum(1 for _ in _decode(container, stream))
    container.seek(0)
    if not length:
        raise BadInputError(f"holds no frame that can be decoded. {_REMEDY}")
    return length


def _seek(container: Any, stream: Any, seconds: float, rate: float) -> Any:
    """Return the frame that is seen at a time, exactly: decoded from the key frame before it."""
    origin = stream.start_time or 0
    container.seek(origin + int(seconds / stream.time_base), stream=stream)
    frame = _last_until(_decode(container, stream), seconds, stream)
    if frame is None:  # the file's index led behind the frame: look at all of them
        container.seek(0)
        frame = _last_until(_decode(container, stream), seconds, stream)
    end = None if frame is None else _time(frame, stream)
    if end is None or seconds > end + max(2 / rate, 0.5):
        raise BadInputError(
            f"ends at {end or 0:.2f} seconds, but by its header it goes on at {seconds:.2f}. It is cut off or "
            "damaged: replace the file, or drop the item."
        )
    return frame


def _last_until(frames: Iterator[Any], seconds: float, stream: Any) -> Any:
    """Return the last frame that begins no later than a time; None where none does."""
    last = None
    for frame in frames:
        if _time(frame, stream) > seconds:
            break
        last = frame
    return last


def _time(frame: Any, stream: Any) -> float:
    """Return when a frame is shown, in seconds from the first one."""
    if frame.pts is None:
        raise BadInputError(f"has frames without a time. Convert it to MP4. {_REMEDY}")
    return float((frame.pts - (stream.start_time or 0)) * stream.time_base)


def _decode(container: Any, stream: Any) -> Iterator[Any]:
    yield from container.decode(stream)


def _upright(frame: Any, stream: Any) -> Image.Image:
    """Turn a frame as its file says, and stretch pixels that are not square."""
    image: Image.Image = frame.to_image()
    ratio = stream.sample_aspect_ratio
    if ratio and ratio != 1:
        image = image.resize((max(1, round(image.width * float(ratio))), image.height), Image.Resampling.BICUBIC)
    turn = round(frame.rotation) % 360  # degrees anticlockwise
    return image.rotate(turn, expand=True) if turn else image
