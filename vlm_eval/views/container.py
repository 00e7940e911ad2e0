"""What the formats that can pass untouched have in common: a layout that is read from the file's markers."""

import struct
from dataclasses import dataclass

_ORIENTATION_TAG = 0x0112


class Damaged(ValueError):
    """The file breaks its own format; the message completes "<file> ..."."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The build of an encoded picture; found without decoding a pixel."""

    size: tuple[int, int]  # width, height as stored
    plain: bool  # 8 bits a sample, RGB or grey, no alpha, not animated
    orientation: int  # of EXIF, 1 (upright) to 8
    kept: tuple[slice, ...]  # the bytes that are the picture itself or its colour profile


CUT_OFF = "is cut off before its end marker"


def exif_orientation(exif: bytes) -> int:
    """Read the orientation, 1 to 8, out of an EXIF block; 1 (upright) where it is absent or damaged.

    Source: EXIF 2.32, section 4.6.4, over the TIFF 6.0 directory layout.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for index in range(entries):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, directory + 2 + 12 * index)
            if tag == _ORIENTATION_TAG:
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
