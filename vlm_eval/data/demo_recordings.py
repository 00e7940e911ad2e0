"""Makes the items of the `demo` data set that are no pictures: clouds, series of readings, folders of frames."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from vlm_eval.data.demo_depth import bent_sheet, knob
from vlm_eval.data.demo_drawing import Array, Drawing, is_off_the_lines, local, name_place
from vlm_eval.data.demo_scenes import draw_scene_clip
from vlm_eval.data.demo_series import STEPS, disturb, periodic_signal

DEFECTS = {
    "cloud": ("dent", "bulge", "missing piece"),
    "signal": ("spike", "level shift", "dropout", "frequency change"),
    "clip": ("misplaced object",),
}

Span = Mapping[str, float | str]

HALF_WIDTH = 50.0
"""Millimetres: half the side of the scanned sheet of a cloud."""

FRAMES = 12
"""Frames of a clip."""

RATE = 4.0
"""Frames a second of a clip."""

_SCAN = 144  # points along each side of the sheet
_SECONDS = 0.5  # between two readings of a signal


@dataclass(frozen=True, slots=True)
class Recording:
    """The files of one item and what is true of it."""

    files: dict[str, bytes]  # ending of the item's own path -> content; the first one is the source
    gold: dict[str, bytes] = field(default_factory=dict)  # the same of its gold
    intervals: tuple[tuple[float, float], ...] = ()
    place: str | None = None
    is_clear: bool = True  # the place in words is beyond dispute
    accepted: tuple[str, ...] = ()
    span: Span = field(default_factory=dict)  # start, end, step and unit of what has a time


def as_recording(drawing: Drawing) -> Recording:
    """Return a drawn picture and its mask as files."""
    files = {".png": _png(drawing.picture)}
    if drawing.mask is None:
        return Recording(files)
    gold = {"_mask.png": _png(drawing.mask_picture)}
    return Recording(files, gold, (), drawing.place, drawing.is_clear, drawing.accepted)


def scan_sheet(rng: np.random.Generator, defect: str | None) -> Recording:
    """Scan a bent sheet from above: `.npy`, x, y, z in millimetres, float32, shape (n, 3).

    Gold is a table of x, y, z and a label of 1: the points of a dent or bulge, or those that a missing piece took
    away. The place in words is that of a picture from straight above, y up.
    """
    steps = (np.arange(_SCAN) + 0.5) / _SCAN * 2 - 1
    spread = 0.7 / _SCAN
    x, y = (axis.ravel() + rng.uniform(-spread, spread, _SCAN**2) for axis in np.meshgrid(steps, steps))
    height = bent_sheet(rng, (x, y)) + 0.0008 * rng.standard_normal(_SCAN**2)
    touched = np.zeros(len(x), dtype=bool)
    centre = (0.0, 0.0)
    if defect is not None:
        across, up = rng.uniform(-0.72, 0.72, 2)
        centre = float(across), float(up)
        relief, away = knob(rng, centre, (x, y))
        touched = away < 1.3
        if defect == "missing piece":
            touched = _broken_off(rng, centre, (x, y))
        else:
            height = height + (relief if defect == "bulge" else -relief)
    points = (np.stack([x, y, height], axis=1) * HALF_WIDTH).astype(np.float32)
    left = points[~touched] if defect == "missing piece" else points
    files = {".npy": _npy(left[rng.permutation(len(left))])}
    if defect is None:
        return Recording(files)
    gold = {".csv": "".join(f"{a:.3f},{b:.3f},{c:.3f},1\n" for a, b, c in points[touched]).encode()}
    seen = centre[0], -centre[1]
    return Recording(files, gold, place=name_place(seen), is_clear=is_off_the_lines(seen))


def _broken_off(rng: np.random.Generator, centre: tuple[float, float], places: tuple[Array, Array]) -> Array:
    """Return which places lie in a ragged hole."""
    frame = local(centre, rng.uniform(0, np.pi), places)
    turn, radius = np.arctan2(frame[1], frame[0]), rng.uniform(0.15, 0.22)
    ragged = sum(rng.uniform(0.3, 1) * 0.25 / wave * np.cos(wave * turn + rng.uniform(0, 6)) for wave in (2, 3, 5))
    hole: Array = np.hypot(frame[0], frame[1] * 1.2) < radius * (1 + ragged)
    return hole


def record_signal(rng: np.random.Generator, defect: str | None) -> Recording:
    """Record a periodic signal: `.csv` of `time` in seconds and `reading`.

    A dropout holds the middle of the scale; a frequency change goes on at twice the pace for a while.
    """
    values, touched = _signal(rng, defect)
    seconds = np.arange(STEPS) * _SECONDS
    span: Span = {"start": 0.0, "end": float(seconds[-1]), "step": _SECONDS, "time_unit": "second"}
    lines = (f"{second:g},{reading:.4f}\n" for second, reading in zip(seconds, 20 + 4 * values, strict=True))
    files = {".csv": ("time,reading\n" + "".join(lines)).encode()}
    if defect is None:
        return Recording(files, span=span)
    interval = float(seconds[touched][0]), float(seconds[touched][-1])
    return Recording(files, intervals=(interval,), span=span)


def _signal(rng: np.random.Generator, defect: str | None) -> tuple[Array, Array]:
    """Return readings of amplitude about 1, and which of them are anomalous."""
    if defect == "frequency change":
        values, touched = disturb(rng, np.zeros(STEPS), "level shift")  # for its stretch of time alone
        return periodic_signal(rng, 2 * STEPS)[np.arange(STEPS) + np.cumsum(touched)], touched
    values = periodic_signal(rng)
    if defect == "dropout":
        touched = disturb(rng, values, "flat line")[1]
        return np.where(touched, rng.normal(0, 0.006, STEPS), values), touched
    return (values, np.zeros(STEPS, dtype=bool)) if defect is None else disturb(rng, values, defect)


def film_table(rng: np.random.Generator, defect: str | None) -> Recording:
    """Film a laid table: a folder of frames; in the frames of the gold interval an object lies out of place.

    Gold is a mask of the object for each of those frames, under the frame's own number.
    """
    wrong = np.zeros(FRAMES, dtype=bool)
    if defect is not None:
        length = int(rng.integers(FRAMES // 2, FRAMES - 2))
        start = int(rng.integers(1, FRAMES - length + 1))
        wrong[start : start + length] = True
    frames = draw_scene_clip(rng, wrong.tolist())
    files = {f"/{number:02d}.jpg": _jpeg(frame.picture) for number, frame in enumerate(frames)}
    span: Span = {"start": 0, "end": FRAMES - 1, "step": 1, "time_unit": "frame", "fps": RATE}
    if defect is None:
        return Recording(files, span=span)
    first, last = (int(end) for end in np.flatnonzero(wrong)[[0, -1]])
    shown: Drawing = frames[first]
    gold = {f"/{number:02d}.png": _png(frame.mask_picture) for number, frame in enumerate(frames) if wrong[number]}
    return Recording(
        files, gold, ((float(first), float(last)),), shown.place, shown.is_clear, shown.accepted, span
    )


MAKERS: Mapping[str, Callable[[np.random.Generator, str | None], Recording]] = {
    "cloud": scan_sheet,
    "signal": record_signal,
    "clip": film_table,
}
"""What makes an item of a kind, sound or with one of its defect types."""


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=4)
    return out.getvalue()


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()


def _npy(points: Array) -> bytes:
    out = io.BytesIO()
    np.save(out, points)
    return out.getvalue()
