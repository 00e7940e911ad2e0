"""Decide from a file's bytes, without decoding a pixel, how it is to be sent.

A picture passes byte for byte only if it is 8-bit RGB or grey JPEG, PNG or WebP, upright, with no metadata
beyond a colour profile; the checksums of a PNG must hold. Metadata, and anything behind the picture's end, is
taken out without re-encoding.
Everything else is rendered once as PNG.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Recipe, Step
from vlm_eval.views.container import Damaged, Layout
from vlm_eval.views.jpeg import read_jpeg
from vlm_eval.views.png import SIGNATURE, check_chunks, read_png
from vlm_eval.views.webp import is_webp, read_webp

MAX_PIXELS = 120_000_000
"""Pictures of more pixels are refused: they take over a gigabyte to decode."""

MAX_SIDE = 30_000
"""Pictures with a longer side are refused: few decoders take them, and scaled down nothing is left to see."""

OTHER_FORMATS = ("BMP", "GIF", "JPEG2000", "PPM", "TIFF")
STRIP_METADATA = Step("strip-metadata")
TO_RGB8_PNG = Step("to-rgb8-png")


@dataclass(frozen=True, slots=True)
class Header:
    """How a picture is to be sent."""

    size: tuple[int, int]  # width, height as sent
    recipe: Recipe


def read_header(data: bytes, path: Path) -> Header:
    """Read how a picture is to be sent; the path only names the file in errors.

    Raises BadInputError for bytes that are empty, cut off, no picture, larger than MAX_PIXELS or longer than
    MAX_SIDE.
    """
    try:
        layout = read_layout(data)
        size = _other_size(data) if layout is None else layout.size
        if 0 in size:
            raise Damaged("states a size of 0 pixels")
    except Damaged as error:
        raise BadInputError(f"{path} {error}. {_REMEDY}") from error
    if size[0] * size[1] > MAX_PIXELS:
        raise BadInputError(
            f"{path} has {size[0]} x {size[1]} pixels; at most {MAX_PIXELS:,} are allowed. "
            "Scale it down or cut it into tiles."
        )
    if max(size) > MAX_SIDE:
        raise BadInputError(
            f"{path} has {size[0]} x {size[1]} pixels; at most {MAX_SIDE:,} a side are allowed. "
            "Scale it down or cut it into tiles."
        )
    if layout is None:
        return Header(size, (TO_RGB8_PNG,))
    if not layout.plain or layout.orientation != 1:
        turned = (size[1], size[0]) if layout.orientation >= 5 else size
        return Header(turned, (TO_RGB8_PNG,))
    _check_untouched(data, layout, path)
    clean = sum(part.stop - part.start for part in layout.kept) == len(data)
    return Header(size, () if clean else (STRIP_METADATA,))


def _check_untouched(data: bytes, layout: Layout, path: Path) -> None:
    """Find damage in what is to be sent without ever being decoded here."""
    try:
        if data.startswith(SIGNATURE):
            check_chunks(data, layout)
    except Damaged as error:
        raise BadInputError(f"{path} {error}. {_REMEDY}") from error


def read_layout(data: bytes) -> Layout | None:
    """Read the layout of a JPEG, PNG or WebP file; None for any other. Raises Damaged."""
    if data.startswith(b"\xff\xd8\xff"):
        return read_jpeg(data)
    if data.startswith(SIGNATURE):
        return read_png(data)
    return read_webp(data) if is_webp(data) else None


_REMEDY = (
    "Replace the file with a sound JPEG, PNG, WebP, TIFF, BMP, GIF, JPEG 2000 or PPM picture, or drop the item."
)


def _other_size(data: bytes) -> tuple[int, int]:
    """Read the size of a picture in one of OTHER_FORMATS from its header."""
    if not data:
        raise Damaged("is empty")
    try:
        with warnings.catch_warnings():
            # Pillow warns before it refuses; MAX_PIXELS decides here.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=OTHER_FORMATS) as image:
                return image.size
    except UnidentifiedImageError as error:
        raise Damaged("is not a picture that can be read") from error
    except Exception as error:  # a decoder may raise anything; whatever it is, this file is at fault
        raise Damaged(f"cannot be read as a picture ({error})") from error
