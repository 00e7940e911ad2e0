"""Which stretch of time is seen of an item: a window of a series, a frame's part of a clip."""

from functools import lru_cache
from pathlib import Path

from vlm_eval.errors import VlmEvalError
from vlm_eval.flow import Sample
from vlm_eval.views.plot_frame import part_of, read_time
from vlm_eval.views.settings import Plot, Text, Video, read_settings
from vlm_eval.views.video_folder import is_frame, list_frames
from vlm_eval.views.video_times import count_frames, parse_times

Span = tuple[float, float]


def shown_time(sample: Sample) -> Span | None:
    """Return the stretch of time that the views of an item show, its end excluded; None where it is not known.

    It is what the steps state, else the item's metadata (`start`, `end`), else what the file says; in the unit of
    the metadata where there are any, which is that of the gold intervals. A frame stands for its part of the clip:
    an equal part, or what is nearest to it where `times` names the frames; one at a change stands for no part.
    """
    step = sample.recipe[0] if sample.recipe else None
    operation = step.operation if step else ""
    try:
        if step and operation == Video.operation:
            return _of_video(sample, read_settings(step, Video))
        if step and operation == Plot.operation:
            settings = read_settings(step, Plot)
            return _of_series(sample, settings.start, settings.end, settings)
        if step and operation == Text.operation:
            text = read_settings(step, Text)
            return _of_series(sample, text.start, text.end, Plot(time=text.time))
    except (VlmEvalError, OSError, ValueError):
        return None  # the same fault makes the item fail, with a message, when it is asked
    return None


def _of_series(sample: Sample, start: str, end: str, settings: Plot) -> Span | None:
    known = (read_time(start), read_time(end)) if start and end else _stated(sample)
    if known is None or (bool(start) != bool(end)):
        first, last = _series_ends(sample.sources[0], sample.sources[0].stat().st_mtime_ns, settings.time)
        known = read_time(start) if start else first, read_time(end) if end else last
    return part_of(known, settings)


@lru_cache(maxsize=4096)
def _series_ends(path: Path, mtime_ns: int, time: str) -> Span:
    from vlm_eval.views.series_files import read_series

    times = read_series(path.read_bytes(), path, time).times
    return float(times[0]), float(times[-1])


def _of_video(sample: Sample, settings: Video) -> Span | None:
    whole, factor = _clip(sample, settings), _units(sample, settings)
    if settings.layout == "sheet" or settings.frame < 0:
        return whole
    if settings.at == "changes":
        return None  # the pixels decide
    if settings.at == "changes":
        return None  # which frames those are is known when they are decoded
    if settings.times:
        moments = [factor * moment for moment in parse_times(settings)]
        return _nearest(sorted(moments), moments[settings.frame], whole)
    if settings.every:
        first, width = factor * float(settings.start or 0), factor * settings.every
        last = float("inf") if whole is None else whole[1]
        return first + settings.frame * width, min(first + (settings.frame + 1) * width, last)
    if whole is None:
        return None
    width = (whole[1] - whole[0]) / count_frames(settings)
    return whole[0] + settings.frame * width, whole[0] + (settings.frame + 1) * width


def _clip(sample: Sample, settings: Video) -> Span | None:
    """Return a clip's stretch; its last frame is part of it."""
    by_frame, factor = settings.unit == "frame", _units(sample, settings)
    if settings.start and settings.end:
        return factor * float(settings.start), factor * float(settings.end) + by_frame
    stated = _stated(sample)
    if stated is not None:
        return stated[0], stated[1] + 1  # readers of videos count frames
    if not is_frame(sample.sources[0]):
        return None
    length = len(list_frames(sample.sources[0]))
    return float(settings.start or 0), length if by_frame else length / settings.rate


def _units(sample: Sample, settings: Video) -> float:
    """Return how many units of the item's metadata one of the settings is: frames a second, or 1."""
    counted = _stated(sample) is not None and sample.metadata.get("time_unit") != "second"
    rate = sample.metadata.get("fps")
    if settings.unit == "frame" or not counted:
        return 1.0
    return settings.rate if isinstance(rate, bool | str | None) else float(rate)


def _nearest(moments: list[float], moment: float, whole: Span | None) -> Span | None:
    place = moments.index(moment)
    if whole is None and place in (0, len(moments) - 1):
        return None
    low, high = whole or (0.0, 0.0)
    if place:
        low = (moments[place - 1] + moment) / 2
    if place < len(moments) - 1:
        high = (moments[place + 1] + moment) / 2
    return low, high


def _stated(sample: Sample) -> Span | None:
    start, end = sample.metadata.get("start"), sample.metadata.get("end")
    if isinstance(start, bool | str | None) or isinstance(end, bool | str | None):
        return None
    return float(start), float(end)
