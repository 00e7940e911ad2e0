"""Walk through a PNG file's chunks. Source: Portable Network Graphics (third edition), sections 5 and 11."""

import struct
import zlib

from vlm_eval.views.container import CUT_OFF, Damaged, Layout, exif_orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PICTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_COLOUR = frozenset({b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP", b"sBIT"})
_GREY, _RGB = 0, 2


def read_png(data: bytes) -> Layout:
    """Read the layout of a PNG file. Raises Damaged."""
    kept = [slice(0, 8)]
    kinds: set[bytes] = set()
    orientation = 1
    position = 8
    while b"IEND" not in kinds:
        length, kind = _chunk(data, position)
        end = position + 12 + length
        if end > len(data):
            raise Damaged(CUT_OFF)
        if kind == b"eXIf":
            orientation = exif_orientation(data[position + 8 : end - 4])
        if kind in _PICTURE or kind in _COLOUR:
            kept.append(slice(position, end))
        kinds.add(kind)
        position = end
    if data[12:16] != b"IHDR" or b"IDAT" not in kinds:
        raise Damaged("has no picture header or no picture data")
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    plain = depth == 8 and colour in (_GREY, _RGB) and b"tRNS" not in kinds
    return Layout((width, height), plain, orientation, tuple(kept))


def check_chunks(data: bytes, layout: Layout) -> None:
    """Verify the checksum of each chunk that a layout keeps; no pixel is decoded. Raises Damaged."""
    view = memoryview(data)
    for part in layout.kept[1:]:
        if zlib.crc32(view[part.start + 4 : part.stop - 4]) != int.from_bytes(view[part.stop - 4 : part.stop]):
            kind = data[part.start + 4 : part.start + 8].decode("ascii", "replace")
            raise Damaged(f"has a damaged {kind} chunk: its checksum does not hold")


def _chunk(data: bytes, position: int) -> tuple[int, bytes]:
    if position + 8 > len(data):
        raise Damaged(CUT_OFF)
    length, kind = struct.unpack_from(">I4s", data, position)
    return int(length), bytes(kind)
