"""Walk through a WebP file's chunks. Source: RFC 9649 (WebP), sections 2 and 3; RFC 6386 (VP8), section 9.1."""

from collections.abc import Iterator

from vlm_eval.views.container import CUT_OFF, Damaged, Layout, exif_orientation

_KEPT = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ICCP"})
_ALPHA, _EXIF, _XMP, _ANIMATION = 0x10, 0x08, 0x04, 0x02


def is_webp(data: bytes) -> bool:
    """Tell whether bytes begin as a WebP file does."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read_webp(data: bytes) -> Layout:
    """Read the layout of a WebP file. Raises Damaged."""
    kept = [slice(0, 12)]
    orientation = 1
    canvas: tuple[tuple[int, int], bool] | None = None
    frame: tuple[tuple[int, int], bool] | None = None
    for kind, start, end in _chunks(data):
        payload = data[start + 8 : min(end, start + 18)]
        if kind == b"VP8X":
            canvas = _canvas(payload)
        elif kind in (b"VP8 ", b"VP8L") and frame is None:
            frame = _lossy(payload) if kind == b"VP8 " else _lossless(payload)
        elif kind == b"EXIF":
            orientation = exif_orientation(data[start + 8 : end])
        if kind in _KEPT:
            kept.append(slice(start, end))
    known = [part for part in (canvas, frame) if part is not None]
    if not known:
        raise Damaged("has no picture data")
    return Layout(known[0][0], all(plain for _, plain in known), orientation, tuple(kept))


def rewrite_webp_header(data: bytes) -> bytes:
    """Make the length and the feature flags true again after chunks were taken out."""
    header = b"RIFF" + (len(data) - 8).to_bytes(4, "little") + data[8:]
    if header[12:16] != b"VP8X":
        return header
    return header[:20] + bytes([header[20] & ~(_EXIF | _XMP)]) + header[21:]


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, start, end) with the padding byte inside."""
    total = 8 + int.from_bytes(data[4:8], "little")
    if total > len(data):
        raise Damaged(CUT_OFF)
    position = 12
    while position + 8 <= total:
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        end = position + 8 + length + length % 2
        if end > total:
            raise Damaged(CUT_OFF)
        yield data[position : position + 4], position, end
        position = end


def _canvas(payload: bytes) -> tuple[tuple[int, int], bool]:
    if len(payload) < 10:
        raise Damaged(CUT_OFF)
    size = 1 + int.from_bytes(payload[4:7], "little"), 1 + int.from_bytes(payload[7:10], "little")
    return size, not payload[0] & (_ALPHA | _ANIMATION)


def _lossy(payload: bytes) -> tuple[tuple[int, int], bool]:
    width = int.from_bytes(payload[6:8], "little") & 0x3FFF
    height = int.from_bytes(payload[8:10], "little") & 0x3FFF
    return (width, height), True


def _lossless(payload: bytes) -> tuple[tuple[int, int], bool]:
    bits = int.from_bytes(payload[1:5], "little")
    return (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)), not bits >> 28 & 1
