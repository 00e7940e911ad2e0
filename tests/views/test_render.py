import io
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Step
from vlm_eval.views import identity
from vlm_eval.views.image import image_view
from vlm_eval.views.render import render, reopen

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SECRET = b"a photographer's name"


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB")).astype(int)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x013B] = SECRET.decode()
    if orientation:
        tags[0x0112] = orientation
    return tags


def operations(path: Path) -> list[str]:
    return [step.operation for step in image_view(path, "query").recipe]


def png_text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", SECRET.decode())
    info.add_text("Comment", SECRET.decode(), zip=True)
    info.add_itxt("Title", SECRET.decode())
    return info


@pytest.mark.parametrize("orientation", [0, 1])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {"comment": SECRET, "xmp": SECRET, "progressive": True}),
        ("b.jpg", {"dpi": (300, 300)}),
        ("a.png", {"dpi": (300, 300)}),
        ("a.webp", {"xmp": SECRET}),
        ("b.webp", {"lossless": True}),
    ],
)
def test_metadata_goes_and_pixels_and_profile_stay(save, colours, name, options, orientation) -> None:
    if name == "a.png":
        options = options | {"pnginfo": png_text()}
    path = save(colours, name, exif=exif(orientation), icc_profile=PROFILE, **options)
    view = image_view(path, "query")
    assert operations(path) == ["strip-metadata"]
    sent = view.read()
    assert SECRET not in sent and b"Exif" not in sent and b"EXIF" not in sent and b"eXIf" not in sent
    after = opened(sent)
    assert not after.getexif()
    assert after.info.get("icc_profile") == PROFILE
    assert not set(after.info) & {"comment", "Author", "Comment", "Title", "xmp"}
    assert np.array_equal(pixels(after), pixels(opened(path.read_bytes())))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_what_was_stripped_once_passes_untouched(save, colours, name, tmp_path) -> None:
    view = image_view(save(colours, name, exif=exif(1), icc_profile=PROFILE), "query")
    (tmp_path / f"clean-{name}").write_bytes(view.read())
    assert image_view(tmp_path / f"clean-{name}", "query").recipe == ()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_a_colour_profile_alone_passes_untouched(save, colours, name) -> None:
    path = save(colours, name, icc_profile=PROFILE)
    assert image_view(path, "query").read() == path.read_bytes()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_what_lies_behind_the_picture_is_not_sent(save, colours, name) -> None:
    path = save(colours, name)
    whole = path.read_bytes()
    path.write_bytes(whole + SECRET)
    assert operations(path) == ["strip-metadata"]
    assert image_view(path, "query").read() == whole


def test_adobe_colours_of_a_jpeg_survive_stripping(save, colours) -> None:
    path = save(colours, "a.jpg", keep_rgb=True, comment=SECRET)
    after = opened(image_view(path, "query").read())
    assert np.array_equal(pixels(after), pixels(opened(path.read_bytes())))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tiff"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_orientation_is_applied_once(save, colours, name, orientation) -> None:
    options = {} if name == "a.tiff" else {"quality": 100, "lossless": True}
    path = save(colours, name, exif=exif(orientation), **options)
    view = image_view(path, "query")
    after = opened(view.read())
    upright = ImageOps.exif_transpose(Image.open(path))
    assert view.size == after.size == upright.size
    assert np.array_equal(pixels(after), pixels(upright))
    assert after.format == "PNG" and not after.getexif()


def test_alpha_is_laid_over_white(save, colours) -> None:
    see_through = colours.copy()
    see_through.putalpha(Image.linear_gradient("L").resize(colours.size))
    for name in ("a.png", "a.webp"):
        path = save(see_through, name, **({"lossless": True, "exact": True} if name == "a.webp" else {}))
        after = opened(image_view(path, "query").read())
        weight = np.asarray(see_through.getchannel("A"))[..., None] / 255
        expected = pixels(colours) * weight + 255 * (1 - weight)
        assert after.mode == "RGB"
        assert np.abs(pixels(after) - expected).max() <= 1


def test_a_transparent_colour_becomes_white(save) -> None:
    picture = Image.new("RGB", (4, 4), (10, 20, 30))
    picture.putpixel((1, 2), (200, 0, 0))
    path = save(picture, "a.png", transparency=(10, 20, 30))
    after = opened(image_view(path, "query").read())
    assert after.getpixel((0, 0)) == (255, 255, 255)
    assert after.getpixel((1, 2)) == (200, 0, 0)


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.bmp"])
def test_a_palette_is_resolved(save, colours, name) -> None:
    few = colours.quantize(8)
    after = opened(image_view(save(few, name), "query").read())
    assert after.mode == "RGB"
    assert np.array_equal(pixels(after), pixels(few))


def test_a_transparent_palette_entry_becomes_white(save) -> None:
    picture = Image.new("P", (4, 4), 0)
    picture.putpalette([9, 9, 9, 200, 0, 0])
    picture.putpixel((1, 2), 1)
    for name in ("a.png", "a.gif"):
        after = opened(image_view(save(picture, name, transparency=0), "query").read())
        assert (after.getpixel((0, 0)), after.getpixel((1, 2))) == ((255, 255, 255), (200, 0, 0))


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_of_sixteen_bits_the_high_byte_is_taken(save, name) -> None:
    samples = np.array([[0, 255, 256], [32768, 65279, 65535]], dtype=np.uint16)
    view = image_view(save(Image.fromarray(samples), name), "query")
    assert [step.operation for step in view.recipe] == ["to-rgb8-png"]
    assert pixels(opened(view.read()))[..., 1].tolist() == [[0, 0, 1], [128, 254, 255]]


