"""Where a video changes most: the frames that differ most from the frame before them."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm_eval.views.settings import Video
from vlm_eval.views.video_times import shown_frames, stretch

SIDE = 32
"""Frames are compared as grey pictures of so many pixels a side, in which noise and grain are averaged out."""

Small = NDArray[np.uint8]


def change_frames(
    frames: Iterable[tuple[int, Small]], settings: Video, length: int, rate: float
) -> tuple[int, ...]:
    """Return the numbers of the frames at the largest changes, in order of time.

    They stand apart by at least half of an equal part of the stretch, so that one movement does not take them all;
    of equal changes the earlier is taken. A stretch without change, or with no more frames than are wanted, is
    shown at equal parts.

    Args:
        frames: numbers from 0 and small grey pictures, in order of time.
        settings: of the step, for all its frames, with the stretch from start to end.
        length: number of frames of the video.
        rate: frames a second.

    Raises:
        BadInputError, InputError: as shown_frames.
    """
    low, high = stretch(settings, length, rate)
    changes = dict(_changes((number, small) for number, small in frames if low <= number <= high))
    if high - low < settings.frames or not any(changes.values()):
        return shown_frames(settings, length, rate)
    apart = max(1, (high - low) // (2 * settings.frames))
    chosen: list[int] = []
    for number in sorted(changes, key=lambda one: (-changes[one], one)):
        if len(chosen) < settings.frames and all(abs(number - other) >= apart for other in chosen):
            chosen.append(number)
    return tuple(sorted(chosen))


def shrink(image: Image.Image) -> Small:
    """Return a picture as it is compared, shape (SIDE, SIDE)."""
    return np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX))


def _changes(frames: Iterable[tuple[int, Small]]) -> Iterator[tuple[int, float]]:
    for (_, before), (number, after) in pairwise(frames):
        yield number, float(np.abs(after.astype(np.int16) - before).mean())
