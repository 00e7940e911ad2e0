import io

import pytest
from PIL import Image

from vlm_eval.errors import BadInputError
from vlm_eval.views.thumbnail import media_type, thumbnail


def encoded(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_thumbnail_fits_into_its_square(kind: str, mode: str) -> None:
    small = Image.open(io.BytesIO(thumbnail(encoded(Image.new(mode, (600, 300), 128), kind))))
    assert (small.format, small.size) == ("JPEG", (256, 128))


def test_a_small_picture_is_not_enlarged() -> None:
    assert Image.open(io.BytesIO(thumbnail(encoded(Image.new("RGB", (40, 30)), "PNG")))).size == (40, 30)


def test_a_thumbnail_shows_the_picture() -> None:
    picture = Image.new("RGB", (512, 512), (250, 0, 0))
    picture.paste((0, 0, 250), (0, 256, 512, 512))
    small = Image.open(io.BytesIO(thumbnail(encoded(picture, "PNG"), side=64)))
    assert small.getpixel((32, 8))[0] > 240 and small.getpixel((32, 56))[2] > 240


@pytest.mark.parametrize("data", [b"", b"no picture", encoded(Image.new("RGB", (64, 64)), "PNG")[:60]])
def test_what_cannot_be_decoded_is_bad_input(data: bytes) -> None:
    with pytest.raises(BadInputError):
        thumbnail(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_media_type_is_read_from_the_bytes(kind: str) -> None:
    assert media_type(encoded(Image.new("RGB", (4, 4)), kind)) == f"image/{kind.lower()}"


def test_other_bytes_have_no_media_type() -> None:
    with pytest.raises(BadInputError, match="none of JPEG, PNG, WebP"):
        media_type(encoded(Image.new("RGB", (4, 4)), "GIF"))
