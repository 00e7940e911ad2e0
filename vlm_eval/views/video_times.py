"""Which moments of a video are shown: from settings and a length to positions, without a pixel."""

from collections.abc import Sequence
from dataclasses import replace

from vlm_eval.errors import BadInputError, InputError
from vlm_eval.views.settings import Video

_ROUNDING = 1e-3  # seconds: what files round the times of their frames to
_SLACK = 1e-6  # of a frame, so that a time that was computed as n / rate is frame n


def frames_of(settings: Video) -> tuple[Video, ...]:
    """Return one setting a picture: one a frame, or one for a whole sheet. Raises InputError."""
    count = count_frames(settings)
    if settings.frame >= count:
        raise InputError(f"frame is {settings.frame}, but {count} are shown, counted from 0.")
    if settings.layout == "sheet" or settings.frame >= 0:
        return (settings,)
    return tuple(replace(settings, frame=number) for number in range(count))


def count_frames(settings: Video) -> int:
    """Return how many frames settings ask for. Raises InputError."""
    if settings.times and settings.every:
        raise InputError("Either `times` or `every` says which frames are shown; leave one of them out.")
    if settings.at == "changes" and (settings.times or settings.every):
        raise InputError("`at: changes` finds the moments by itself; leave `times` and `every` out.")
    return len(parse_times(settings)) if settings.times else settings.frames


def shown_frames(settings: Video, length: int, rate: float) -> tuple[int, ...]:
    """Return the numbers of the frames that are shown, from 0: one, or all of them where settings name none.

    Args:
        settings: of the step.
        length: number of frames of the video; frames at a constant rate are assumed.
        rate: frames a second.

    Raises:
        BadInputError: the video is shorter than the settings assume.
        InputError: a number cannot be read.
    """
    all_shown = tuple(_frame(position, settings, length, rate) for position in _positions(settings, length, rate))
    return all_shown if settings.frame < 0 else all_shown[settings.frame : settings.frame + 1]


def shown_moments(settings: Video, numbers: Sequence[int], length: int, rate: float) -> tuple[float, ...]:
    """Return when each of the frames of shown_frames is looked up, in seconds.

    A stated time is looked up itself: at a rate that varies, the frame of its number is shown at another time.
    """
    if settings.unit == "frame" or settings.at == "changes":
        return tuple((number + 0.5) / rate for number in numbers)
    positions = _positions(settings, length, rate)
    shown = positions if settings.frame < 0 else positions[settings.frame : settings.frame + 1]
    slack = min(0.5 / rate, _ROUNDING)
    return tuple(min(position + slack, (length - 0.5) / rate) for position in shown)


def stretch(settings: Video, length: int, rate: float) -> tuple[int, int]:
    """Return the numbers of the first and last frame from `start` to `end`. Raises as shown_frames."""
    start, end = _ends(settings, length, rate)
    first, last = _frame(start, settings, length, rate), _frame(end, settings, length, rate)
    begins_at_end = settings.unit == "second" and abs(end * rate - last) < _SLACK
    return first, last - 1 if begins_at_end and last > first else last


def say_moment(frame: int, settings: Video, rate: float) -> str:
    """Say when a frame is shown, for the label on a sheet."""
    return f"frame {frame}" if settings.unit == "frame" else f"{frame / rate:.2f} s"


def _positions(settings: Video, length: int, rate: float) -> tuple[float, ...]:
    """Return moments in the settings' unit."""
    if settings.times:
        return parse_times(settings)
    if settings.every:
        start = _number(settings.start, "start", 0.0)
        return tuple(start + number * settings.every for number in range(settings.frames))
    start, end = _ends(settings, length, rate)
    span = end - start + (1 if settings.unit == "frame" else 0)  # a stretch of frames holds its last one
    return tuple(start + (number + 0.5) / settings.frames * span for number in range(settings.frames))


def _ends(settings: Video, length: int, rate: float) -> tuple[float, float]:
    by_frame = settings.unit == "frame"
    start = _number(settings.start, "start", 0.0)
    end = _number(settings.end, "end", length - 1 if by_frame else length / rate)
    if end < start:
        raise BadInputError(
            f"has no frame from {start:g} to {end:g}: it has {length:,} frames at {rate:g} a second. "
            f"Correct start and end, which are in {settings.unit}s."
        )
    return start, end


def _frame(position: float, settings: Video, length: int, rate: float) -> int:
    number = int(position + _SLACK) if settings.unit == "frame" else int(position * rate + _SLACK)
    at_end = settings.unit == "second" and position * rate <= length + _SLACK  # then the last frame is still seen
    if position < 0 or (number >= length and not at_end):
        raise BadInputError(
            f"has no frame at {settings.unit} {position:g}: it has {length:,} frames, {length / rate:.2f} "
            "seconds. Ask for fewer frames or earlier times, or leave times and every out."
        )
    return min(number, length - 1)


def parse_times(settings: Video) -> tuple[float, ...]:
    """Return the moments that `times` names, in the settings' unit. Raises InputError."""
    found = tuple(_number(part.strip(), "times", 0.0) for part in settings.times.split(","))
    if len(found) > 64:
        raise InputError(f"times names {len(found)} moments; at most 64 are allowed.")
    return found


def _number(text: str, name: str, default: float) -> float:
    if not text:
        return default
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{name} is {text!r}; a number is needed.") from error
