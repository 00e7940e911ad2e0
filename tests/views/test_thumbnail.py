import io

import numpy as np
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
    assert (small.format, small.mode) == ("JPEG", "RGB")
    assert 200 <= small.width <= 256 and small.width == 2 * small.height


def test_a_small_picture_is_not_enlarged() -> None:
    assert Image.open(io.BytesIO(thumbnail(encoded(Image.new("RGB", (40, 30)), "PNG")))).size == (40, 30)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("width", [257, 300, 319, 320, 321, 332, 448, 511, 512, 513, 700, 1023, 2049])
def test_a_thumbnail_of_a_larger_picture_has_nearly_the_size_allowed(kind: str, width: int) -> None:
    size = Image.open(io.BytesIO(thumbnail(encoded(Image.new("RGB", (width, 5)), kind)))).size
    assert 160 <= size[0] <= 256 and 1 <= size[1] <= 5


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("side", [300, 332, 448, 1100])
def test_a_thumbnail_is_close_to_the_picture_that_pillow_resamples(kind: str, side: int) -> None:
    rows, columns = np.mgrid[0:side, 0:side] / side
    waves = np.stack([np.sin(9 * rows), np.cos(7 * columns), np.sin(5 * (rows + columns))], axis=2)
    picture = Image.fromarray((127 + 120 * waves).astype(np.uint8))
    small = Image.open(io.BytesIO(thumbnail(encoded(picture, kind))))
    expected = picture.resize(small.size, Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(small, dtype=float) - np.asarray(expected, dtype=float)).mean() < 3


def test_a_thumbnail_holds_nothing_of_a_file_but_its_picture() -> None:
    out = io.BytesIO()
    Image.new("RGB", (40, 30)).save(
        out, "JPEG", comment=b"a name", icc_profile=b"a profile", exif=b"Exif\0\0a camera"
    )
    data = thumbnail(out.getvalue())
    assert not any(word in data for word in (b"a name", b"a profile", b"a camera"))


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
