"""Walk through a JPEG file's segments. Source: ITU-T T.81, annex B; JFIF 1.02; ICC.1 annex B.4."""

import re
from collections.abc import Iterator

from vlm_eval.views.container import CUT_OFF, Damaged, Layout, exif_orientation

_MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")  # neither stuffing nor fill bytes nor restarts
_END, _SCAN, _APP1 = 0xD9, 0xDA, 0xE1
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_COMMON_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive: what every decoder reads
_KEPT_APPLICATION = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}  # without Adobe colours change
_METADATA = frozenset(range(0xE0, 0xF0)) | {0xFE}


def read_jpeg(data: bytes) -> Layout:
    """Read the layout of a JPEG file. Raises Damaged."""
    kept = [slice(0, 2)]
    frame: tuple[int, bytes] | None = None
    orientation = 1
    for marker, start, end in _segments(data):
        payload = data[start + 4 : min(end, start + 20)]
        if marker in _FRAMES and frame is None:
            frame = marker, payload
        if marker == _APP1 and payload.startswith(b"Exif\0\0"):
            orientation = exif_orientation(data[start + 4 : end])
        if marker not in _METADATA or payload.startswith(_KEPT_APPLICATION.get(marker, b"none of these")):
            kept.append(slice(start, end))
    if frame is None or len(frame[1]) < 6:
        raise Damaged("has no frame header")
    marker, payload = frame
    size = int.from_bytes(payload[3:5]), int.from_bytes(payload[1:3])
    plain = marker in _COMMON_FRAMES and payload[0] == 8 and payload[5] in (1, 3)
    return Layout(size, plain, orientation, tuple(kept))


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) up to the end marker; a scan's coded data belongs to its segment."""
    position = 2
    while True:
        start = _next_marker(data, position)
        marker = data[start + 1]
        if marker == _END:
            yield marker, start, start + 2
            return
        position = start + 2 + int.from_bytes(data[start + 2 : start + 4])
        if position > len(data):
            raise Damaged(CUT_OFF)
        if marker == _SCAN:
            position = _next_marker(data, position)
        yield marker, start, position


def _next_marker(data: bytes, position: int) -> int:
    found = _MARKER.search(data, position)
    if found is None:
        raise Damaged(CUT_OFF)
    return found.start()
