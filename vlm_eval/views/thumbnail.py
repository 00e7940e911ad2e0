"""Small copies of sent pictures for the run folder, and the media types of pictures."""

import io

from PIL import Image

from vlm_eval.errors import BadInputError
from vlm_eval.views.png import SIGNATURE
from vlm_eval.views.webp import is_webp


def thumbnail(data: bytes, side: int = 256) -> bytes:
    """Return a JPEG copy of an encoded picture, at most `side` pixels wide and high; never enlarged.

    Raises BadInputError where the picture cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
            image.draft("RGB", (side, side))  # lets the JPEG decoder skip what the small copy does not need
            small = image.convert("RGB")
    except Exception as error:  # a decoder may raise anything; whatever it is, this picture is at fault
        raise BadInputError(
            f"A picture of {len(data)} bytes cannot be decoded ({error}). Check its file."
        ) from error
    small.thumbnail((side, side))
    out = io.BytesIO()
    Image.frombytes("RGB", small.size, small.tobytes()).save(out, "JPEG", quality=85)
    return out.getvalue()


def media_type(data: bytes) -> str:
    """Return image/jpeg, image/png or image/webp by the picture's first bytes. Raises BadInputError for others."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(SIGNATURE):
        return "image/png"
    if is_webp(data):
        return "image/webp"
    raise BadInputError(
        f"Bytes that begin {data[:8]!r} are none of JPEG, PNG, WebP. Send what View.read() returned."
    )
