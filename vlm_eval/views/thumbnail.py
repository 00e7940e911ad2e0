"""Small copies of sent pictures for the run folder, and the media types of pictures."""

import io

from PIL import Image

from vlm_eval.errors import BadInputError
from vlm_eval.views.png import SIGNATURE
from vlm_eval.views.webp import is_webp

_RESAMPLED = 1.25  # times the side of the small copy: up to there division by two would leave too little


def thumbnail(data: bytes, side: int = 256) -> bytes:
    """Return a JPEG copy of an encoded picture, at most `side` pixels wide and high; never enlarged.

    A whole number of pixels becomes one, which costs a fraction of resampling; the longer side of a picture that
    is larger than 1.25 times `side` is thus between 5/8 of `side` and `side`.

    Raises BadInputError where the picture cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
            whole = image.size
            if max(whole) > _RESAMPLED * side:
                factor = -(-max(whole) // side)
                # A JPEG is decoded at a half, a quarter or an eighth, so that less has to be decoded at all.
                image.draft("RGB", (max(1, whole[0] // factor), max(1, whole[1] // factor)))
            image.load()
            small = _shrink(image if image.mode in ("RGB", "L") else image.convert("RGB"), side)
    except Exception as error:  # a decoder may raise anything; whatever it is, this picture is at fault
        raise BadInputError(
            f"A picture of {len(data)} bytes cannot be decoded ({error}). Check its file."
        ) from error
    small.info = {}  # a comment or a colour profile of the file would be written too
    out = io.BytesIO()
    small.save(out, "JPEG", quality=85)
    return out.getvalue()


def _shrink(image: Image.Image, side: int) -> Image.Image:
    longest = max(image.size)
    if longest > _RESAMPLED * side:
        return image.reduce(-(-longest // side)).convert("RGB")
    small = image.convert("RGB") if image.mode != "RGB" else image
    small.thumbnail((side, side), Image.Resampling.BILINEAR)
    return small


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