def test_sixteen_bit_colours_are_reduced_alike(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    raw = b"\0" + struct.pack(">HHH", 255, 256, 65535)
    path = tmp_path / "a.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", _zip(raw)) + _chunk(b"IEND", b"")
    )
    assert pixels(opened(image_view(path, "query").read())).tolist() == [[[0, 1, 255]]]


def _chunk(kind: bytes, payload: bytes) -> bytes:
    import zlib

    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def _zip(raw: bytes) -> bytes:
    import zlib

    return zlib.compress(raw)


def test_floats_between_zero_and_one_are_scaled(save) -> None:
    samples = np.array([[0.0, 0.5, 1.0]], dtype=np.float32)
    after = opened(image_view(save(Image.fromarray(samples), "a.tiff"), "query").read())
    assert pixels(after)[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("samples", [[[0.0, 2.0]], [[-1.0, 0.5]], [[float("nan"), 0.5]]])
def test_floats_without_a_known_range_are_refused(save, samples) -> None:
    path = save(Image.fromarray(np.array(samples, dtype=np.float32)), "a.tiff")
    with pytest.raises(BadInputError, match=r"a\.tiff has samples from .* allowed are 0 to 1\. Scale them"):
        image_view(path, "query").read()


def test_cmyk_jpegs_come_out_in_their_own_colours(save, colours) -> None:
    path = save(colours.convert("CMYK"), "a.jpg", quality=100, subsampling=0)
    after = opened(image_view(path, "query").read())
    assert after.mode == "RGB"
    assert np.abs(pixels(after) - pixels(colours)).mean() < 8


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_of_an_animation_the_first_frame_is_sent(save, name) -> None:
    red, blue = Image.new("RGB", (8, 8), (255, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 255))
    path = save(red, name, save_all=True, append_images=[blue])
    sent = image_view(path, "query").read()
    assert getattr(opened(sent), "n_frames", 1) == 1
    assert np.abs(pixels(opened(sent)) - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("name", ["a.bmp", "a.tiff", "a.ppm", "a.jp2"])
def test_other_formats_are_rendered_as_png(save, colours, name) -> None:
    path = save(colours, name)
    assert operations(path) == ["to-rgb8-png"]
    after = opened(image_view(path, "query").read())
    assert after.format == "PNG"
    assert np.abs(pixels(after) - pixels(colours)).max() <= (4 if name == "a.jp2" else 0)


def test_a_rendered_picture_keeps_an_rgb_profile_only(save, colours) -> None:
    rgba = save(colours.convert("RGBA"), "a.png", icc_profile=PROFILE)
    assert opened(image_view(rgba, "query").read()).info["icc_profile"] == PROFILE
    other = save(colours.convert("RGBA"), "b.png", icc_profile=PROFILE[:16] + b"CMYK" + PROFILE[20:])
    assert "icc_profile" not in opened(image_view(other, "query").read()).info


def test_rendering_twice_gives_the_same_bytes(save, colours) -> None:
    view = image_view(save(colours.convert("RGBA"), "a.png"), "query")
    assert view.read() == view.read() == render(view.path, view.recipe)


def test_a_reopened_view_is_the_same_view(save, colours) -> None:
    view = image_view(save(colours.convert("RGBA"), "a.png"), "reference")
    again = reopen(view.role, view.path, view.recipe, view.identity, view.size)
    assert again == view
    assert again.read() == view.read()


def test_an_unknown_step_is_refused(save, colours) -> None:
    path = save(colours, "a.png")
    with pytest.raises(BadInputError, match=r"unknown step 'sharpen'.*allowed are strip-metadata, to-rgb8-png"):
        render(path, (Step("sharpen"),))


def test_a_file_that_vanishes_after_planning_is_bad_input(save, colours) -> None:
    path = save(colours, "a.png")
    view = image_view(path, "query")
    path.unlink()
    with pytest.raises(BadInputError, match=r"a\.png cannot be read"):
        view.read()


def test_a_picture_with_damaged_data_is_bad_input_where_it_is_rendered(save, colours) -> None:
    path = save(colours.convert("RGBA"), "a.png")
    data = bytearray(path.read_bytes())
    start = data.index(b"IDAT") + 4
    data[start : start + 10] = b"\xff" * 10
    path.write_bytes(data)
    with pytest.raises(BadInputError, match=r"a\.png cannot be decoded"):
        image_view(path, "query").read()


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_a_file_that_changed_after_planning_is_not_sent_under_its_old_identity(save, colours, name) -> None:
    path = save(colours, name)
    planned = image_view(path, "query")
    stored = reopen(planned.role, path, planned.recipe, planned.identity, planned.size)
    save(colours.rotate(180), name)
    for view in (planned, pickle.loads(pickle.dumps(stored))):
        with pytest.raises(BadInputError, match=rf"{name} is not the picture .* changed since .* start a new run"):
            view.read()
    save(colours, name)
    assert planned.read() == stored.read()


def test_a_file_that_was_missing_when_planning_is_not_sent_as_the_missing_one(save, colours, tmp_path) -> None:
    missing = image_view(tmp_path / "a.png", "query")
    save(colours, "a.png")
    with pytest.raises(BadInputError, match="changed since"):
        missing.read()


def test_another_version_of_the_renderer_does_not_send_under_an_old_identity(save, colours, monkeypatch) -> None:
    view = image_view(save(colours, "a.png"), "query")
    monkeypatch.setattr(identity, "RENDERER_VERSION", identity.RENDERER_VERSION + 1)
    with pytest.raises(BadInputError, match="another version of vlm-eval"):
        view.read()
